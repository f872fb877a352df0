import pytest

from openoutcry.cli.top_events import Events
from openoutcry.memory.halt_latch import HaltRecord


def snapshot(state="running", *, troubles=(), restarts=None, halt=None, is_heard=True):
    actors = {role: {"restarts": count, "pid": 9} for role, count in (restarts or {}).items()}
    return {
        "at_ns": 1_723_161_600 * 10**9,
        "state": state,
        "outcome": "the replay ended",
        "halt": HaltRecord(reason=halt, by="me", at_ns=1) if halt else None,
        "system": {"actors": actors, "troubles": list(troubles)} if is_heard else None,
    }


@pytest.fixture
def events():
    events = Events()
    assert events.since(snapshot(restarts={"risk": 2})) == ["00:00:00  the system runs, and is well"]
    return events


def said(events, **values):
    return [line.split("  ", 1)[1] for line in events.since(snapshot(**values))]


def test_nothing_new_is_not_told(events):
    assert said(events, restarts={"risk": 2}) == []


def test_a_trouble_that_lasts_is_told_once_and_its_end_as_well(events):
    first = said(events, state="unhealthy", troubles=["risk: no heartbeat for 6 s"])
    assert first == ["the system is not well", "risk: no heartbeat for 6 s"]
    assert said(events, state="unhealthy", troubles=["risk: no heartbeat for 7 s"]) == []
    both = said(events, state="unhealthy", troubles=["risk: no heartbeat for 8 s", "memory: failed"])
    assert both == ["memory: failed"]
    assert said(events) == [
        "the system runs, and is well",
        "over: risk: no heartbeat",
        "over: memory: failed",
    ]


def test_a_system_that_is_not_heard_of_has_not_got_over_its_troubles(events):
    said(events, state="unhealthy", troubles=["risk: failed"])
    (line,) = said(events, state="silent", is_heard=False)
    assert "does not answer" in line
    assert said(events, state="unhealthy", troubles=["risk: failed"]) == ["the system is not well"]


def test_a_restart_is_told(events):
    assert said(events, restarts={"risk": 4, "memory": 1}) == ["risk: restarted, 4 in all; now pid 9"]
    assert said(events, restarts={"risk": 4, "memory": 2}) == ["memory: restarted, 2 in all; now pid 9"]


def test_a_halt_and_the_end_are_told(events):
    assert said(events, halt="drill") == ["halt armed: drill (by me)"]
    assert said(events, halt="drill") == []
    assert said(events) == ["halt lifted"]
    assert said(events, state="ended", is_heard=False) == ["the run has ended: the replay ended"]
    assert "killed" in said(Events(), state="killed", is_heard=False)[0]

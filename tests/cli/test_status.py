"""What `status` shows of the actors; how it judges a run stands in test_commands.py."""

import pytest
from tests.cli.watched_run import WatchedRun


@pytest.fixture
def watched(state, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = WatchedRun(state)
    yield run
    run.close()


def row_of(output, role):
    """The words of an actor's line."""
    (line,) = [line for line in output.splitlines() if line.startswith(f"{role} ")]
    return line.split()


def test_it_shows_every_actor_with_all_that_is_known_of_it(oo, watched):
    watched.beat("risk", pid=4242, mailbox=17, restarts=2, rss_bytes=55 * 2**20, last_message_ago_ms=300)
    watched.beat("ingestion", pid=4243, rss_bytes=1536 * 2**20)
    called = oo("status")
    assert called.code == 0
    assert row_of(called.out, "risk") == ["risk", "running", "4242", "17", "0.3", "s", "2", "55"]
    assert row_of(called.out, "ingestion") == ["ingestion", "running", "4243", "0", "none", "0", "1,536"]
    (header,) = [line for line in called.out.splitlines() if line.startswith("actor ")]
    assert header.split() == ["actor", "state", "pid", "mailbox", "last", "message", "restarts", "MiB"]
    assert max(map(len, called.out.splitlines()[:-1])) <= 80  # the last is the folder's name


def test_a_silent_actor_is_marked_and_a_stopped_one_is_not(oo, watched):
    watched.beat("risk", ago_ms=5000)
    watched.beat("memory", ago_ms=60_000, state="stopped")
    assert row_of(oo("status").out, "risk")[1] == "running"
    watched.beat("risk", ago_ms=12_400)
    called = oo("status")
    assert called.code == 1
    assert row_of(called.out, "risk")[1:4] == ["silent", "12", "s"]
    assert row_of(called.out, "memory")[1] == "stopped"


def test_troubles_stand_below_the_actors(oo, watched):
    watched.beat("risk", state="quarantined", ago_ms=60_000)
    watched.beat("supervisor")
    called = oo("status")
    assert called.code == 1
    lines = [line.split() for line in called.out.splitlines()]
    assert lines.index(["trouble", "risk:", "quarantined"]) > lines.index(row_of(called.out, "supervisor"))


def test_the_json_has_the_age_of_the_last_message(oo, watched):
    watched.beat("risk", last_message_ago_ms=300, ago_ms=6000)
    watched.beat("ingestion")
    actors = oo("status", "--json").result["system"]["actors"]
    assert actors["risk"]["last_message_age_ms"] == 300
    assert actors["ingestion"]["last_message_age_ms"] is None
    assert [actors[role]["is_silent"] for role in ("risk", "ingestion")] == [True, False]

"""When an actor counts as hanging, and how often it may be started anew."""

from openoutcry.actors.child import (
    HANG_AFTER_S,
    RESTART_BACKOFF_S,
    RESTART_WINDOW_S,
    RESTARTS_MAX,
    START_TIMEOUT_S,
    Child,
)


def living(now_s=0.0):
    child = Child()
    child.begin("address", now_s)
    return child


def test_an_actor_without_a_pulse_hangs():
    child = living()
    child.ready(7, {}, 0.0)
    child.pulse(5.0)
    assert child.hangs_for_s(5.0 + HANG_AFTER_S) == 0.0
    assert child.hangs_for_s(6.0 + HANG_AFTER_S) == 1.0 + HANG_AFTER_S


def test_one_that_is_still_being_configured_may_take_longer():
    child = living()
    assert child.hangs_for_s(START_TIMEOUT_S) == 0.0
    assert child.hangs_for_s(START_TIMEOUT_S + 1) == START_TIMEOUT_S + 1


def test_what_has_ended_does_not_hang():
    child = living()
    child.ready(7, {}, 0.0)
    child.is_stopped = True
    assert child.hangs_for_s(1e6) == 0.0
    child.exited()
    assert child.hangs_for_s(1e6) == 0.0


def test_each_restart_waits_longer_until_there_were_too_many():
    child = living()
    waits = []
    for _ in range(RESTARTS_MAX):
        assert child.plan_restart(100.0)
        waits.append(child.restart_due_s - 100.0)
    assert waits == list(RESTART_BACKOFF_S)
    assert not child.plan_restart(100.0)
    assert child.restarts == RESTARTS_MAX


def test_deaths_long_ago_are_forgiven():
    child = living()
    for _ in range(RESTARTS_MAX):
        child.plan_restart(0.0)
    assert child.plan_restart(RESTART_WINDOW_S)
    assert child.restart_due_s == RESTART_WINDOW_S


def test_what_is_out_of_reach_lives_anew_at_once_and_is_not_blamed():
    child = living()
    for number in range(RESTARTS_MAX + 1):
        child.begin(f"address-{number}", 100.0)
        assert child.abandoned is None
        child.lost(100.0)
        assert (child.address, child.abandoned) == (None, f"address-{number}")
        assert (child.restarts, child.restart_due_s) == (number + 1, 100.0)
    assert child.plan_restart(100.0)


def test_the_state_that_is_shown():
    child = Child()
    assert child.state == "failed"
    child.begin("address", 0.0)
    assert child.state == "starting"
    child.ready(7, {}, 0.0)
    assert child.state == "ready"
    child.is_started = True
    assert child.state == "running"
    child.is_stopped = True
    assert child.state == "stopped"
    child.is_quarantined = True
    assert child.state == "quarantined"

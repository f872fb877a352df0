import pytest

from openoutcry.risk_management.circuit_breaker import CircuitBreaker, DrawdownBreaker


@pytest.fixture
def breaker():
    return CircuitBreaker(max_failures=3, window_ns=100, cool_down_ns=50, max_trips=2)


def fail(breaker, *moments):
    return [breaker.on_failure(moment) for moment in moments]


def test_it_opens_at_the_limit_and_refuses(breaker):
    assert fail(breaker, 1, 2, 3) == [False, False, True]
    assert breaker.state(4) == "OPEN"
    assert not breaker.allows(52)


def test_old_failures_do_not_count(breaker):
    fail(breaker, 1, 2)
    assert fail(breaker, 150) == [False]
    assert breaker.allows(150)


def test_after_the_cool_down_one_probe_may_go_out(breaker):
    fail(breaker, 1, 2, 3)
    assert breaker.state(53) == "HALF_OPEN"
    assert breaker.allows(53)
    breaker.on_order(53)
    assert not breaker.allows(54)


def test_a_probe_that_succeeds_closes_it(breaker):
    fail(breaker, 1, 2, 3)
    breaker.on_order(53)
    breaker.on_success(54)
    assert breaker.state(54) == "CLOSED"
    assert fail(breaker, 55, 56) == [False, False]


def test_a_probe_that_fails_opens_it_again_and_breaks_it_in_the_end(breaker):
    fail(breaker, 1, 2, 3)
    assert not breaker.is_broken
    breaker.on_order(53)
    assert fail(breaker, 54) == [True]
    assert breaker.state(55) == "OPEN"
    assert breaker.is_broken


def test_a_probe_without_a_verdict_makes_room_for_another(breaker):
    fail(breaker, 1, 2, 3)
    breaker.on_order(53)
    breaker.on_probe_over()
    assert breaker.allows(54)


def test_drawdown_is_measured_from_the_highest_and_loss_from_the_days_start():
    breaker = DrawdownBreaker(max_drawdown_bps=100)
    breaker.observe(1_000_000, 1)
    breaker.observe(1_100_000, 1)
    assert breaker.daily_loss_atoms(990_000) == 10_000
    assert breaker.drawdown_bps(1_089_000) == 100
    assert not breaker.is_broken(1_089_000)
    assert breaker.is_broken(1_088_999)
    breaker.observe(1_050_000, 2)
    assert breaker.daily_loss_atoms(1_040_000) == 10_000
    assert breaker.drawdown_bps(1_200_000) <= 0

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.statistics.made_results import MIDNIGHT

from openoutcry.backtesting.statistics.returns import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    natural_period_ns,
    resample,
    returns_of,
    simple_returns,
)
from openoutcry.domain.errors import InvalidInputError


def every(step_ns, rows):
    return MIDNIGHT + step_ns * np.arange(1, rows + 1, dtype=np.int64)


def test_a_close_at_midnight_belongs_to_the_day_that_it_ends():
    times = MIDNIGHT + np.array([DAY_NS - 1, DAY_NS, DAY_NS + 1])
    ends, last = resample(times, np.array([1, 2, 3]), DAY_NS)
    assert (ends - MIDNIGHT).tolist() == [DAY_NS, 2 * DAY_NS]
    assert last.tolist() == [2, 3]


def test_a_day_without_a_moment_keeps_the_value_before():
    times = MIDNIGHT + np.array([1, 3 * DAY_NS])
    ends, last = resample(times, np.array([5, 7]), DAY_NS)
    assert (ends - MIDNIGHT).tolist() == [DAY_NS, 2 * DAY_NS, 3 * DAY_NS]
    assert last.tolist() == [5, 5, 7]


@pytest.mark.parametrize(
    ("step_ns", "rows", "period_ns"),
    [
        (5 * MINUTE_NS, 60 * 288, DAY_NS),
        (5 * MINUTE_NS, 60 * 288 - 1, HOUR_NS),
        (5 * MINUTE_NS, 100, 5 * MINUTE_NS),
        (MINUTE_NS // 60, 3600, MINUTE_NS),
        (DAY_NS, 10, DAY_NS),
        (7 * DAY_NS, 500, 7 * DAY_NS),
    ],
)
def test_the_natural_period_is_the_longest_of_which_there_are_enough(step_ns, rows, period_ns):
    assert natural_period_ns(every(step_ns, rows)) == period_ns


def test_the_first_return_is_from_the_opening():
    returns = returns_of(every(DAY_NS, 2), np.array([110, 99]), 100)
    assert returns.values == pytest.approx([0.1, -0.1])
    assert returns.periods_per_year == 365


@given(st.lists(st.integers(10**8, 10**12), min_size=1, max_size=300), st.integers(10**8, 10**12))
def test_returns_compound_to_what_was_earned_at_any_period(equity, opening):
    times = every(5 * MINUTE_NS, len(equity))
    for period_ns in (None, HOUR_NS, DAY_NS):
        returns = returns_of(times, np.array(equity), opening, period_ns)
        assert np.prod(1.0 + returns.values) == pytest.approx(equity[-1] / opening, rel=1e-6)


def test_after_a_ruin_there_are_no_returns():
    assert simple_returns([100, 50, -20, 40, 80]).tolist() == [-0.5, -1.4, 0.0, 0.0]


@pytest.mark.parametrize("equity", [[0, 1], [-1, 2], [1, np.nan], [[1, 2], [3, 4]]])
def test_what_has_no_returns_is_refused(equity):
    with pytest.raises(InvalidInputError):
        simple_returns(equity)


def test_a_curve_that_goes_back_is_refused_with_its_row():
    with pytest.raises(InvalidInputError, match="row 2"):
        resample(np.array([1, 3, 2]), np.array([1, 1, 1]), DAY_NS)

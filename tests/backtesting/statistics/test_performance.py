import math
import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.statistics.made_results import MIDNIGHT, curve_of, fill, result_of

from openoutcry.backtesting.statistics.drawdown import drawdown_of
from openoutcry.backtesting.statistics.performance import (
    Performance,
    annual_return,
    performance_of,
    sortino_ratio,
)
from openoutcry.backtesting.statistics.returns import DAY_NS, HOUR_NS, simple_returns
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import empyrical

WALK = 100 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.001, 0.02, 400))


def test_the_figures_are_empyricals():
    figures = performance_of(result_of(curve_of(WALK, held=WALK[::-1])))
    returns = simple_returns(np.concatenate(([100.0], np.round(WALK * ATOMS_PER_UNIT) / ATOMS_PER_UNIT)))
    for name, theirs in (
        ("annual_return", empyrical.annual_return(returns, annualization=365)),
        ("volatility", empyrical.annual_volatility(returns, annualization=365)),
        ("sharpe", empyrical.sharpe_ratio(returns, annualization=365)),
        ("sortino", empyrical.sortino_ratio(returns, annualization=365)),
        ("total_return", empyrical.cum_returns_final(returns)),
        ("calmar", empyrical.calmar_ratio(returns, annualization=365)),
    ):
        assert getattr(figures, name) == pytest.approx(theirs, rel=1e-9), name
    assert figures.drawdown.share == pytest.approx(-empyrical.max_drawdown(returns))
    assert set(figures.undefined) == {"win_rate", "profit_factor", "average_trade_atoms"}  # it has no fills


def test_a_small_account_by_hand():
    curve = curve_of([100, 110, 99, 104.5], held=[100, 120, 90, 95], positions=[0, 5, 5, 0])
    trades = [
        fill(0, "buy", 6_000_000, 5, fee_atoms=3),
        fill(1, "sell", 6_300_000, 5, fee_atoms=4),
        fill(2, "buy", 6_300_000, 5, fee_atoms=4),
        fill(3, "sell", 6_200_000, 5, fee_atoms=4),
    ]
    figures = performance_of(result_of(curve, trades, fees_atoms=15, funding_atoms=-5))
    assert figures.total_return == pytest.approx(0.045)
    assert figures.net_atoms == 450_000_000
    assert figures.gross_atoms == 450_000_010
    assert figures.fee_share == pytest.approx(15 / 450_000_010)
    assert figures.funding_share == pytest.approx(-5 / 450_000_010)
    assert figures.drawdown.share == pytest.approx(0.1)
    assert figures.drawdown.atoms == 11 * ATOMS_PER_UNIT
    assert figures.exposure_share == pytest.approx(0.5)
    tick_lot = 10  # atoms: 0.01 USDT times 0.00001 BTC
    won, lost = 5 * 300_000 * tick_lot - 7, 5 * 100_000 * tick_lot + 8
    assert (figures.trades, figures.win_rate) == (2, 0.5)
    assert figures.profit_factor == pytest.approx(won / lost)
    assert figures.average_trade_atoms == pytest.approx((won - lost) / 2)
    traded = 5 * (6_000_000 + 6_300_000 * 2 + 6_200_000) * tick_lot
    assert figures.turnover == pytest.approx(traded / (413.5 / 4 * ATOMS_PER_UNIT))
    assert figures.benchmark_return == pytest.approx(-0.05)
    assert figures.excess_return == pytest.approx(0.095)
    assert figures.benchmark_drawdown == pytest.approx(0.25)
    assert figures.annual_return is None  # four days


def test_what_has_no_value_is_none_with_a_reason():
    figures = performance_of(result_of(curve_of([100] * 5, positions=[0] * 5)))
    missing = {name for name in Performance.__struct_fields__ if getattr(figures, name) is None}
    assert missing - {"benchmark_sharpe"} == set(figures.undefined)
    assert figures.undefined["sharpe"] == "the account did not vary"
    assert figures.undefined["fee_share"] == "nothing was earned before fees and funding"
    assert all(math.isfinite(value) for value in msgspec.structs.astuple(figures) if isinstance(value, float))


@pytest.mark.parametrize(("hours", "is_told"), [(30 * 24 - 1, False), (30 * 24, True)])
def test_what_is_said_of_a_year_needs_thirty_days(hours, is_told):
    walk = 100 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.001, 0.02, hours))
    figures = performance_of(result_of(curve_of(walk, held=walk[::-1], step_ns=HOUR_NS)))
    yearly = ("annual_return", "calmar", "sharpe", "sortino", "alpha_sharpe")
    for name in yearly:
        assert (getattr(figures, name) is not None) == is_told, name
        assert figures.undefined.get(name, "") == (
            "" if is_told else "fewer than 30 days say nothing of a year"
        )
    assert (figures.benchmark_sharpe is not None) == is_told
    assert None not in {figures.sharpe_per_period, figures.skill_probability, figures.volatility}


@pytest.mark.parametrize(("weeks", "why"), [(29, "29 periods are too few to say it of a year"), (30, None)])
def test_a_years_sharpe_needs_thirty_periods(weeks, why):
    walk = 100 * np.cumprod(1.0 + np.random.default_rng(3).normal(0.001, 0.02, weeks))
    figures = performance_of(result_of(curve_of(walk, step_ns=7 * DAY_NS)))
    assert figures.undefined.get("sharpe") == figures.undefined.get("sortino") == why
    assert (figures.sharpe is None) == (why is not None)
    assert figures.annual_return is not None


def test_one_moment_has_figures():
    figures = performance_of(result_of(curve_of([120])))
    assert figures.total_return == pytest.approx(0.2)
    assert figures.undefined["sharpe"] == "there are fewer than two periods"


def test_an_account_that_only_wins_has_no_sortino_and_no_calmar():
    figures = performance_of(result_of(curve_of(100 * np.cumprod(1.001 + np.arange(60) % 2 * 0.001))))
    assert figures.undefined["sortino"] == "no period lost"
    assert figures.undefined["calmar"] == "the account never fell"


def test_a_losing_account_needs_no_track_record():
    figures = performance_of(result_of(curve_of(10_000 / WALK)))
    assert figures.sharpe < 0
    assert figures.track_record_periods is None
    assert "track_record_periods" in figures.undefined


def test_an_account_that_is_lost_is_a_ruin():
    figures = performance_of(result_of(curve_of([100, -50] + [-50] * 58)))
    assert figures.total_return == -1.5
    assert figures.annual_return == -1.0
    assert figures.drawdown.share == pytest.approx(1.5)


def test_the_period_can_be_chosen():
    result = result_of(curve_of(WALK, step_ns=HOUR_NS))
    assert performance_of(result).period_ns == HOUR_NS
    assert performance_of(result, period_ns=DAY_NS).periods == 17


def test_figures_go_to_json_and_back():
    figures = performance_of(result_of(curve_of(WALK)))
    assert msgspec.json.decode(msgspec.json.encode(figures), type=Performance) == figures


@pytest.mark.parametrize(
    "result", [result_of(curve_of([])), result_of(curve_of([1]), opening=0)], ids=["empty", "poor"]
)
def test_without_a_curve_or_money_there_are_no_figures(result):
    with pytest.raises(InvalidInputError, match="curve"):
        performance_of(result)


def test_times_of_a_drawdown():
    days = MIDNIGHT + DAY_NS * np.arange(8)
    drawdown = drawdown_of(days, np.array([100, 120, 90, 120, 115, 110, 118, 119]), 100)
    assert (drawdown.share, drawdown.atoms) == (0.25, 30)
    assert [
        (at - MIDNIGHT) // DAY_NS for at in (drawdown.high_ns, drawdown.low_ns, drawdown.recovered_ns)
    ] == [
        1,
        2,
        3,
    ]
    assert drawdown.longest_ns == 4 * DAY_NS  # from the third day's 120 to the end


def test_a_first_moment_below_the_opening_is_a_fall():
    drawdown = drawdown_of(MIDNIGHT + DAY_NS * np.arange(2), np.array([90, 95]), 100)
    assert (drawdown.share, drawdown.atoms, drawdown.recovered_ns) == (0.1, 10, None)
    assert drawdown.longest_ns == DAY_NS


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60), st.integers(1, 200))
def test_a_drawdown_is_that_of_a_slow_and_obvious_way(equity, opening):
    times = MIDNIGHT + DAY_NS * np.arange(len(equity))
    drawdown = drawdown_of(times, np.array(equity), opening)
    highest, deepest, high_at, longest = opening, 0.0, 0, 0
    under = False
    for day, value in enumerate(equity):
        if value >= highest:
            if under:
                longest = max(longest, day - high_at)
            highest, high_at, under = value, day, False
        else:
            under = True
            longest = max(longest, day - high_at)
        deepest = max(deepest, (highest - value) / highest)
    assert drawdown.share == pytest.approx(deepest)
    assert drawdown.longest_ns == longest * DAY_NS


@given(st.floats(-0.99, 20), st.floats(0.5, 30))
def test_annual_return_compounds_back(total, years):
    assert (1.0 + annual_return(total, years)) ** years == pytest.approx(1.0 + total, rel=1e-6)


def test_an_annual_return_without_a_value_is_refused():
    for total, years in ((0.1, 0.0), (10.0, 1e-6)):
        with pytest.raises(InvalidInputError):
            annual_return(total, years)


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=50), st.floats(0.01, 100))
def test_sortino_does_not_depend_on_scale(returns, scale):
    plain = sortino_ratio(np.array(returns), 365.0)
    if plain is not None and min(returns) < -1e-6:
        assert sortino_ratio(np.array(returns) * scale, 365.0) == pytest.approx(plain, rel=1e-6, abs=1e-9)

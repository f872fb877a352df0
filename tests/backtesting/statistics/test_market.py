import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.statistics.made_results import curve_of, result_of

from openoutcry.backtesting.statistics.market import betas, market_free
from openoutcry.backtesting.statistics.overfitting import selection_of
from openoutcry.backtesting.statistics.performance import performance_of
from openoutcry.domain.errors import InvalidInputError

MARKET = np.random.default_rng(1).normal(0.003, 0.02, 400)
OWN = np.random.default_rng(2).normal(0.0, 0.01, 400)


@given(st.floats(-3, 3), st.floats(-0.01, 0.01))
def test_beta_and_alpha_are_those_that_were_put_in(beta, alpha):
    own = OWN - OWN.mean()
    own -= market_part(own)  # exactly independent of the market
    returns = alpha + beta * MARKET + own
    assert betas(returns, MARKET) == pytest.approx(beta, abs=1e-9)
    assert market_free(returns, MARKET).mean() == pytest.approx(alpha, abs=1e-9)


def market_part(returns):
    around = MARKET - MARKET.mean()
    return around * (around @ returns) / (around @ around)


def test_columns_are_judged_each_for_itself():
    both = np.column_stack([MARKET * 0.3, OWN])
    assert betas(both, MARKET) == pytest.approx([0.3, np.polyfit(MARKET, OWN, 1)[0]])
    free = market_free(both, MARKET)
    assert (free[:, 0] == 0.0).all()  # nothing but the market, to the last bit
    assert free[:, 1] == pytest.approx(market_free(OWN, MARKET))


def test_a_market_that_does_not_vary_takes_nothing():
    assert np.isnan(betas(OWN, np.zeros(400)))
    assert market_free(OWN, np.zeros(400)) == pytest.approx(OWN)


def test_other_times_are_refused():
    with pytest.raises(InvalidInputError, match="same times"):
        market_free(OWN, MARKET[1:])


def test_coins_that_hold_a_rising_market_have_no_skill_beside_it():
    sides = np.random.default_rng(5).integers(0, 2, (400, 30))
    matrix = sides * (MARKET + 0.003)[:, None]
    assert selection_of(matrix).deflated > 0.95  # against cash it is significant, and it is the market
    assert selection_of(matrix, market=MARKET + 0.003).deflated < 0.5


def test_a_backtest_tells_its_beta_and_what_is_its_own():
    held = 100 * np.cumprod(1.0 + MARKET)
    figures = performance_of(result_of(curve_of(100 * np.cumprod(1.0 + 0.5 * MARKET + OWN), held=held)))
    assert figures.beta == pytest.approx(0.5, abs=0.05)
    assert figures.alpha_sharpe < figures.sharpe
    same = performance_of(result_of(curve_of(held)))
    assert same.beta == pytest.approx(1.0)
    assert same.undefined["alpha_sharpe"] == "it had no returns of its own"

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openoutcry.backtesting.statistics.bootstrap import (
    bands_of,
    bootstrap,
    max_drawdowns,
    optimal_block_length,
    stationary_indices,
    total_returns,
)
from openoutcry.backtesting.statistics.sharpe import moments_of
from openoutcry.domain.errors import InvalidInputError


def autoregression(seed, weight, rows):
    noise = np.random.default_rng(seed).standard_normal(rows)
    values = np.empty(rows)
    values[0] = noise[0]
    for row in range(1, rows):
        values[row] = weight * values[row - 1] + noise[row]
    return values


ARCH = [
    (1, 0.0, 500, 3.1897088592453064),
    (2, 0.5, 1000, 9.00659410316523),
    (3, 0.9, 2000, 40.97533908658694),
    (4, -0.4, 750, 8.131813897214798),
]


@pytest.mark.parametrize(("seed", "weight", "rows", "length"), ARCH)
def test_the_block_length_is_that_of_arch(seed, weight, rows, length):
    """`arch.bootstrap.optimal_block_length(...)["stationary"]` of arch 8.0.0 on the same series."""
    found = optimal_block_length(autoregression(seed, weight, rows))
    assert found == pytest.approx(length, rel=1e-12)


@pytest.mark.parametrize("weight", [0.3, 0.6])
def test_the_block_length_of_an_autoregression_has_a_closed_form(weight):
    """(2 rho / (1 - rho^2))^(2/3) n^(1/3): G is 2 R(0) rho / (1 - rho)^2, g(0) R(0) (1 + rho) / (1 - rho)."""
    rows = 20_000
    lengths = [optimal_block_length(autoregression(seed, weight, rows)) for seed in range(12)]
    closed = (2 * weight / (1 - weight**2)) ** (2 / 3) * rows ** (1 / 3)
    assert np.mean(lengths) == pytest.approx(closed, rel=0.12)


def test_blocks_have_the_wanted_mean_length_and_go_on_in_order():
    index = stationary_indices(np.random.default_rng(5), 1000, 400, 8.0)
    goes_on = (index[1:] - index[:-1]) % 1000 == 1
    assert 1.0 / (1.0 - goes_on.mean()) == pytest.approx(8.0, rel=0.02)
    assert np.bincount(index.ravel(), minlength=1000).min() > 300  # each row equally likely: some 400 times


def test_blocks_of_one_period_are_independent_draws():
    index = stationary_indices(np.random.default_rng(5), 500, 100, 1.0)
    assert np.mean((index[1:] - index[:-1]) % 500 == 1) < 0.01


def test_the_bootstrap_knows_the_error_of_a_mean():
    """An autoregression's mean has the variance g(0) / n, which independent draws underestimate by half."""
    values = autoregression(9, 0.5, 4000)
    means = np.concatenate([part.mean(axis=0) for part in bootstrap(values, draws=1500, seed=1)])
    assert means.std() == pytest.approx(2.0 / math.sqrt(4000), rel=0.12)  # g(0) = 1 / (1 - 0.5)^2


def test_the_same_seed_gives_the_same_bands_and_another_others():
    values = np.random.default_rng(2).normal(0.001, 0.01, 300)
    first, again, other = (bands_of(values, 365.0, draws=200, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.total_return != other.total_return


def test_the_band_of_a_sharpe_ratio_is_as_wide_as_its_error():
    values = np.random.default_rng(4).normal(0.002, 0.02, 1000)
    band = bands_of(values, 1.0, draws=2000, confidence=0.9).sharpe
    assert band.estimate == pytest.approx(moments_of(values).sharpe)
    assert band.high - band.low == pytest.approx(2 * 1.645 / math.sqrt(1000), rel=0.1)


def test_drawdown_and_total_return_are_those_of_the_account():
    returns = np.array([[0.5, -0.5], [-0.5, 0.0], [0.1, -1.0]])
    assert total_returns(returns) == pytest.approx([1.5 * 0.5 * 1.1 - 1.0, -1.0])
    assert max_drawdowns(returns) == pytest.approx([0.5, 1.0])


def test_what_does_not_vary_has_no_band_of_sharpe():
    bands = bands_of([0.0] * 50, 365.0, draws=50)
    assert bands.sharpe is None
    assert (bands.total_return.low, bands.total_return.high, bands.max_drawdown.high) == (0.0, 0.0, 0.0)


@given(
    arrays(np.float64, st.integers(10, 60), elements=st.floats(-0.875, 0.875, width=32)), st.integers(0, 5)
)
def test_a_band_holds_its_estimate(returns, seed):
    bands = bands_of(returns, 365.0, draws=30, seed=seed)
    for band in (bands.sharpe, bands.total_return, bands.max_drawdown):
        assert band is None or band.low <= band.estimate <= band.high
    assert bands.max_drawdown.low >= 0.0
    assert bands.max_drawdown.high <= 1.0


@given(arrays(np.float64, st.integers(10, 200), elements=st.floats(-1, 1, width=32)))
def test_a_block_is_never_shorter_than_a_period_or_longer_than_the_history(returns):
    assert 1.0 <= optimal_block_length(returns) <= len(returns)


@given(st.integers(1, 50), st.integers(1, 20), st.floats(1, 100), st.integers(0, 3))
def test_rows_drawn_exist(rows, draws, block, seed):
    index = stationary_indices(np.random.default_rng(seed), rows, draws, block)
    assert index.shape == (rows, draws)
    assert index.min() >= 0
    assert index.max() < rows


def test_many_draws_are_made_piece_by_piece():
    pieces = list(bootstrap(np.arange(600_000) * 1e-9, draws=3, block_periods=10.0))
    assert [piece.shape for piece in pieces] == [(600_000, 1)] * 3


@pytest.mark.parametrize("returns", [[0.1] * 9, [0.1] * 9 + [math.nan]])
def test_too_little_is_refused(returns):
    with pytest.raises(InvalidInputError, match="longer time"):
        bands_of(returns, 365.0)


def test_an_impossible_confidence_or_block_is_refused():
    with pytest.raises(InvalidInputError, match="confidence"):
        bands_of([0.1] * 20, 365.0, confidence=95)
    with pytest.raises(InvalidInputError, match="blocks"):
        stationary_indices(np.random.default_rng(0), 10, 10, 0.5)

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.backtesting.statistics.cross_validation import Split, walk_forward_windows
from openoutcry.backtesting.statistics.overfitting import overfitting_of, selection_of, walk_forward_of
from openoutcry.backtesting.statistics.sharpe import expected_maximum_sharpe, sharpe_ratios
from openoutcry.domain.errors import InvalidInputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import purgedcv


def noise(seed, periods, trials):
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


def sample_sharpe(returns):
    """With the sample's deviation, as ours; purgedcv's own takes the population's."""
    return float(returns.mean() / returns.std(ddof=1))


@pytest.mark.parametrize(("periods", "trials", "blocks"), [(240, 10, 8), (300, 21, 10), (126, 6, 6)])
def test_cscv_is_purgedcvs(periods, trials, blocks):
    matrix = noise(periods, periods, trials)
    matrix[:, 0] += 0.001
    theirs = purgedcv.probability_of_backtest_overfitting(matrix.T, blocks, metric=sample_sharpe)
    ours = overfitting_of(matrix, blocks)
    ties = np.mean(np.abs(theirs.logits) < 1e-12)  # at the very median: theirs counts none, ours a half
    assert ours.probability == pytest.approx(theirs.pbo + ties / 2)
    assert ours.splits == theirs.n_combos
    inside, outside = theirs.is_oos_performance.T
    # Theirs cuts uneven blocks elsewhere; these lengths divide.
    assert ours.in_sample_sharpe == pytest.approx(inside.mean())
    assert ours.out_of_sample_sharpe == pytest.approx(outside.mean())
    assert ours.loss_probability == pytest.approx(np.mean(outside < 0))
    assert ours.slope == pytest.approx(theirs.slope)


def test_a_skilled_trial_is_no_overfitting():
    matrix = noise(1, 600, 20)
    matrix[:, 3] += 0.004
    found = selection_of(matrix)
    assert (found.best, found.overfitting.probability) == (3, 0.0)
    assert found.deflated > 0.99
    assert found.overfitting.out_of_sample_sharpe > 0.2


def test_the_best_of_noise_is_overfitting_as_often_as_not():
    """Over many matrices of noise; within one, the halves mirror each other and so speak against the best."""
    found = [overfitting_of(noise(seed, 200, 30), 8) for seed in range(60)]
    assert 0.4 < np.mean([each.probability for each in found]) < 0.75
    assert np.mean([each.in_sample_sharpe for each in found]) > 0.15
    assert abs(np.mean([each.out_of_sample_sharpe for each in found])) < 0.06


def test_trials_alike_are_a_coin_toss():
    one = noise(4, 100, 1)
    assert overfitting_of(np.hstack([one] * 5), 4).probability == 0.5


def test_trials_that_never_trade_rank_as_zero():
    matrix = noise(6, 100, 3)
    matrix[:, 1] = 0.0
    found = selection_of(matrix)
    assert found.best != 1
    assert np.isfinite(found.deflated)


def test_more_trials_than_shown_deflate_more():
    matrix = noise(8, 300, 10)
    matrix[:, 0] += 0.0015
    few, many = selection_of(matrix), selection_of(matrix, trials=1000)
    assert many.deflated < few.deflated
    assert (few.trials, many.trials) == (10, 1000)
    spread = float(sharpe_ratios(matrix).std(ddof=1))
    assert many.luck_sharpe == pytest.approx(expected_maximum_sharpe(1000, spread))


def test_one_trial_is_deflated_by_what_was_tried_before():
    one = noise(2, 200, 1) + 0.001
    assert selection_of(one).overfitting is None
    assert selection_of(one, trials=100).deflated < selection_of(one).deflated


@given(st.integers(0, 50), st.floats(0.01, 100))
def test_scale_does_not_matter(seed, scale):
    matrix = noise(seed, 60, 5)
    plain, scaled = overfitting_of(matrix, 4), overfitting_of(matrix * scale, 4)
    assert scaled.probability == plain.probability
    assert scaled.in_sample_sharpe == pytest.approx(plain.in_sample_sharpe)


@given(st.integers(0, 50))
def test_walk_forward_chooses_by_what_came_before_only(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(100, 6))
    splits = walk_forward_windows(100, 4, purge_rows=3)
    plain = walk_forward_of(matrix, splits)
    last = splits[-1].test[0]
    changed = matrix.copy()
    changed[last:] = rng.normal(size=changed[last:].shape)
    again = walk_forward_of(changed, splits)
    assert again.chosen.tolist() == plain.chosen.tolist()
    assert len(plain.returns) == sum(len(split.test) for split in splits)
    for number, (train, test) in enumerate(splits):
        best = int(np.argmax(sharpe_ratios(matrix[train])))
        assert plain.chosen[number] == best
        assert plain.out_of_sample_sharpe[number] == pytest.approx(sample_sharpe(matrix[test, best]))


@pytest.mark.parametrize(
    ("matrix", "blocks"),
    [
        (np.zeros((10, 1)), 2),
        (np.zeros((10, 2)), 3),
        (np.zeros((10, 2)), 6),
        (np.full((10, 2), np.nan), 2),
        (np.zeros(10), 2),
        (np.zeros((100, 2)), 22),
    ],
    ids=["one trial", "odd", "short", "nan", "flat", "many"],
)
def test_what_says_nothing_is_refused(matrix, blocks):
    with pytest.raises(InvalidInputError):
        overfitting_of(matrix, blocks)


def test_a_walk_without_windows_or_a_search_without_trades_is_refused():
    with pytest.raises(InvalidInputError, match="window"):
        walk_forward_of(noise(0, 10, 2), [])
    with pytest.raises(InvalidInputError, match="two rows"):
        walk_forward_of(noise(0, 10, 2), [Split(np.array([0]), np.array([1]))])
    with pytest.raises(InvalidInputError, match="widen"):
        selection_of(np.zeros((10, 3)))

import math
import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from openoutcry.backtesting.statistics.sharpe import (
    EULER_MASCHERONI,
    Moments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    moments_of,
    probabilistic_sharpe,
    sharpe_deviation,
    sharpe_ratios,
)
from openoutcry.domain.errors import InvalidInputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import empyrical
    import purgedcv

RETURNS = np.random.default_rng(7).standard_t(5, size=750) * 0.01 + 0.0008
MANY = arrays(np.float64, st.integers(3, 40), elements=st.floats(-0.5, 0.5, width=32))


def scipy_moments(returns):
    """With purgedcv's estimators: the population's deviation, bias-corrected skew and raw kurtosis."""
    return Moments(
        periods=len(returns),
        mean=float(returns.mean()),
        deviation=float(returns.std(ddof=0)),
        skew=float(stats.skew(returns, bias=False)),
        kurtosis=float(stats.kurtosis(returns, bias=False, fisher=False)),
    )


def test_for_normal_returns_the_variance_is_one_plus_half_the_square():
    for sharpe in (-1.0, 0.0, 0.1, 2.0):
        assert sharpe_deviation(sharpe, 2, 0.0, 3.0) ** 2 == pytest.approx(1.0 + sharpe**2 / 2.0)


def test_excess_kurtosis_is_refused_where_it_shows():
    with pytest.raises(InvalidInputError, match="not excess"):
        sharpe_deviation(0.1, 250, 0.0, 0.0)  # a normal distribution's, as excess


def test_the_error_is_that_of_simulated_sharpe_ratios():
    """Raw kurtosis gives the spread that ratios really have; excess would give less than 1 / sqrt(n)."""
    periods, truth = 500, 1.0
    drawn = np.random.default_rng(11).normal(truth, 1.0, size=(periods, 4000))
    spread = sharpe_ratios(drawn).std()
    assert spread == pytest.approx(sharpe_deviation(truth, periods, 0.0, 3.0), rel=0.04)
    excess = math.sqrt((1.0 - truth**2 / 4.0) / (periods - 1))
    assert spread > 1.3 * excess


def test_moments_are_scipys_with_raw_kurtosis():
    moments = moments_of(RETURNS)
    assert moments.skew == pytest.approx(stats.skew(RETURNS))
    assert moments.kurtosis == pytest.approx(stats.kurtosis(RETURNS, fisher=False))
    assert moments.deviation == pytest.approx(RETURNS.std(ddof=1))


def test_annual_sharpe_is_empyricals():
    ours = moments_of(RETURNS).sharpe * math.sqrt(365)
    assert ours == pytest.approx(empyrical.sharpe_ratio(RETURNS, annualization=365))


@pytest.mark.parametrize("target", [-0.05, 0.0, 0.1])
def test_the_probability_is_purgedcvs_from_its_moments(target):
    theirs = purgedcv.probabilistic_sharpe_ratio(RETURNS, target)
    assert probabilistic_sharpe(scipy_moments(RETURNS), target) == pytest.approx(theirs, abs=1e-12)
    # From our own moments it differs by the degrees of freedom: both estimate the same, ours never fails.
    assert probabilistic_sharpe(moments_of(RETURNS), target) == pytest.approx(theirs, abs=2e-3)


def test_extreme_moments_have_a_probability_where_purgedcv_fails():
    """Bias-corrected moments can belong to no distribution; the population's always do."""
    returns = np.array([0.85] * 3 + [1.0] * 5)
    with pytest.raises(ValueError, match="non-positive"):
        purgedcv.probabilistic_sharpe_ratio(returns, 0.0)
    assert 0.99 < probabilistic_sharpe(moments_of(returns)) <= 1.0


@pytest.mark.parametrize("trials", [1, 2, 10, 1000])
@pytest.mark.parametrize("deviation", [0.0, 0.02, 0.1])
def test_deflation_is_purgedcvs(trials, deviation):
    full = purgedcv.deflated_sharpe_ratio_full(RETURNS, trials, deviation**2)
    assert expected_maximum_sharpe(trials, deviation) == pytest.approx(full.sr_star, abs=1e-12)
    assert deflated_sharpe(scipy_moments(RETURNS), trials, deviation) == pytest.approx(full.dsr, abs=1e-12)


def test_the_expected_maximum_is_that_of_normal_draws():
    drawn = np.random.default_rng(3).standard_normal((20_000, 100)).max(axis=1).mean()
    assert expected_maximum_sharpe(100, 1.0) == pytest.approx(drawn, rel=0.02)
    assert math.isfinite(expected_maximum_sharpe(10**18, 1.0))  # 1 - 1/N would be 1
    closed = EULER_MASCHERONI * -stats.norm.ppf(1 / (2 * math.e))  # the other half is at the median: 0
    assert expected_maximum_sharpe(2, 1.0) == pytest.approx(closed)


def test_without_the_trials_spread_that_of_luck_is_taken():
    moments = moments_of(RETURNS)
    luck = 1 / math.sqrt(len(RETURNS) - 1)
    assert deflated_sharpe(moments, 50) == deflated_sharpe(moments, 50, luck)
    assert deflated_sharpe(moments, 1) == probabilistic_sharpe(moments)
    assert deflated_sharpe(moments, 50) < deflated_sharpe(moments, 5) < deflated_sharpe(moments, 1)


@pytest.mark.parametrize("target", [0.0, 0.02])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_track_record_is_purgedcvs(target, confidence):
    moments = moments_of(RETURNS)
    theirs = purgedcv.min_track_record_length(
        moments.sharpe, target, 1 - confidence, moments.skew, moments.kurtosis
    )
    assert minimum_track_record(moments, target, confidence) == theirs


def test_the_track_record_is_just_long_enough():
    moments = Moments(periods=100, mean=0.001, deviation=0.02, skew=-0.5, kurtosis=6.0)
    needed = int(minimum_track_record(moments))

    def probability(periods):
        return probabilistic_sharpe(msgspec.structs.replace(moments, periods=periods))

    assert probability(needed) >= 0.95 > probability(needed - 1)


def test_what_has_no_skill_needs_for_ever():
    losing = Moments(periods=100, mean=-0.001, deviation=0.02, skew=0.0, kurtosis=3.0)
    assert minimum_track_record(losing) == math.inf


def test_what_does_not_vary_has_no_ratio():
    moments = moments_of([0.1] * 10)  # whose computed deviation is 1e-17
    assert math.isnan(moments.sharpe)
    assert math.isnan(probabilistic_sharpe(moments))
    assert math.isnan(minimum_track_record(moments))
    assert math.isnan(sharpe_ratios(np.full((10, 2), 0.1))[0])


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, math.nan], [0.1, math.inf], [[0.1, 0.2]]])
def test_what_has_no_moments_is_refused(returns):
    with pytest.raises(InvalidInputError, match="longer time"):
        moments_of(returns)


@pytest.mark.parametrize(("trials", "deviation"), [(0, 0.1), (5, -0.1), (5, math.nan), (5, math.inf)])
def test_impossible_trials_are_refused(trials, deviation):
    with pytest.raises(InvalidInputError, match="trials"):
        expected_maximum_sharpe(trials, deviation)


@given(MANY, st.floats(0.001, 1000))
def test_scale_does_not_matter(returns, scale):
    plain, scaled = moments_of(returns), moments_of(returns * scale)
    if plain.deviation > 1e-6:
        assert scaled.sharpe == pytest.approx(plain.sharpe, rel=1e-6, abs=1e-9)
        assert probabilistic_sharpe(scaled) == pytest.approx(probabilistic_sharpe(plain), abs=1e-6)


@given(MANY)
def test_the_opposite_has_the_opposite_probability(returns):
    plain, opposite = moments_of(returns), moments_of(-returns)
    if plain.deviation > 1e-6:
        assert opposite.sharpe == pytest.approx(-plain.sharpe)
        assert probabilistic_sharpe(opposite) == pytest.approx(1.0 - probabilistic_sharpe(plain), abs=1e-9)


@given(MANY)
def test_the_variance_of_a_sharpe_ratio_is_never_negative(returns):
    moments = moments_of(returns)
    if moments.deviation > 0:
        assert moments.kurtosis >= moments.skew**2 + 1.0 - 1e-6
        assert 1.0 - moments.skew * moments.sharpe + (moments.kurtosis - 1) / 4 * moments.sharpe**2 > -1e-6

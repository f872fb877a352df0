"""Sharpe ratios, and how sure they are: Probabilistic and Deflated Sharpe, minimum track record.

All ratios here are per period, never annualised, and over cash that earns nothing. Kurtosis is RAW, 3 for
the normal distribution. Some pages and libraries put excess kurtosis into the same formula; then the variance
for normal returns becomes 1 - SR^2/4 where it is 1 + SR^2/2, and bad strategies look surer than they are.

Sources: Lo (2002), "The Statistics of Sharpe Ratios", FAJ 58(4); Mertens (2002); Bailey and Lopez de Prado
(2012), "The Sharpe Ratio Efficient Frontier", J. of Risk 15(2); the same (2014), "The Deflated Sharpe Ratio",
J. of Portfolio Management 40(5).
"""

import math
from statistics import NormalDist
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.domain.errors import InvalidInputError

EULER_MASCHERONI: Final = 0.5772156649015329
CONFIDENCE: Final = 0.95  # of a one-sided test, by custom
NORMAL_KURTOSIS: Final = 3.0
_NORMAL: Final = NormalDist()


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """What returns look like. `deviation` is the sample's (n - 1); skew and raw kurtosis the population's.

    Population moments keep kurtosis >= skew^2 + 1, so that the variance of the Sharpe ratio cannot be
    negative.
    """

    periods: int
    mean: float
    deviation: float
    skew: float
    kurtosis: float

    @property
    def sharpe(self) -> float:
        """Mean by deviation, per period; NaN where nothing varies."""
        return self.mean / self.deviation if self.deviation > 0 else math.nan


def moments_of(returns: npt.ArrayLike) -> Moments:
    """The moments of per-period returns; skew and kurtosis are NaN where nothing varies.

    Raises:
        InvalidInputError: there are fewer than two returns, or one is not finite.
    """
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():  # noqa: PLR2004
        raise InvalidInputError("moments need a row of two finite returns or more; test over a longer time")
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Moments(periods=len(values), mean=mean, deviation=0.0, skew=math.nan, kurtosis=math.nan)
    centred = values - mean
    scaled = centred / np.abs(centred).max()  # so that no power of a tiny return underflows
    second = float(np.mean(scaled**2))
    return Moments(
        periods=len(values),
        mean=mean,
        deviation=float(values.std(ddof=1)),
        skew=float(np.mean(scaled**3)) / second**1.5,
        kurtosis=float(np.mean(scaled**4)) / second**2,
    )


def sharpe_ratios(returns: Floats) -> Floats:
    """Per-period Sharpe ratio of each column (or of the one row); NaN where nothing varies."""
    deviation = returns.std(axis=0, ddof=1)
    flat = np.ptp(returns, axis=0) == 0
    return np.where(flat, np.nan, returns.mean(axis=0) / np.where(flat, 1.0, deviation))


def sharpe_deviation(sharpe: float, periods: int, skew: float, kurtosis: float) -> float:
    """The standard error of a Sharpe ratio: sqrt((1 - skew SR + (kurtosis - 1)/4 SR^2) / (periods - 1)).

    For normal returns (skew 0, raw kurtosis 3) the numerator is 1 + SR^2/2, Lo's.

    Raises:
        InvalidInputError: the kurtosis cannot belong to that skew; it is probably excess kurtosis.
    """
    if kurtosis < skew * skew + 1.0 - 1e-9:  # for any distribution raw kurtosis >= skew^2 + 1
        raise InvalidInputError(
            f"a kurtosis of {kurtosis:g} is impossible with a skew of {skew:g}; give raw kurtosis, that is 3 "
            "for the normal distribution, not excess"
        )
    variance = 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    return math.sqrt(max(variance, 0.0) / (periods - 1))


def probabilistic_sharpe(moments: Moments, benchmark: float = 0.0) -> float:
    """The probability that the true Sharpe ratio is above `benchmark`; NaN where nothing varies.

    Phi((SR - SR*) / standard error); Bailey and Lopez de Prado (2012), equation 7.
    """
    if math.isnan(moments.sharpe):
        return math.nan
    error = sharpe_deviation(moments.sharpe, moments.periods, moments.skew, moments.kurtosis)
    if error == 0:
        return 0.5 if moments.sharpe == benchmark else float(moments.sharpe > benchmark)
    return _NORMAL.cdf((moments.sharpe - benchmark) / error)


def expected_maximum_sharpe(trials: int, deviation: float) -> float:
    """The best Sharpe ratio to expect of so many independent trials without any skill; 0 for one trial.

    `deviation` is the standard deviation of the trials' Sharpe ratios, per period. With gamma for
    Euler-Mascheroni's constant: deviation ((1 - gamma) PhiInv(1 - 1/N) + gamma PhiInv(1 - 1/(N e))); Bailey
    and Lopez de Prado (2014).

    Raises:
        InvalidInputError: there is no trial, or the deviation is negative or not finite.
    """
    if trials < 1 or not 0.0 <= deviation < math.inf:
        raise InvalidInputError(
            f"{trials} trials that deviate by {deviation:g} cannot be; count at least one"
        )
    if trials == 1:
        return 0.0
    # PhiInv(1 - p) = -PhiInv(p), which stays exact for very many trials.
    rare = -_NORMAL.inv_cdf(1.0 / trials)
    rarer = -_NORMAL.inv_cdf(1.0 / (trials * math.e))
    return deviation * ((1.0 - EULER_MASCHERONI) * rare + EULER_MASCHERONI * rarer)


def deflated_sharpe(moments: Moments, trials: int, deviation: float | None = None) -> float:
    """The probability that the best of so many trials has skill: PSR against the best to expect from luck.

    Without the `deviation` of the trials' Sharpe ratios, that of trials without skill is taken:
    1 / sqrt(periods - 1). NaN where nothing varies. Bailey and Lopez de Prado (2014), equation 9.

    Raises:
        InvalidInputError: as `expected_maximum_sharpe`.
    """
    if deviation is None:
        deviation = 1.0 / math.sqrt(moments.periods - 1)
    return probabilistic_sharpe(moments, expected_maximum_sharpe(trials, deviation))


def minimum_track_record(moments: Moments, benchmark: float = 0.0, confidence: float = CONFIDENCE) -> float:
    """How many periods it takes until the Sharpe ratio is above `benchmark` with that confidence.

    1 + variance (PhiInv(confidence) / (SR - SR*))^2, rounded up; infinite if the ratio is not above, NaN
    where nothing varies. Bailey and Lopez de Prado (2012), equation 11.

    Raises:
        InvalidInputError: the confidence is not between 0.5 and 1.
    """
    if not 0.5 <= confidence < 1.0:  # noqa: PLR2004  below a half nothing is claimed
        raise InvalidInputError(f"a confidence of {confidence:g} is none; give one in [0.5, 1), as 0.95")
    sharpe = moments.sharpe
    if math.isnan(sharpe) or sharpe <= benchmark:
        return math.nan if math.isnan(sharpe) else math.inf
    error = sharpe_deviation(sharpe, 2, moments.skew, moments.kurtosis)
    return 1.0 + math.ceil((error * _NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2)

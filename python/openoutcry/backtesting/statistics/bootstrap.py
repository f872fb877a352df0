"""How far a result could have been otherwise: the stationary bootstrap, with bands.

Blocks of random, geometrically distributed length are drawn from the returns and joined, so that what hangs
together in time stays together. Sources: Politis and Romano (1994), "The Stationary Bootstrap", JASA 89(428);
block length: Politis and White (2004), Econometric Reviews 23(1), with the correction of Patton, Politis and
White (2009), Econometric Reviews 28(4).
"""

import math
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.result import Integers
from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.backtesting.statistics.sharpe import sharpe_ratios
from openoutcry.domain.errors import InvalidInputError

DRAWS: Final = 1_000
BAND_CONFIDENCE: Final = 0.90
MAX_CELLS: Final = 1 << 20  # of returns in memory at once
FEWEST_RETURNS: Final = 10

Statistic = Callable[[Floats], Floats]  # of each column


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate, and between which values it falls in so many of the bootstrap's histories."""

    low: float
    estimate: float
    high: float


class Bands(msgspec.Struct, frozen=True, kw_only=True):
    """Bands at `confidence`. Sharpe is annualised; total return and drawdown are shares of the account.

    Drawdown is measured at the ends of periods, so its estimate may be less than that of the whole curve.
    `sharpe` is None where the returns do not vary, or it was withheld. `block_periods` is the mean length of
    a block.
    """

    confidence: float
    draws: int
    seed: int
    block_periods: float
    sharpe: Band | None
    total_return: Band
    max_drawdown: Band


def optimal_block_length(returns: npt.ArrayLike) -> float:
    """The mean block length, in periods, with which the bootstrap's variance is most exact; at least 1.

    (2 G^2 / D)^(1/3) n^(1/3), with G the sum of |k| R(k) and D = 2 g(0)^2 over autocovariances R weighted by
    a flat-top window; its width is twice the lag after which the autocorrelations are insignificant.

    Raises:
        InvalidInputError: there are fewer than 10 returns, or one is not finite.
    """
    values = _checked(returns)
    rows = len(values)
    run = max(5, math.ceil(math.log10(rows)))  # so many small autocorrelations end the search
    most = math.ceil(math.sqrt(rows)) + run
    covariance = _autocovariance(values - values.mean(), min(most + run, rows - 1))
    if covariance[0] <= 0:
        return 1.0
    small = np.abs(covariance[1:] / covariance[0]) < 2.0 * math.sqrt(math.log10(rows) / rows)
    width = min(2 * _first_insignificant(small, run), most, len(covariance) - 1)
    lags = np.arange(1, width + 1)
    weights = np.minimum(1.0, 2.0 * (1.0 - lags / width))
    moment = 2.0 * float(np.sum(weights * lags * covariance[lags]))
    density = float(covariance[0] + 2.0 * np.sum(weights * covariance[lags]))
    longest = math.ceil(min(3.0 * math.sqrt(rows), rows / 3.0))
    if density == 0:
        return float(longest)
    length = math.cbrt((moment / density) ** 2 * rows)
    return min(max(length, 1.0), float(longest))


def _autocovariance(centred: Floats, lags: int) -> Floats:
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    return np.asarray(np.fft.irfft(spectrum * spectrum.conj(), size)[: lags + 1] / len(centred))


def _first_insignificant(small: npt.NDArray[np.bool_], run: int) -> int:
    """The first lag of `run` small autocorrelations; without such a run the last one that is not small.

    The paper takes the lag before. The authors' own program takes this one, which is nearer to the optimum of
    autoregressions of a few hundred rows.
    """
    streaks = np.convolve(small, np.ones(run, dtype=np.int64), mode="valid") == run
    if streaks.any():
        return int(np.argmax(streaks)) + 1
    return int(np.flatnonzero(~small)[-1]) + 1


def stationary_indices(rng: np.random.Generator, rows: int, draws: int, block_periods: float) -> Integers:
    """Row numbers of bootstrapped histories, shape (rows, draws); blocks go on from the last row to the
    first.

    Raises:
        InvalidInputError: a count is not positive, or a block is shorter than one period.
    """
    if rows < 1 or draws < 1 or not block_periods >= 1.0:
        raise InvalidInputError(
            f"{draws} histories of {rows} rows in blocks of {block_periods:g} cannot be drawn; give positive "
            "counts and blocks of 1 or more"
        )
    begins = rng.random((rows, draws)) < 1.0 / block_periods
    begins[0] = True
    number = np.arange(rows, dtype=np.int64)[:, None]
    begun = np.maximum.accumulate(np.where(begins, number, 0), axis=0)
    drawn = rng.integers(0, rows, size=(rows, draws))
    return np.asarray((np.take_along_axis(drawn, begun, axis=0) + number - begun) % rows)


def bootstrap(
    returns: npt.ArrayLike, *, draws: int = DRAWS, block_periods: float | None = None, seed: int = 0
) -> Iterator[Floats]:
    """Bootstrapped histories as columns, some at a time, `draws` in all; the same for the same seed.

    Raises:
        InvalidInputError: as `optimal_block_length` and `stationary_indices`.
    """
    values = _checked(returns)
    if block_periods is None:
        block_periods = optimal_block_length(values)
    rng = np.random.default_rng(seed)
    at_once = max(1, MAX_CELLS // len(values))
    for begin in range(0, draws, at_once):
        yield values[stationary_indices(rng, len(values), min(at_once, draws - begin), block_periods)]


def bands_of(
    returns: npt.ArrayLike,
    periods_per_year: float,
    *,
    draws: int = DRAWS,
    confidence: float = BAND_CONFIDENCE,
    seed: int = 0,
) -> Bands:
    """Percentile bands of Sharpe, total return and drawdown, over histories of the same length.

    A band always holds its estimate: where the percentiles leave it out, it is widened to it.

    Raises:
        InvalidInputError: as `bootstrap`, or the confidence is not between 0 and 1.
    """
    values = _checked(returns)
    if not 0.0 < confidence < 1.0:
        raise InvalidInputError(f"a confidence of {confidence:g} is none; give one between 0 and 1, as 0.9")
    block_periods = optimal_block_length(values)
    statistics: tuple[Statistic, ...] = (sharpe_ratios, total_returns, max_drawdowns)
    drawn = [
        [statistic(history) for statistic in statistics]
        for history in bootstrap(values, draws=draws, block_periods=block_periods, seed=seed)
    ]
    sharpe, total, drawdown = (
        _band(float(statistic(values[:, None])[0]), np.concatenate(columns), confidence)
        for statistic, columns in zip(statistics, zip(*drawn, strict=True), strict=True)
    )
    year = math.sqrt(periods_per_year)
    annual = sharpe and Band(low=sharpe.low * year, estimate=sharpe.estimate * year, high=sharpe.high * year)
    assert total is not None  # only a Sharpe ratio can be undefined
    assert drawdown is not None
    return Bands(
        confidence=confidence,
        draws=draws,
        seed=seed,
        block_periods=block_periods,
        sharpe=annual,
        total_return=total,
        max_drawdown=drawdown,
    )


def total_returns(returns: Floats) -> Floats:
    """What each column's returns compound to; a ruin (-1 or less) stays one."""
    return np.asarray(np.prod(np.maximum(1.0 + returns, 0.0), axis=0) - 1.0)


def max_drawdowns(returns: Floats) -> Floats:
    """The deepest fall of each column's account from its highest value before, as a share of that."""
    account = np.cumprod(np.maximum(1.0 + returns, 0.0), axis=0)
    highest = np.maximum(np.maximum.accumulate(account, axis=0), 1.0)  # the opening counts
    return np.asarray(np.max(1.0 - account / highest, axis=0))


def _band(estimate: float, drawn: Floats, confidence: float) -> Band | None:
    if math.isnan(estimate):
        return None
    tail = 50.0 * (1.0 - confidence)
    low, high = np.nanpercentile(drawn, (tail, 100.0 - tail)).tolist()
    return Band(low=min(low, estimate), estimate=estimate, high=max(high, estimate))


def _checked(returns: npt.ArrayLike) -> Floats:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST_RETURNS or not np.isfinite(values).all():
        raise InvalidInputError(
            f"a bootstrap needs a row of {FEWEST_RETURNS} finite returns or more; test over a longer time"
        )
    return values

"""Candles made from a seed: a random walk through regimes."""

from typing import Final

import numpy as np
import numpy.typing as npt

from openoutcry.domain.units import NS_PER_S
from openoutcry.memory.candle_window import CandleColumns

FIRST_NS: Final = 1_704_067_200 * NS_PER_S  # 2024-01-01
INTERVAL_NS: Final = 60 * NS_PER_S
FIRST_TICKS: Final = 50_000
MEAN_REGIME_CANDLES: Final = 80

# Drift and deviation of a candle's log return: calm, rising, falling, wild.
_DRIFTS: Final = np.array([0.0, 4e-4, -4e-4, 0.0])
_DEVIATIONS: Final = np.array([5e-4, 1e-3, 1e-3, 4e-3])


def synthetic_candles(count: int, seed: int = 0) -> CandleColumns:
    """`count` candles of a minute, prices in whole ticks; the same for the same seed."""
    random = np.random.default_rng(seed)
    regime = random.integers(0, len(_DRIFTS), count)
    starts = random.random(count) < 1 / MEAN_REGIME_CANDLES
    starts[:1] = True
    regime = regime[np.maximum.accumulate(np.where(starts, np.arange(count), 0))]
    returns = _DRIFTS[regime] + _DEVIATIONS[regime] * random.standard_normal(count)
    path = np.cumsum(returns - returns.mean())  # so that a long walk ends where it began
    close = np.rint(FIRST_TICKS * np.exp(path))
    return candles_of(close, random)


def candles_of(close: npt.ArrayLike, random: np.random.Generator | None = None) -> CandleColumns:
    """Candles with these closes in ticks, each opening where the last one closed; wicks and volume random."""
    closes = np.array(close, dtype=np.float64)
    random = random or np.random.default_rng(0)
    opens = np.concatenate((closes[:1], closes[:-1]))
    wicks = random.integers(0, 20, (2, len(closes)))
    times = FIRST_NS + (np.arange(len(closes), dtype=np.int64) + 1) * INTERVAL_NS
    columns = CandleColumns(
        opens,
        np.maximum(opens, closes) + wicks[0],
        np.maximum(np.minimum(opens, closes) - wicks[1], 1),
        closes,
        random.integers(1, 1_000, len(closes)).astype(np.float64),
        times,
    )
    for column in (columns.open, columns.high, columns.low, columns.close, columns.volume, columns.close_ns):
        column.flags.writeable = False
    return columns

"""Candles from a seed: a walk through every kind of market that a strategy should survive."""

from typing import Final

import numpy as np

from openoutcry.domain.units import NS_PER_S
from openoutcry.memory.candle_window import CandleColumns

FIRST_NS: Final = 1_704_067_200 * NS_PER_S  # 2024-01-01
INTERVAL_NS: Final = 60 * NS_PER_S
OPENING_TICKS: Final = 100_000
FLOOR_TICKS: Final = 1_000
REGIME_CANDLES: Final = 40  # a regime lasts so long in the mean
REGIMES: Final = (  # drift and deviation of a candle's log return
    (0.0, 0.001),
    (0.002, 0.002),
    (-0.002, 0.002),
    (0.0, 0.01),
    (0.0, 0.0),  # nothing moves and nothing is traded
)


def synthetic_candles(rows: int, seed: int = 0) -> CandleColumns:
    """So many candles of a minute, read-only: calm, rising, falling, wild and dead stretches in turn.

    Prices are whole ticks, volumes whole lots. The same seed gives the same candles, and fewer rows their
    beginning.
    """
    random = np.random.default_rng(seed)
    draws = random.random((rows, 6))  # row by row, so that more rows do not change those before
    normal = np.sqrt(-2.0 * np.log1p(-draws[:, 0])) * np.cos(2.0 * np.pi * draws[:, 1])  # Box and Muller
    changes = draws[:, 2] < 1.0 / REGIME_CANDLES
    changes[:1] = True
    chosen = (draws[:, 3] * len(REGIMES)).astype(np.int64)
    regime = chosen[np.maximum.accumulate(np.where(changes, np.arange(rows), 0))]
    drift, deviation = np.array(REGIMES)[regime].T
    steps = np.rint(OPENING_TICKS * (drift + deviation * normal))
    close = FLOOR_TICKS + np.abs(OPENING_TICKS - FLOOR_TICKS + steps.cumsum())  # reflected at the floor
    opens = np.concatenate(([float(OPENING_TICKS)], close[:-1]))[:rows]
    wick = np.rint(OPENING_TICKS * deviation * draws[:, 4])
    high = np.maximum(opens, close) + wick
    low = np.maximum(np.minimum(opens, close) - np.rint(wick * draws[:, 5]), 1.0)
    volume = np.where(deviation > 0, np.rint(1.0 + 1_000 * draws[:, 5]), 0.0)
    times = FIRST_NS + INTERVAL_NS * np.arange(1, rows + 1, dtype=np.int64)
    for column in (opens, high, low, close, volume, times):
        column.flags.writeable = False
    return CandleColumns(opens, high, low, close, volume, times)

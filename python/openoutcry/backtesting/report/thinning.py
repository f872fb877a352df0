"""Fewer points for the eye, none of the extremes lost: there are no more pixels to draw them on."""

from typing import Final

import numpy as np

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.result import Integers

MAX_BARS: Final = 5_000
MAX_BUCKETS: Final = 1_200
POINTS_A_BUCKET: Final = 5

CANDLE_RULE: Final = (
    f"Of more than {MAX_BARS:,} candles, equal numbers are merged into one bar: first open, highest high, "
    "lowest low, last close."
)
CURVE_RULE: Final = (
    f"The curves are cut into {MAX_BUCKETS:,} stretches; of each, the highest and the lowest equity, the "
    "largest position and the last point are drawn. The deepest point of the drawdown always is."
)


def thin_candles(series: CandleSeries, most: int = MAX_BARS) -> CandleSeries:
    """At most `most` candles: runs of equal number become one, with the run's high, low and volume."""
    stride = -(-len(series) // most)
    if stride <= 1:
        return series
    starts = np.arange(0, len(series), stride)
    ends = np.append(starts[1:], len(series)) - 1
    return CandleSeries(
        series.instrument,
        series.interval_ns * stride,
        series.open_ns[starts],
        series.open_ticks[starts],
        np.maximum.reduceat(series.high_ticks, starts),
        np.minimum.reduceat(series.low_ticks, starts),
        series.close_ticks[ends],
        np.add.reduceat(series.volume_lots, starts),
    )


def thin_rows(
    equity: Integers, position: Integers, keep: tuple[int, ...] = (), buckets: int = MAX_BUCKETS
) -> Integers:
    """Which rows of a curve to draw: at least the extremes of each stretch, the ends, and those in `keep`.

    Every stretch gives the same number of rows, because a chart sets its points at equal distances: where
    fewer are extremes, others of the stretch come with them.
    """
    rows = len(equity)
    if rows <= buckets * POINTS_A_BUCKET:
        return np.arange(rows, dtype=np.int64)
    edges = np.linspace(0, rows, buckets + 1).astype(np.int64)
    chosen: set[int] = {0, *keep}
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        money = equity[start:stop]
        own = {
            start + int(money.argmin()),
            start + int(money.argmax()),
            start + int(np.abs(position[start:stop]).argmax()),
            stop - 1,
        }
        filler = iter(np.linspace(start, stop - 1, 2 * POINTS_A_BUCKET).astype(np.int64).tolist())
        while len(own) < POINTS_A_BUCKET:
            own.add(next(filler))
        chosen |= own
    return np.array(sorted(chosen), dtype=np.int64)

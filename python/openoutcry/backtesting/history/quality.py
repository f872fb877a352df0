"""Is history fit for use? Each flaw with its row, how often, and what to do.

The policies: what lacks is told and never filled; what came twice, the same, is dropped and told; two
different rows of one time, time that goes back, and prices that contradict each other are errors.
"""

import itertools
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.history.candles import CandleSeries, interval_text
from openoutcry.backtesting.result import Finding, Integers
from openoutcry.domain.units import NS_PER_MS, NS_PER_S

MAX_JUMP: Final = 0.30  # between consecutive closes
SCALE_STEP: Final = 9.0  # a price or a volume so many times its neighbours' is of another scale
SCALE_WINDOW: Final = 30  # candles on each side that a scale is compared with
MAX_CLOCK_SKEW_NS: Final = NS_PER_S
HOUR_NS: Final = 3_600 * NS_PER_S
GAPS_SHOWN: Final = 3

Severity = Literal["note", "warning", "error"]
Flags = npt.NDArray[np.bool_]


def check_candles(series: CandleSeries) -> tuple[Finding, ...]:
    """Everything that can be said of candles; rows count from 0 in the series as it was read."""
    if not len(series):
        return (_finding("error", "empty", [0], "there is no candle", "fetch it again"),)
    found = [
        *_time_order(series),
        *_gaps(series),
        *_alignment(series),
        *_contradictions(series),
        *_price_jumps(series),
        *_zero_volume(series),
        _survivorship(),
    ]
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity]))


def drop_repeated(series: CandleSeries) -> CandleSeries:
    """Without the candles that say again what the one before said."""
    same = _repeated(series)
    if not same.any():
        return series
    rows = series.rows()
    return CandleSeries.of_rows(series.instrument, series.interval_ns, rows[np.r_[True, ~same]])


def check_clock(least_ns: int, median_ns: int, shift_ns: int) -> tuple[Finding, ...]:
    """What receive minus event time says of the recorder's clock, and that it was corrected."""
    if shift_ns:
        detail = (
            f"the recorder's clock runs behind the venue's: receive minus event time is {_ms(least_ns)} at "
            f"least and {_ms(median_ns)} in the middle; receive times were moved by {_ms(shift_ns)}"
        )
        return (_finding("warning", "clock_skew", [0], detail, "none is needed; latency is relative to it"),)
    if median_ns > MAX_CLOCK_SKEW_NS:
        detail = f"receive minus event time is {_ms(median_ns)} in the middle: a slow line, or a wrong clock"
        return (_finding("warning", "clock_skew", [0], detail, "give a latency of your own"),)
    return ()


def _time_order(series: CandleSeries) -> list[Finding]:
    steps = np.diff(series.open_ns)
    same = _repeated(series)
    back = np.flatnonzero(steps < 0) + 1
    torn = np.flatnonzero((steps == 0) & ~same) + 1
    found = []
    if len(back):
        detail = f"time goes back by {-int(steps[back[0] - 1]) / NS_PER_S:g} s, to {_moment(series, back[0])}"
        found.append(_finding("error", "backward_time", back, detail, "sort the file by time"))
    if len(torn):
        detail = f"a second, different candle of {_moment(series, torn[0])}"
        found.append(_finding("error", "contradictory", torn, detail, "keep the right one of the two"))
    if same.any():
        where = np.flatnonzero(same) + 1
        detail = f"the candle of {_moment(series, where[0])} came again, the same"
        found.append(_finding("warning", "duplicate", where, detail, "none is needed; it was dropped"))
    return found


def _gaps(series: CandleSeries) -> list[Finding]:
    steps = np.diff(series.open_ns)
    where = np.flatnonzero(steps > series.interval_ns) + 1
    if not len(where):
        return []
    lacking = steps[where - 1] // series.interval_ns - 1
    named = []
    for row, bars in list(zip(where.tolist(), lacking.tolist(), strict=True))[:GAPS_SHOWN]:
        start = utc_text(int(series.open_ns[row - 1]) + series.interval_ns)
        named.append(f"{bars} from {start} to {_moment(series, row)}")
    more = ", …" if len(where) > GAPS_SHOWN else ""
    detail = (
        f"{int(lacking.sum())} candles of {interval_text(series.interval_ns)} lack: {', '.join(named)}{more}"
    )
    remedy = "nothing is filled in; fetch them, or let the strategy stand still there"
    return [_finding("warning", "gap", where, detail, remedy)]


def _alignment(series: CandleSeries) -> list[Finding]:
    """Candles begin at whole intervals of UTC; most that do not come from another zone."""
    offset = series.open_ns % series.interval_ns
    values, counts = np.unique(offset, return_counts=True) if offset.any() else (offset[:1], offset[:1])
    usual = int(values[np.argmax(counts)])
    found = []
    if usual:
        zone = ", as of another time zone" if usual % HOUR_NS == 0 else ""
        whole = interval_text(series.interval_ns)
        detail = f"candles begin {usual / NS_PER_S:g} s after a whole {whole} of UTC{zone}"
        found.append(_finding("warning", "time_zone", [0], detail, "convert the times to UTC"))
    odd = np.flatnonzero(offset != usual)
    if len(odd):
        detail = f"the candle of {_moment(series, odd[0])} does not begin where the others do"
        found.append(_finding("warning", "misaligned", odd, detail, "check the interval and the times"))
    return found


def _contradictions(series: CandleSeries) -> list[Finding]:
    highest = np.maximum(series.open_ticks, series.close_ticks)
    lowest = np.minimum(series.open_ticks, series.close_ticks)
    bad = (series.high_ticks < highest) | (series.low_ticks > lowest)
    found = []
    where = np.flatnonzero(bad)
    if len(where):
        row = int(where[0])
        numbers = [int(column[row]) for column in series.columns()[1:5]]
        detail = f"open, high, low, close of {numbers} ticks contradict each other"
        found.append(_finding("error", "contradictory_prices", where, detail, "mend or drop the row"))
    where = np.flatnonzero((series.low_ticks <= 0) | (series.volume_lots < 0))
    if len(where):
        detail = f"a price of 0 or less, or a negative volume, at {_moment(series, where[0])}"
        found.append(_finding("error", "not_positive", where, detail, "mend or drop the row"))
    return found


def _price_jumps(series: CandleSeries) -> list[Finding]:
    close = series.close_ticks.astype(np.float64)
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(close[1:] / close[:-1] - 1)
    outlying = _other_scale(close)
    if outlying.any():
        where = np.flatnonzero(outlying)
        factor = _power(close, int(where[0]))
        detail = f"prices at {_moment(series, where[0])} are {factor} those around: another scale"
        remedy = "multiply them to the scale of the rest, or drop the rows"
        found.append(_finding("error", "wrong_scale", where, detail, remedy))
    where = np.flatnonzero(change > MAX_JUMP) + 1
    if len(where):
        detail = f"the close jumps by {change[where[0] - 1]:.0%} at {_moment(series, where[0])}"
        found.append(_finding("warning", "jump", where, detail, "compare with another source"))
    volume = series.volume_lots.astype(np.float64)
    if _step_in_scale(volume):
        row = _step_in_scale(volume)
        detail = f"from {_moment(series, row)} on the volume is of another scale than before"
        found.append(_finding("warning", "volume_scale", [row], detail, "check the volume's unit there"))
    return found


def _other_scale(values: npt.NDArray[np.float64]) -> Flags:
    """Where a value is more than SCALE_STEP times the median of its neighbours, or less than a part so."""
    flags = np.zeros(len(values), np.bool_)
    if len(values) < 3:  # noqa: PLR2004  there are no neighbours
        return flags
    logs = np.log(np.maximum(values, 1e-9))
    # A median over all windows is slow: only rows beside a large step can be of another scale.
    steps = np.flatnonzero(np.abs(np.diff(logs)) > np.log(SCALE_STEP)) + 1
    if not len(steps):
        return flags
    usual = float(np.median(logs))
    bounds = [0, *steps.tolist(), len(values)]
    for start, stop in itertools.pairwise(bounds):
        around = np.r_[logs[max(0, start - SCALE_WINDOW) : start], logs[stop : stop + SCALE_WINDOW]]
        level = float(np.median(around)) if stop - start <= SCALE_WINDOW else usual
        flags[start:stop] = abs(float(np.median(logs[start:stop])) - level) > np.log(SCALE_STEP)
    return flags


def _power(values: npt.NDArray[np.float64], row: int) -> str:
    around = np.r_[values[max(0, row - SCALE_WINDOW) : row], values[row + 1 : row + SCALE_WINDOW]]
    return f"10^{round(np.log10(values[row] / np.median(around)))} times"


def _step_in_scale(volume: npt.NDArray[np.float64]) -> int:
    """The first row of volumes that are, in the median, 10^3 times those before, or a part so; else 0."""
    half = 2 * SCALE_WINDOW
    if len(volume) < 2 * half:
        return 0
    blocks = volume[: len(volume) // half * half].reshape(-1, half)
    level = np.log10(np.maximum(np.median(blocks, axis=1), 1))
    for block in np.flatnonzero(np.abs(np.diff(level)) > 2.5) + 1:  # noqa: PLR2004  10^2.5 is between 100 and 1,000
        if abs(np.median(level[block:]) - np.median(level[:block])) > 2.5:  # noqa: PLR2004  as above
            return int(block) * half
    return 0


def _zero_volume(series: CandleSeries) -> list[Finding]:
    where = np.flatnonzero(series.volume_lots == 0)
    if not len(where):
        return []
    detail = f"no volume at {_moment(series, where[0])}: nobody could have traded there"
    return [_finding("warning", "zero_volume", where, detail, "do not trust fills there")]


def _survivorship() -> Finding:
    detail = "the instrument was traded at the end of the data: those that were delisted are not seen"
    return Finding(
        severity="note",
        kind="survivorship",
        count=1,
        row=0,
        detail=detail,
        remedy="choose instruments by what was known at the start",
    )


def _repeated(series: CandleSeries) -> Flags:
    """True at each candle but the first that says what the one before said."""
    same: Flags = np.diff(series.open_ns) == 0
    for column in series.columns()[1:] if same.any() else ():
        same &= np.diff(column) == 0
    return same


def _finding(severity: Severity, kind: str, where: Integers | list[int], detail: str, remedy: str) -> Finding:
    return Finding(
        severity=severity, kind=kind, count=len(where), row=int(where[0]), detail=detail, remedy=remedy
    )


def _moment(series: CandleSeries, row: int) -> str:
    return utc_text(int(series.open_ns[row]))


def utc_text(at_ns: int) -> str:
    """A moment as people read it, to the second."""
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC):%Y-%m-%d %H:%M:%S}"


def _ms(span_ns: int) -> str:
    return f"{span_ns / NS_PER_MS:,.1f} ms"

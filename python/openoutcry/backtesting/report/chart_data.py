"""What the page's script draws, as plain columns: floats for the eye, made from the exact integers."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.report.thinning import thin_candles, thin_rows
from openoutcry.backtesting.result import BacktestResult, Curve, Integers
from openoutcry.backtesting.worth import worths
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS

MAX_MARKERS: Final = 4_000  # of fills; beyond them only those of the newest are drawn, and that is said
MS_PER_S: Final = 1_000

Columns = dict[str, Any]
Floats = npt.NDArray[np.float64]


def drawdown(equity_atoms: Integers, opening_atoms: int) -> Integers:
    """How far the account stands below its highest value before, in atoms, 0 or less."""
    return equity_atoms - np.maximum.accumulate(np.maximum(equity_atoms, opening_atoms))


def exposure(result: BacktestResult) -> Floats:
    """The position's value as a share of the account at each moment; 0 where nothing is left of it."""
    curve, instrument = result.curve, result.instruments[result.symbol]
    value = worths(instrument, curve.price_ticks, curve.position_lots).astype(float)
    if instrument.kind == "inverse":
        value = -value  # a long position owes coins
    equity = curve.equity_atoms.astype(float)
    share = np.zeros_like(equity)
    np.divide(value, equity, out=share, where=equity > 0)
    return share


def curve_columns(result: BacktestResult) -> Columns:
    """Equity, buy and hold, drawdown (%) and exposure (%) over time (seconds), thinned."""
    curve = result.curve
    if not len(curve):
        return {"time": [], "equity": [], "hold": [], "drawdown": [], "exposure": []}
    fall = drawdown(curve.equity_atoms, result.opening_atoms)
    peaks = curve.equity_atoms - fall
    share = fall / np.maximum(peaks, 1) * 100.0
    rows = thin_rows(curve.equity_atoms, curve.position_lots, (int(share.argmin()),))
    seconds = seconds_of(curve.times_ns[rows])
    rows, seconds = _one_a_moment(rows, seconds)
    return {
        "time": seconds.tolist(),
        "equity": _units(curve.equity_atoms[rows]),
        "hold": _units(curve.benchmark_atoms[rows]),
        "drawdown": np.round(share[rows], 3).tolist(),
        "exposure": np.round(exposure(result)[rows] * 100.0, 2).tolist(),
    }


def candle_columns(result: BacktestResult, series: CandleSeries) -> Columns:
    """Candles and, for each candle and side, one marker that sums up the fills in it."""
    drawn = thin_candles(series)
    tick = float(drawn.instrument.tick)
    decimals = len(drawn.instrument.price_text(1).partition(".")[2].rstrip("0"))
    fills = [fill for fill in result.fills if fill.symbol == series.instrument.symbol]
    columns: Columns = {"time": seconds_of(drawn.open_ns).tolist(), "decimals": decimals}
    for name in ("open", "high", "low", "close"):
        columns[name] = np.round(getattr(drawn, f"{name}_ticks") * tick, decimals).tolist()
    columns["markers"] = _markers(drawn, fills[-MAX_MARKERS:])
    columns["merged"] = drawn.interval_ns // series.interval_ns
    columns["fills_left"] = max(len(fills) - MAX_MARKERS, 0)
    return columns


def price_columns(curve: Curve, tick: float) -> Columns:
    """The price as a line, where there are no candles."""
    rows = thin_rows(curve.price_ticks, curve.position_lots)
    rows, seconds = _one_a_moment(rows, seconds_of(curve.times_ns[rows]))
    return {"time": seconds.tolist(), "price": np.round(curve.price_ticks[rows] * tick, 8).tolist()}


def seconds_of(times_ns: Integers) -> Floats:
    """Moments in seconds, to the millisecond."""
    return np.asarray((times_ns // NS_PER_MS) / MS_PER_S, dtype=np.float64)


def _one_a_moment(rows: Integers, seconds: Floats) -> tuple[Integers, Floats]:
    """The last row of each moment: a chart takes each time once."""
    last = np.append(np.diff(seconds) > 0, True)
    return rows[last], seconds[last]


def _units(atoms: Integers) -> list[float]:
    return [round(value, 4) for value in (atoms / ATOMS_PER_UNIT).tolist()]


def _markers(drawn: CandleSeries, fills: Sequence[Fill]) -> list[list[Any]]:
    """[index of the candle, "b" or "s", how many fills, size, average price], by candle.

    A fill at a candle's very close belongs to the next one, where an order that it caused trades.
    """
    if not fills or not len(drawn):
        return []
    times = np.array([fill.at_ns for fill in fills], dtype=np.int64)
    bars = np.clip(np.searchsorted(drawn.open_ns, times, side="right") - 1, 0, len(drawn) - 1)
    sums: dict[tuple[int, str], list[int]] = {}
    for bar, fill in zip(bars.tolist(), fills, strict=True):
        total = sums.setdefault((bar, fill.side[0]), [0, 0, 0])
        total[0] += 1
        total[1] += fill.size_lots
        total[2] += fill.size_lots * fill.price_ticks
    instrument = drawn.instrument
    return [
        [bar, side, count, instrument.size_text(lots), instrument.price_text(round(cost / lots))]
        for (bar, side), (count, lots, cost) in sorted(sums.items())
    ]

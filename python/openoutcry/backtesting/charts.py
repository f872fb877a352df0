"""Charts as inline SVG: candles with our fills, the equity curve, and a series of numbers with marks."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from openoutcry.backtesting.equity import EquityCurve
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT

WIDTH: Final = 1100
HEIGHT: Final = 300
LEFT: Final = 90  # room for the labels of the vertical axis
MARGIN: Final = 12
MAX_CANDLES_DRAWN: Final = 400  # more are joined: there are no more pixels
LABELS: Final = 5

Scale = Callable[[float], float]


def candle_chart(
    instrument: Instrument, candles: Sequence[CandleClosed], fills: Sequence[tuple[int, Fill]]
) -> str:
    """Candles as bars from low to high with a body, fills as triangles at their time and price."""
    if not candles:
        return ""
    prices = [candle.low_ticks for candle in candles] + [candle.high_ticks for candle in candles]
    prices += [fill.price_ticks for _, fill in fills]
    x = _scale(candles[0].open_ns, candles[-1].close_ns, LEFT, WIDTH - MARGIN)
    y = _scale(min(prices), max(prices), HEIGHT - MARGIN, MARGIN)
    drawn = _joined(candles)
    width = max((WIDTH - LEFT) / len(drawn) * 0.7, 1.0)
    shapes = _axis(y, min(prices), max(prices), lambda ticks: instrument.price_text(round(ticks)))
    for candle in drawn:
        middle = x((candle.open_ns + candle.close_ns) / 2)
        kind = "up" if candle.close_ticks >= candle.open_ticks else "down"
        top, bottom = sorted((y(candle.open_ticks), y(candle.close_ticks)))
        shapes.append(
            f'<path class="{kind}" d="M{middle:.1f} {y(candle.high_ticks):.1f}V{y(candle.low_ticks):.1f}"/>'
            f'<rect class="{kind}" x="{middle - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{max(bottom - top, 1):.1f}"/>'
        )
    shapes += [_triangle(x(at_ns), y(fill.price_ticks), fill, instrument) for at_ns, fill in fills]
    return _svg(shapes, "Candles and fills")


def equity_chart(curve: EquityCurve) -> str:
    """Profit before and after fees at each close, in the quote asset."""
    points = curve.points
    if len(points) < 2:  # noqa: PLR2004  a line needs two
        return ""
    before = [point.profit_atoms / ATOMS_PER_UNIT for point in points]
    after = [point.net_atoms / ATOMS_PER_UNIT for point in points]
    low, high = min(0.0, *before, *after), max(0.0, *before, *after)
    x = _scale(points[0].close_ns, points[-1].close_ns, LEFT, WIDTH - MARGIN)
    y = _scale(low, high, HEIGHT - MARGIN, MARGIN)
    shapes = _axis(y, low, high, lambda value: f"{value:.2f}")
    shapes.append(f'<path class="zero" d="M{LEFT} {y(0):.1f}H{WIDTH - MARGIN}"/>')
    for kind, values in (("before", before), ("after", after)):
        line = " ".join(
            f"{x(point.close_ns):.1f},{y(value):.1f}" for point, value in zip(points, values, strict=True)
        )
        shapes.append(f'<polyline class="{kind}" points="{line}"/>')
    return _svg(shapes, "Profit before fees and after fees")


def series_chart(values: Sequence[float], marks: Sequence[tuple[int, str]]) -> str:
    """The values as a band from the lowest to the highest of each pixel; a labelled mark at each index."""
    if not values:
        return ""
    low, high = min(values), max(values)
    x = _scale(0, len(values) - 1, LEFT, WIDTH - MARGIN)
    y = _scale(low, high, HEIGHT - MARGIN, MARGIN)
    stride = -(-len(values) // (WIDTH - LEFT - MARGIN))
    line = []
    for start in range(0, len(values), stride):
        run = values[start : start + stride]
        line += [f"{x(start):.1f},{y(value):.1f}" for value in dict.fromkeys((min(run), max(run)))]
    shapes = _axis(y, low, high, lambda value: f"{value:.6g}")
    shapes.append(f'<polyline class="after" points="{" ".join(line)}"/>')
    shapes += [
        f'<path class="mark" d="M{x(at):.1f} {MARGIN}V{HEIGHT - MARGIN}">'
        f"<title>{escape(label)}</title></path>"
        for at, label in marks
    ]
    return _svg(shapes, "Values and alarms")


def _svg(shapes: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"><title>{title}</title>'
        f"{''.join(shapes)}</svg>"
    )


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    """A straight line from values to pixels; a range of nothing lies in the middle."""
    span = high - low
    if not span:
        return lambda _value: (start + end) / 2
    return lambda value: start + (value - low) / span * (end - start)


def _axis(y: Scale, low: float, high: float, text: Callable[[float], str]) -> list[str]:
    values = sorted({low + (high - low) * step / (LABELS - 1) for step in range(LABELS)})
    return [
        f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - MARGIN}"/>'
        f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}">{text(value)}</text>'
        for value in values
    ]


def _triangle(x: float, y: float, fill: Fill, instrument: Instrument) -> str:
    """Upwards below the price for a purchase, downwards above it for a sale."""
    direction = 1 if fill.side == "buy" else -1
    label = f"{fill.side} {instrument.size_text(fill.size_lots)} at {instrument.price_text(fill.price_ticks)}"
    return (
        f'<path class="{fill.side}" d="M{x:.1f} {y:.1f}l5 {9 * direction}h-10z"><title>{label}</title></path>'
    )


def _joined(candles: Sequence[CandleClosed]) -> list[CandleClosed]:
    """At most so many candles as can be told apart: runs of them become one."""
    stride = -(-len(candles) // MAX_CANDLES_DRAWN)
    edges = [*range(0, len(candles), stride), len(candles)]
    return [_join(candles[start:end]) for start, end in pairwise(edges)]


def _join(run: Sequence[CandleClosed]) -> CandleClosed:
    first, last = run[0], run[-1]
    return CandleClosed(
        id=first.id,
        symbol=first.symbol,
        open_ns=first.open_ns,
        close_ns=last.close_ns,
        open_ticks=first.open_ticks,
        high_ticks=max(run, key=lambda candle: candle.high_ticks).high_ticks,
        low_ticks=min(run, key=lambda candle: candle.low_ticks).low_ticks,
        close_ticks=last.close_ticks,
        volume_lots=first.volume_lots,
        buy_volume_lots=first.buy_volume_lots,
        notional=first.notional,
        trade_count=first.trade_count,
        first_trade_id=first.first_trade_id,
        last_trade_id=last.last_trade_id,
    )

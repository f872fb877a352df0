"""The report of a backtest: one HTML file that opens from disk and asks nobody for anything."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.judgement import Judgement
from openoutcry.backtesting.report import sections
from openoutcry.backtesting.report.chart_data import Columns, candle_columns, curve_columns, price_columns
from openoutcry.backtesting.report.command import repeat_command, told_parameters
from openoutcry.backtesting.report.monthly import monthly_table
from openoutcry.backtesting.report.page import asset, write_page
from openoutcry.backtesting.report.thinning import CANDLE_RULE, CURVE_RULE
from openoutcry.backtesting.report.wording import amount, percent
from openoutcry.backtesting.result import BacktestResult
from openoutcry.domain.units import NS_PER_S

CHART_LIBRARY: Final = "vendor/lightweight-charts.standalone.production.js"
NAVIGATION: Final = (
    ("equity", "Equity"),
    ("months", "Months"),
    ("market", "Market"),
    ("trades", "Trades"),
    ("costs", "Costs"),
    ("statistics", "Statistics"),
    ("data", "Data"),
    ("simulation", "Assumptions"),
    ("repeat", "Repeat"),
)


def write_backtest_report(
    path: Path, judgement: Judgement, candles: Sequence[CandleSeries] = (), *, command: str = ""
) -> Path:
    """Write a backtest's report and return its path.

    `candles` are those that were traded on, one series a symbol; without them the price is drawn as a line.
    `command` repeats the backtest; without it one is made up from the result.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    return write_page(path, render_backtest(judgement, candles, command=command))


def render_backtest(judgement: Judgement, candles: Sequence[CandleSeries] = (), *, command: str = "") -> str:
    """The report as text. Names, reasons and findings may hold any characters: all are escaped."""
    result, verdict = judgement.result, judgement.verdict
    charts = {"equity": curve_columns(result), "market": _market_columns(result, candles)}
    library, script = asset(CHART_LIBRARY), asset("assets/backtest.js")
    first, last = (_day(int(result.curve.times_ns[row])) for row in (0, -1))
    symbols = ", ".join(result.instruments)
    return Template(asset("assets/backtest.html")).substitute(
        title=escape(f"{result.strategy} on {symbols}"),
        strategy=escape(result.strategy),
        overline=escape(
            f"Backtest · {symbols} · {result.instruments[result.symbol].venue} · {first} to {last}"
        ),
        parameters=escape(told_parameters(result) or "no parameters"),
        level=verdict.level,
        verdict=escape(verdict.line),
        figures=sections.figures_list(sections.key_figures(judgement)),
        navigation="".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in NAVIGATION),
        sections="\n".join(_sections(judgement, charts, command or repeat_command(result))),
        notice=escape(asset("vendor/NOTICE").strip()),
        style=asset("assets/backtest.css"),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; "
        f"script-src {_allowed(library)} {_allowed(script)}",
        library=library,
        script=script,
        data=embedded_json(charts),
    )


def embedded_json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element or open another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sections(judgement: Judgement, charts: Mapping[str, Any], command: str) -> list[str]:
    result = judgement.result
    make = sections.section
    return [
        make("equity", "Equity", _equity_chart(judgement, charts["equity"])),
        make("months", "Monthly returns", monthly_table(result.curve, result.opening_atoms)),
        make("market", "Market and fills", *_market_charts(result, charts["market"])),
        make("trades", "Trades", sections.trades(judgement)),
        make("costs", "Costs", sections.costs(judgement)),
        make("statistics", "Statistics", sections.statistics(judgement)),
        make("data", "Data", sections.data_quality(result.datasets)),
        make("simulation", "What was assumed", sections.simulation(result)),
        make("repeat", "Repeat it", sections.provenance(result, command)),
    ]


def _equity_chart(judgement: Judgement, columns: Columns) -> str:
    figures, result = judgement.performance, judgement.result
    quote = sections.quote_of(result)
    whose = "" if len(result.instruments) == 1 else f" of {result.symbol}"
    told = (
        f"Equity over time: from {amount(result.opening_atoms)} to "
        f"{amount(result.opening_atoms + result.net_atoms)} {quote}; buying and holding made "
        f"{percent(figures.benchmark_return, signed=True)}. Below it the drawdown, at worst "
        f"{percent(figures.drawdown.share)} on {_day(figures.drawdown.low_ns)}, and the exposure{whose}."
    )
    is_thinned = len(result.curve) > len(columns["time"])
    note = f'<p class="note">{escape(CURVE_RULE)}</p>' if is_thinned else ""
    return (
        _figure("equity-chart", "equity", f"Equity in {quote}, drawdown and exposure{whose} in percent", told)
        + note
    )


def _market_charts(result: BacktestResult, drawn: Sequence[Columns]) -> list[str]:
    charts = []
    for index, columns in enumerate(drawn):
        symbol, left = columns["symbol"], columns.get("fills_left", 0)
        fills = sum(fill.symbol == symbol for fill in result.fills)
        told = f"{'Candles' if 'open' in columns else 'The price'} of {symbol} with {fills:,} fills as marks."
        merged = columns.get("merged", 1)
        notes = [f"Each bar is {merged} candles merged. {CANDLE_RULE}"] if merged > 1 else []
        notes += [f"{left:,} earlier fills are not drawn."] if left else []
        charts.append(
            _figure(f"market-chart-{index}", "market", f"{symbol}: candles and fills", told)
            + "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
        )
    return charts


def _figure(name: str, kind: str, caption: str, told: str) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(caption)}'
        '<output class="legend" aria-hidden="true"></output>'
        f'</figcaption><div id="{name}" class="canvas {kind}" role="img" aria-label="{escape(told)}"></div>'
        "<noscript>The charts need JavaScript; every figure also stands in a table below.</noscript></figure>"
    )


def _market_columns(result: BacktestResult, candles: Sequence[CandleSeries]) -> list[Columns]:
    drawn = [
        {"symbol": series.instrument.symbol, **candle_columns(result, series)}
        for series in candles
        if len(series)
    ]
    if not drawn:
        tick = float(result.instruments[result.symbol].tick)
        drawn = [{"symbol": result.symbol, **price_columns(result.curve, tick)}]
    return drawn


def _allowed(script: str) -> str:
    """The policy's word for exactly this script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC):%-d %B %Y}"

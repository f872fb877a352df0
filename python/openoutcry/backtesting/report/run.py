"""The report of a run: one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec

from openoutcry.backtesting.charts import candle_chart, equity_chart
from openoutcry.backtesting.equity import EquityCurve, market_time_ns
from openoutcry.backtesting.journals import RunJournals, read_run
from openoutcry.backtesting.report.page import Row, html_table, moment_text, page, write_page
from openoutcry.backtesting.summary import amounts, curves_of, headline, summary_of
from openoutcry.domain.control import Failure, Halt
from openoutcry.domain.market import MarketAlert, VenueStatus
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import atoms_to_text

_TRADE_COLUMNS: Final = ("time (UTC)", "symbol", "side", "size", "price", "fee", "as", "order")


def write_report(run_dir: Path, summary: Mapping[str, Any] | None = None) -> Path:
    """Write a run's `report.html` and return its path. `summary`, if it is known already, is not made again.

    Raises:
        MissingDataError: the folder is no run's.
        JournalError: a journal is damaged.
        InvalidInputError: the file cannot be written.
    """
    run = read_run(run_dir)
    curves = curves_of(run)
    return write_page(run.paths.report, render(run, curves, summary or summary_of(run, curves)))


def render(run: RunJournals, curves: Mapping[str, EquityCurve], summary: Mapping[str, Any]) -> str:
    """The report as text. Whatever comes from a journal or a venue is escaped."""
    sections = [
        html_table("Summary", (), headline(summary)),
        *(_market(run, curve) for curve in curves.values()),
        html_table("Trades", _TRADE_COLUMNS, _trades(run)),
        html_table("Costs", ("", "amount"), _costs(summary)),
        html_table("Refused intents", ("check", "limit", "value", "time (UTC)"), _refusals(run)),
        html_table("Faults and alerts", ("time (UTC)", "what", "detail"), _faults(run)),
        html_table("Latencies (upper bounds, µs)", ("hop", "count", "p50", "p99"), _latencies(summary)),
        html_table("This run", (), _provenance(run)),
        html_table("Settings", (), _flat(run.record.settings)),
    ]
    return page(
        f"Run {run.record.run_id}", summary["verdict"], sections, is_bad=bool(summary["unreconciled"])
    )


def _market(run: RunJournals, curve: EquityCurve) -> str:
    symbol = curve.instrument.symbol
    candles = [candle for candle in run.candles if candle.symbol == symbol]
    caused_ns = {planned.approved.id: planned.approved.intent.event_ns for planned in run.parents}
    fills = [
        (market_time_ns(fill, candles, caused_ns.get(fill.parent_id, fill.at_ns)), fill)
        for fill in run.fills
        if fill.symbol == symbol
    ]
    note = ""
    if any(at_ns != fill.at_ns for at_ns, fill in fills):
        note = (
            '<p class="dim">The venue stamps fills with another clock than the candles\': '
            "they are drawn at the moment that caused them.</p>"
        )
    return (
        f"<h2>{escape(symbol)}</h2>{candle_chart(curve.instrument, candles, fills)}{note}"
        f"<h2>Profit in {escape(curve.instrument.quote)}: before fees (grey) and after fees (blue)</h2>"
        f"{equity_chart(curve)}"
    )


def _trades(run: RunJournals) -> Iterable[Row]:
    for fill in run.fills:
        size, price = _size_and_price(run, fill)
        fee = f"{atoms_to_text(fill.fee_atoms)} {fill.fee_asset}"
        at = moment_text(fill.at_ns)
        yield at, fill.symbol, fill.side, size, price, fee, fill.liquidity, fill.parent_id


def _size_and_price(run: RunJournals, fill: Fill) -> tuple[str, str]:
    instrument = run.record.instruments.get(fill.symbol)
    if instrument is None:
        return f"{fill.size_lots} lots", f"{fill.price_ticks} ticks"
    return instrument.size_text(fill.size_lots), instrument.price_text(fill.price_ticks)


def _costs(summary: Mapping[str, Any]) -> Iterable[Row]:
    yield "profit before fees", amounts(summary["pnl"])
    yield "fees", amounts(summary["fees"])
    yield "profit after fees", amounts(summary["net"])
    yield "deepest fall of it, at closes", amounts(summary["max_drawdown"])
    yield "opening cash bought and held, without fees", amounts(summary["buy_and_hold"])


def _refusals(run: RunJournals) -> Iterable[Row]:
    for refusal in run.refusals:
        yield refusal.check, refusal.limit, refusal.value, moment_text(refusal.at_ns)


def _faults(run: RunJournals) -> Iterable[Row]:
    for event in run.events:
        match event:
            case VenueStatus():
                yield moment_text(event.at_ns), f"{event.venue} {event.symbol} {event.state}", event.reason
            case MarketAlert():
                yield (
                    moment_text(event.at_ns),
                    f"alert of {event.detector}, {event.score:.2f}",
                    event.evidence,
                )
            case Halt():
                yield moment_text(event.at_ns), f"halt by {event.by}", event.reason
            case Failure():
                yield moment_text(event.at_ns), f"{event.role} failed on {event.handling}", event.error


def _latencies(summary: Mapping[str, Any]) -> Iterable[Row]:
    for hop, figures in summary.get("latency_us", {}).items():
        yield hop, figures.get("count"), figures.get("p50"), figures.get("p99")


def _provenance(run: RunJournals) -> Iterable[Row]:
    record = run.record
    yield "mode", record.mode
    yield "started", moment_text(record.started_ns)
    yield "ended", moment_text(record.ended_ns) if record.ended_ns else "it did not"
    yield "outcome", record.outcome
    yield "seed", record.seed
    yield "data", record.data_source
    yield "data hash", record.data_hash
    yield "config hash", record.config_hash
    yield from sorted(record.versions.items())
    yield "order journal", run.paths.orders_db
    yield "decision journal", run.paths.decisions_db


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterable[Row]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", msgspec.json.encode(value).decode()

"""The report of a run: one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

import msgspec

from openoutcry.backtesting.charts import candle_chart, equity_chart
from openoutcry.backtesting.equity import EquityCurve, market_time_ns
from openoutcry.backtesting.journals import RunJournals, read_run
from openoutcry.backtesting.summary import amounts, curves_of, headline, summary_of
from openoutcry.domain.control import Failure, Halt
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import MarketAlert, VenueStatus
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import NS_PER_S, atoms_to_text

MAX_ROWS: Final = 1_000  # of one table; the journals hold all of them

Row = Sequence[object]
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


def write_page(path: Path, text: str) -> Path:
    """Write an HTML file and return its path.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be written ({error}); check permissions and free space"
        ) from error
    return path


def page(title: str, verdict: str, sections: Sequence[str], *, is_bad: bool) -> str:
    """A page of sections, which are HTML; title and verdict are text and are escaped."""
    template = resources.files("openoutcry.backtesting").joinpath("templates/report.html").read_text("utf-8")
    return Template(template).substitute(
        title=escape(title),
        verdict=escape(verdict),
        mood="bad" if is_bad else "",
        sections="\n".join(sections),
    )


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
        at = _moment(fill.at_ns)
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
        yield refusal.check, refusal.limit, refusal.value, _moment(refusal.at_ns)


def _faults(run: RunJournals) -> Iterable[Row]:
    for event in run.events:
        match event:
            case VenueStatus():
                yield _moment(event.at_ns), f"{event.venue} {event.symbol} {event.state}", event.reason
            case MarketAlert():
                yield _moment(event.at_ns), f"alert of {event.detector}, {event.score:.2f}", event.evidence
            case Halt():
                yield _moment(event.at_ns), f"halt by {event.by}", event.reason
            case Failure():
                yield _moment(event.at_ns), f"{event.role} failed on {event.handling}", event.error


def _latencies(summary: Mapping[str, Any]) -> Iterable[Row]:
    for hop, figures in summary.get("latency_us", {}).items():
        yield hop, figures.get("count"), figures.get("p50"), figures.get("p99")


def _provenance(run: RunJournals) -> Iterable[Row]:
    record = run.record
    yield "mode", record.mode
    yield "started", _moment(record.started_ns)
    yield "ended", _moment(record.ended_ns) if record.ended_ns else "it did not"
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


def html_table(title: str, head: Sequence[str], rows: Iterable[Row]) -> str:
    """A section with a table; says so if there is nothing, or more than is shown."""
    listed = list(rows)
    if not listed:
        return f'<h2>{escape(title)}</h2><p class="dim">none</p>'
    heading = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in listed[:MAX_ROWS]
    )
    left = len(listed) - MAX_ROWS
    more = f'<p class="dim">{left} more are not shown.</p>' if left > 0 else ""
    return f"<h2>{escape(title)}</h2><table><tr>{heading}</tr>{body}</table>{more}"


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

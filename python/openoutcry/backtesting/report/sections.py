"""The parts of a backtest's report, as HTML. Whatever is text is escaped here."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import zip_longest
from typing import Any, Final

import msgspec

from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.judgement import Judgement
from openoutcry.backtesting.report.page import MAX_ROWS, Row
from openoutcry.backtesting.report.wording import NOTHING, amount, exact, percent, ratio, span
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.backtesting.slippage import slippage_atoms
from openoutcry.backtesting.statistics.bootstrap import Band
from openoutcry.backtesting.statistics.round_trips import RoundTrip
from openoutcry.domain.units import BASIS_POINTS, NS_PER_S
from openoutcry.risk_management.check_words import in_words

SHORT_HASH: Final = 12
WHOLE_SECONDS: Final = len("2024-01-31 00:00:00")
_CANDLE: Final = re.compile(r"candle:(.+):(\w+):(\d+)")

Figure = tuple[str, str, str]  # name, value, what stands under it


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Row],
    *,
    numbers: Sequence[int] = (),
    kind: str = "",
    marks: Sequence[str] = (),
) -> str:
    """A table of text; `numbers` are the columns set to the right. Says so if there is nothing, or more.

    `marks` are attributes of the rows, as HTML.
    """
    listed = list(rows)
    if not listed:
        return f'<p class="note">{escape(caption)}: none.</p>'
    align = [' class="number"' if column in numbers else "" for column in range(len(listed[0]))]
    heading = "".join(
        f'<th scope="col"{each}>{escape(name)}</th>' for name, each in zip(head, align, strict=bool(head))
    )
    body = "".join(
        _row(row, align, mark) for row, mark in zip_longest(listed[:MAX_ROWS], marks[:MAX_ROWS], fillvalue="")
    )
    left = len(listed) - MAX_ROWS
    more = (
        f'<p class="note">The first {MAX_ROWS:,} of {len(listed):,}; {left:,} more are not shown.</p>'
        if left > 0
        else ""
    )
    thead = f"<thead><tr>{heading}</tr></thead>" if head else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="{kind}">'
        f'<caption class="unseen">{escape(caption)}</caption>{thead}<tbody>{body}</tbody></table></div>{more}'
    )


def _row(row: Row, align: Sequence[str], mark: str) -> str:
    first, *others = (escape(str(cell)) for cell in row)
    cells = "".join(f"<td{each}>{cell}</td>" for cell, each in zip(others, align[1:], strict=True))
    return f'<tr{mark}><th scope="row"{align[0]}>{first}</th>{cells}</tr>'


def section(anchor: str, title: str, *parts: str) -> str:
    """A part of the page with its heading."""
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{escape(title)}</h2>{"".join(parts)}</section>'
    )


def key_figures(judgement: Judgement) -> list[Figure]:
    """The figures that people look at first."""
    figures, bands, quote = judgement.performance, judgement.bands, quote_of(judgement.result)
    sharpe_note = _between(bands.sharpe, ratio) if bands else ""
    why_none = figures.undefined.get("sharpe", "too short for a band")
    return [
        (
            "Net profit",
            f"{amount(figures.net_atoms, signed=True)} {quote}",
            f"{percent(figures.total_return, signed=True)} after all costs",
        ),
        (
            "Buy and hold",
            percent(figures.benchmark_return, signed=True),
            "the same cash, the same time"
            if len(judgement.result.instruments) == 1
            else "the same cash in equal parts",
        ),
        ("Sharpe ratio", ratio(figures.sharpe), sharpe_note or why_none),
        (
            "Deepest fall",
            percent(-figures.drawdown.share),
            f"{percent(-figures.benchmark_drawdown)} holding",
        ),
        ("Trades", f"{figures.trades:,}", f"{percent(figures.win_rate, 0)} won"),
        (
            "Fees",
            f"{amount(-figures.fees_atoms, signed=True)} {quote}",
            f"{percent(figures.fee_share, 0)} of gross profit"
            if figures.fee_share is not None
            else "no gross profit to pay them from",
        ),
    ]


def figures_list(figures: Iterable[Figure]) -> str:
    """The key figures as a definition list."""
    return f'<dl class="figures">{"".join(_figure(*each) for each in figures)}</dl>'


def _figure(name: str, value: str, note: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>"


def statistics(judgement: Judgement) -> str:
    """Every figure, with its band where there is one, and why where there is none."""
    figures, bands, trials = judgement.performance, judgement.bands, judgement.trials
    sharpe, total, fall = (bands.sharpe, bands.total_return, bands.max_drawdown) if bands else (None,) * 3
    rows: list[tuple[str, str, str, str]] = [
        ("Total return", percent(figures.total_return), _between(total, percent), ""),
        ("Annual return", percent(figures.annual_return), "", "annual_return"),
        ("Annual volatility", percent(figures.volatility), "", "volatility"),
        ("Sharpe ratio, annual", ratio(figures.sharpe), _between(sharpe, ratio), "sharpe"),
        ("Sortino ratio", ratio(figures.sortino), "", "sortino"),
        ("Calmar ratio", ratio(figures.calmar), "", "calmar"),
        ("Deepest fall", percent(figures.drawdown.share), _between(fall, percent), ""),
        ("Longest time under water", span(figures.drawdown.longest_ns), "", ""),
        ("Probability of skill (PSR)", percent(figures.skill_probability), "", "skill_probability"),
        ("Deflated Sharpe",
         NOTHING if trials.deflated is None else percent(trials.deflated),
         f"after {trials.count:,} trials on it" if trials.count > 1 else "the first try on this data", ""),
        (f"Track record needed ({span_name(figures.period_ns)})", ratio(figures.track_record_periods, 0), "",
         "track_record_periods"),
        ("Skew", ratio(figures.skew), "", "skew"),
        ("Kurtosis (3 is normal)", ratio(figures.kurtosis), "", "kurtosis"),
        ("Time with a position", percent(figures.exposure_share), "", ""),
        ("Trades won", percent(figures.win_rate), "", "win_rate"),
        ("Profit factor", ratio(figures.profit_factor), "", "profit_factor"),
        ("Average trade",
         NOTHING if figures.average_trade_atoms is None else amount(round(figures.average_trade_atoms)), "",
         "average_trade_atoms"),
        ("Buy and hold, Sharpe", ratio(figures.benchmark_sharpe), "", ""),
        ("Better than buy and hold by", percent(figures.excess_return, signed=True), "", ""),
    ]  # fmt: skip
    note = (
        f"Measured on {figures.periods:,} {span_name(figures.period_ns)}. "
        + (f"Bands: {percent(bands.confidence, 0)} of {bands.draws:,} histories of the stationary bootstrap "
           f"(blocks of {bands.block_periods:.1f} periods, seed {bands.seed})." if bands else
           "The time is too short for bands.")
    )  # fmt: skip
    told = ((name, value, band or figures.undefined.get(field, "")) for name, value, band, field in rows)
    head = ("statistic", "value", "band, or why there is none")
    return (
        f'{table("Statistics", head, told, numbers=(1,), kind="measures")}<p class="note">{escape(note)}</p>'
    )


def span_name(period_ns: int) -> str:
    """What periods of this length are called."""
    return {86_400: "days", 3_600: "hours", 60: "minutes"}.get(
        period_ns // NS_PER_S, f"periods of {period_ns / NS_PER_S:g} s"
    )


def costs(judgement: Judgement) -> str:
    """From the profit before costs to the one after, to the last atom, and what they are in proportion."""
    result, figures, quote = judgement.result, judgement.performance, quote_of(judgement.result)
    slipped = slippage_atoms(result)
    whose = "" if len(result.instruments) == 1 else f" of {result.symbol}"
    makers = sum(fill.liquidity == "maker" for fill in result.fills)
    traded = sum(
        result.instruments[fill.symbol].notional_atoms(fill.price_ticks, fill.size_lots)
        for fill in result.fills
    )
    rows = [
        ("Profit before costs", f"{exact(figures.gross_atoms)} {quote}"),
        ("Fees", f"{exact(-figures.fees_atoms)} {quote}"),
        ("Funding", f"{exact(-figures.funding_atoms)} {quote}"),
        ("Profit after costs", f"{exact(figures.net_atoms)} {quote}"),
        (
            f"Slippage{whose} against the closes that caused the orders, in the profit before costs",
            NOTHING if slipped is None else f"{exact(-slipped)} {quote}",
        ),
        ("Fees, share of the profit before costs", percent(figures.fee_share)),
        (
            "Fees, share of what was traded",
            f"{ratio(BASIS_POINTS * figures.fees_atoms / traded)} bps" if traded else NOTHING,
        ),
        ("Traded", f"{amount(traded)} {quote}, {ratio(figures.turnover, 1)} times the account"),
        ("Fills as maker, as taker", f"{makers:,}, {len(result.fills) - makers:,}"),
    ]
    return table("Costs", (), rows, numbers=(1,), kind="pairs")


def trades(judgement: Judgement) -> str:
    """Round trips, first in, first out, with what caused their ends."""
    instruments = judgement.result.instruments
    named = ("symbol",) if len(instruments) > 1 else ()
    head = (
        "#",
        *named,
        "side",
        "size",
        "in (UTC)",
        "at",
        "out (UTC)",
        "at",
        "profit",
        "fees",
        "net",
        "lasted",
        "caused by the closes of",
    )
    rows = (
        (
            number,
            *(trip.symbol for _ in named),
            "long" if trip.side == "buy" else "short",
            instruments[trip.symbol].size_text(trip.size_lots),
            _minute(trip.opened_ns),
            _average(judgement, trip, trip.opening_notional_atoms),
            _minute(trip.closed_ns),
            _average(judgement, trip, trip.closing_notional_atoms),
            amount(trip.profit_atoms, signed=True),
            amount(trip.fees_atoms),
            amount(trip.net_atoms, signed=True),
            span(trip.closed_ns - trip.opened_ns),
            f"{cause_text(trip.opening_parent_id)} / {cause_text(trip.closing_parent_id)}",
        )
        for number, trip in enumerate(judgement.trips, start=1)
    )
    order = list(instruments)
    marks = [
        f' data-market="{order.index(trip.symbol)}" data-from="{trip.opened_ns // NS_PER_S}" '
        f'data-to="{trip.closed_ns // NS_PER_S}"'
        for trip in judgement.trips[:MAX_ROWS]
    ]
    note = (
        f"Lots are matched first in, first out; what is still open at the end is not here. Amounts in "
        f"{quote_of(judgement.result)}."
    )
    numbers = (0, *(column + len(named) for column in (2, 4, 6, 7, 8, 9)))
    listed = table("Trades", head, rows, numbers=numbers, kind="trades", marks=marks)
    return f'{by_symbol(judgement) if named else ""}<p class="note">{escape(note)}</p>{listed}'


def by_symbol(judgement: Judgement) -> str:
    """What each symbol had part in the profit."""
    rows = (
        (
            part.symbol,
            f"{part.fills:,}",
            f"{part.trades:,}",
            percent(part.win_rate, 0),
            amount(part.profit_atoms, signed=True),
            amount(part.fees_atoms),
            amount(part.net_atoms, signed=True),
            judgement.result.instruments[part.symbol].size_text(part.position_lots),
        )
        for part in parts_of(judgement.result, judgement.trips)
    )
    head = (
        "symbol",
        "fills",
        "trades",
        "won",
        "profit",
        "fees",
        "after fees, before funding",
        "held at the end",
    )
    return table("By symbol", head, rows, numbers=range(1, 8), kind="prose")


def cause_text(parent_id: str) -> str:
    """The candle whose close led to an order, or the order's own id if it names none."""
    found = _CANDLE.search(parent_id)
    return _minute(int(found[3]))[5:16] if found else parent_id


def _average(judgement: Judgement, trip: RoundTrip, notional_atoms: int) -> str:
    instrument = judgement.result.instruments[trip.symbol]
    return instrument.price_text(round(instrument.average_price_ticks(notional_atoms, trip.size_lots)))


def _minute(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC).isoformat(" ")[:WHOLE_SECONDS]


def data_quality(datasets: Sequence[DatasetRecord]) -> str:
    """What was played, and what the checks found in it."""
    played = table(
        "Data",
        ("data", "venue", "symbol", "kind", "from (UTC)", "to (UTC)", "rows", "sha256"),
        (
            (data.name, data.venue, data.symbol, data.kind, _minute(data.first_ns), _minute(data.last_ns),
             f"{data.rows:,}", f"{data.sha256[:SHORT_HASH]}…")
            for data in datasets
        ),
        numbers=(6,),
        kind="prose",
    )  # fmt: skip
    found = [
        (
            finding.severity,
            finding.kind,
            f"{finding.count:,}",
            f"{finding.row:,}",
            finding.detail,
            finding.remedy,
        )
        for data in datasets
        for finding in data.findings
    ]
    if not found:
        return f'{played}<p class="note">The checks found nothing to say about the data.</p>'
    head = ("severity", "finding", "times", "first row", "what", "remedy")
    return played + table("Findings", head, found, numbers=(2, 3), kind="prose")


def simulation(result: BacktestResult) -> str:
    """What was assumed, and what became of the wishes."""
    assumed = "".join(f"<li>{escape(each)}</li>" for each in result.assumptions)
    listed = (
        f'<ul class="assumptions">{assumed}</ul>'
        if assumed
        else '<p class="note">No assumption is recorded.</p>'
    )
    counts = table("Counts", (), _counted(result.counts), numbers=(1,), kind="pairs")
    checks = {f"{check}: {in_words(check)}": count for check, count in result.refusals.items()}
    refused = table("Refused, by check", (), _counted(checks), numbers=(1,), kind="pairs")
    return (
        f'{listed}<div class="columns"><div><h3>Counts</h3>{counts}</div>'
        f"<div><h3>Refused</h3>{refused}</div></div>"
    )


def _counted(counts: Mapping[str, int]) -> Iterable[Row]:
    return ((name, f"{count:,}") for name, count in counts.items())


def provenance(result: BacktestResult, command: str) -> str:
    """All that is needed to have the same bytes again."""
    rows = [
        ("run", result.run_id),
        ("seed", result.seed),
        ("settings hash", result.config_hash),
        *((f"sha256 of the content of {data.name}", data.sha256) for data in result.datasets),
        ("sha256 of the strategy's source", result.source_sha256 or "openoutcry's own: see its version"),
        *sorted(result.versions.items()),
    ]
    settings = table("Settings", (), _flat(result.settings), kind="pairs")
    return (
        f'<pre class="command"><code>{escape(command)}</code></pre>'
        f"{table('This run', (), rows, kind='pairs')}"
        f"<details><summary>Settings</summary>{settings}</details>"
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterable[Row]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", msgspec.json.encode(value, enc_hook=str).decode()


def quote_of(result: BacktestResult) -> str:
    """The asset that amounts are in."""
    return result.instruments[result.symbol].settlement


def _between(band: Band | None, text: Callable[[float], str]) -> str:
    return f"{text(band.low)} to {text(band.high)}" if band else ""

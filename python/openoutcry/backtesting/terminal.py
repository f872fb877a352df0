"""A backtest on the terminal: the verdict first, then the figures with buy and hold beside."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from openoutcry.backtesting.assumptions import is_warning
from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.idleness import refusals_in_words
from openoutcry.backtesting.judgement import Judgement
from openoutcry.backtesting.report.command import told_parameters
from openoutcry.backtesting.report.wording import NOTHING, amount, percent, ratio, span
from openoutcry.backtesting.result import BacktestResult, Integers

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SPARKLINE_CHARS: Final = 40
STYLES: Final = {"good": "bold green", "doubtful": "bold yellow", "bad": "bold red"}


def show(judgement: Judgement, *, report: Path | None = None, console: Console | None = None) -> None:
    """Print a backtest for people; without colours where the output is no terminal."""
    screen = console or Console()
    result, figures, verdict = judgement.result, judgement.performance, judgement.verdict
    told_as = told_parameters(result)
    name = f"{result.strategy} ({told_as})" if told_as else result.strategy
    screen.print(Text(verdict.line, style=STYLES[verdict.level]))
    screen.print()
    screen.print(Text(f"{name} on {', '.join(result.instruments)}", style="bold"))
    line = sparkline(result.curve.equity_atoms)
    low, high = int(result.curve.equity_atoms.min()), int(result.curve.equity_atoms.max())
    quote = result.instruments[result.symbol].settlement
    screen.print(Text.assemble((line, "cyan"), (f"  {amount(low)} to {amount(high)} {quote}", "dim")))
    screen.print()
    screen.print(_figures(judgement))
    for warning in warnings_of(result):
        screen.print(Text(f"! {warning}", style="yellow"))
    told = [
        ("time", f"{span(figures.last_ns - figures.first_ns)} in {result.wall_s:.2f} s"),
        ("run", result.run_id),
    ]
    if report is not None:
        told.append(("report", str(report)))
    screen.print(Text("\n".join(f"{what:<8}{value}" for what, value in told), style="dim"), soft_wrap=True)


def sparkline(values: Integers, chars: int = SPARKLINE_CHARS) -> str:
    """The values in at most so many blocks, each the last of an equal part; flat ones lie at the bottom."""
    if not len(values):
        return ""
    ends = np.unique(np.linspace(0, len(values) - 1, min(chars, len(values))).astype(np.int64))
    heights = values[ends].astype(float)
    low, high = float(values.min()), float(values.max())
    steps = np.zeros(len(ends), dtype=np.int64)
    if high > low:
        steps = np.minimum((heights - low) / (high - low) * len(BLOCKS), len(BLOCKS) - 1).astype(np.int64)
    return "".join(BLOCKS[step] for step in steps.tolist())


def warnings_of(result: BacktestResult) -> Iterator[str]:
    """What a reader must know beyond the verdict: faults in the data, guesses, the halt, refused wishes."""
    for data in result.datasets:
        for finding in data.findings:
            if finding.severity != "note":
                what = f"{finding.kind}, {finding.count} times: {finding.detail}; {finding.remedy}"
                yield f"{data.name}: {what}"
    yield from filter(is_warning, result.assumptions)
    if result.halt_reason:
        yield f"risk ended trading: {result.halt_reason}"
    if result.refusals:
        yield f"refused: {refusals_in_words(result)}"


def _figures(judgement: Judgement) -> Table:
    figures, bands, trials = judgement.performance, judgement.bands, judgement.trials
    quote = judgement.result.instruments[judgement.result.symbol].settlement
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    is_one = len(judgement.result.instruments) == 1
    for name in ("strategy", "buy and hold" if is_one else "held in equal parts"):
        table.add_column(name, justify="right")
    table.add_column("", style="dim")
    sharpe = f"{ratio(bands.sharpe.low)} to {ratio(bands.sharpe.high)}" if bands and bands.sharpe else ""
    certainty = (
        f"{percent(bands.confidence, 0)} band"
        if bands and bands.sharpe
        else figures.undefined.get("sharpe", "")
    )
    fees = "" if figures.fee_share is None else f"{percent(figures.fee_share, 0)} of gross profit"
    total, held = (percent(each, signed=True) for each in (figures.total_return, figures.benchmark_return))
    rows: Sequence[tuple[str, str, str, str]] = (
        ("return", total, held, ""),
        ("net profit", f"{amount(figures.net_atoms, signed=True)} {quote}", "", ""),
        ("Sharpe", ratio(figures.sharpe), ratio(figures.benchmark_sharpe), f"{sharpe} {certainty}".strip()),
        ("deepest fall", percent(-figures.drawdown.share), percent(-figures.benchmark_drawdown), ""),
        *((("Deflated Sharpe", ratio(trials.deflated), "", f"after {trials.count:,} trials"),)
          if trials.deflated is not None else ()),
        ("trades", f"{figures.trades:,}", "", f"{percent(figures.win_rate, 0)} won"),
        ("fees", f"{amount(-figures.fees_atoms, signed=True)} {quote}", "", fees),
        ("funding", *_funding(figures.funding_atoms, quote)),
    )  # fmt: skip
    for row in (*rows, *(() if is_one else _symbols(judgement))):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _funding(paid_atoms: int, quote: str) -> tuple[str, str, str]:
    """As all amounts here, below 0 where the account paid it."""
    if not paid_atoms:
        return NOTHING, "", ""
    return f"{amount(-paid_atoms, signed=True)} {quote}", "", "paid" if paid_atoms > 0 else "received"


def _symbols(judgement: Judgement) -> Iterator[tuple[str, str, str, str]]:
    """What each symbol had part in it, a row each."""
    quote = judgement.result.instruments[judgement.result.symbol].quote
    for part in parts_of(judgement.result, judgement.trips):
        earned = f"{amount(part.net_atoms, signed=True)} {quote}"
        yield part.symbol, earned, "", f"{part.trades:,} trades, {percent(part.win_rate, 0)} won"

"""A backtest on the terminal: the verdict first, then the figures with buy and hold beside; and as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from openoutcry.backtesting.judgement import Judgement
from openoutcry.backtesting.report.wording import NOTHING, amount, percent, ratio, span
from openoutcry.backtesting.result import BacktestResult, Integers
from openoutcry.backtesting.statistics.bootstrap import Bands
from openoutcry.backtesting.statistics.performance import Performance
from openoutcry.backtesting.statistics.verdict import Verdict
from openoutcry.domain.units import atoms_to_text

BLOCKS: Final = "▁▂▃▄▅▆▇█"
SPARKLINE_CHARS: Final = 40
STYLES: Final = {"good": "bold green", "doubtful": "bold yellow", "bad": "bold red"}


def as_json(
    result: BacktestResult, performance: Performance, verdict: Verdict, bands: Bands | None = None
) -> dict[str, Any]:
    """A backtest for programs.

    `run_id`, `strategy`, `parameters`, `symbols`, `quote`, `seed`, `config_hash`; `datasets` with their
    hashes and findings; `verdict` {level, line, reasons}; `opening`, `net`, `gross`, `fees`, `funding`,
    exact decimal text in the quote asset; `performance` with every figure (shares of 1, amounts in atoms,
    None with its reason in `undefined`); `bands` or null; `counts`, `refusals`, `assumptions`, `halt_reason`,
    `versions`, `fills` (their number) and `wall_s`.
    """
    told = {
        "run_id": result.run_id,
        "strategy": result.strategy,
        "parameters": dict(result.parameters),
        "symbols": list(result.instruments),
        "quote": result.instruments[result.symbol].settlement,
        "seed": result.seed,
        "config_hash": result.config_hash,
        "datasets": result.datasets,
        "verdict": verdict,
        "opening": atoms_to_text(result.opening_atoms),
        "net": atoms_to_text(performance.net_atoms),
        "gross": atoms_to_text(performance.gross_atoms),
        "fees": atoms_to_text(performance.fees_atoms),
        "funding": atoms_to_text(performance.funding_atoms),
        "performance": performance,
        "bands": bands,
        "counts": dict(result.counts),
        "refusals": dict(result.refusals),
        "assumptions": list(result.assumptions),
        "halt_reason": result.halt_reason,
        "versions": dict(result.versions),
        "fills": len(result.fills),
        "wall_s": result.wall_s,
    }
    plain: dict[str, Any] = msgspec.to_builtins(told, enc_hook=str)
    return plain


def show(judgement: Judgement, *, report: Path | None = None, console: Console | None = None) -> None:
    """Print a backtest for people; without colours where the output is no terminal."""
    screen = console or Console()
    result, figures, verdict = judgement.result, judgement.performance, judgement.verdict
    told_as = ", ".join(f"{name} {value}" for name, value in result.parameters.items())
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
    """What a reader must know beyond the verdict: faults in the data, the halt, refused wishes."""
    for data in result.datasets:
        for finding in data.findings:
            if finding.severity != "note":
                what = f"{finding.kind}, {finding.count} times: {finding.detail}; {finding.remedy}"
                yield f"{data.name}: {what}"
    if result.halt_reason:
        yield f"risk ended trading: {result.halt_reason}"
    if result.refusals:
        yield "refused: " + ", ".join(f"{check} {count}" for check, count in result.refusals.items())


def _figures(judgement: Judgement) -> Table:
    figures, bands = judgement.performance, judgement.bands
    quote = judgement.result.instruments[judgement.result.symbol].settlement
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("strategy", "buy and hold"):
        table.add_column(name, justify="right")
    table.add_column("", style="dim")
    sharpe = f"{ratio(bands.sharpe.low)} to {ratio(bands.sharpe.high)}" if bands and bands.sharpe else ""
    certainty = f"{percent(bands.confidence, 0)} band" if bands and bands.sharpe else ""
    fees = "" if figures.fee_share is None else f"{percent(figures.fee_share, 0)} of gross profit"
    total, held = (percent(each, signed=True) for each in (figures.total_return, figures.benchmark_return))
    rows: Sequence[tuple[str, str, str, str]] = (
        ("return", total, held, ""),
        ("net profit", f"{amount(figures.net_atoms, signed=True)} {quote}", "", ""),
        ("Sharpe", ratio(figures.sharpe), ratio(figures.benchmark_sharpe), f"{sharpe} {certainty}".strip()),
        ("deepest fall", percent(-figures.drawdown.share), percent(-figures.benchmark_drawdown), ""),
        ("trades", f"{figures.trades:,}", "", f"{percent(figures.win_rate, 0)} won"),
        ("fees", f"{amount(figures.fees_atoms)} {quote}", "", fees),
        ("funding", f"{amount(figures.funding_atoms)} {quote}" if figures.funding_atoms else NOTHING, "", ""),
    )  # fmt: skip
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table

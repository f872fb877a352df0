"""What an optimisation found, for people: out of sample first."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console, OverflowMethod
from rich.table import Table
from rich.text import Text

from openoutcry.backtesting.optimise.optimisation import Optimisation, Window
from openoutcry.cli.options import moment, put_whole

COLOURS: Final = {"good": "green", "doubtful": "yellow", "bad": "red"}
DAY_CHARS: Final = 10
WINDOWS_CHARS: Final = 80  # at least: below it, cells would be cut
HEADINGS: Final = (
    ("tested from", "left"),
    ("to", "left"),
    ("parameters", "left"),
    ("Sharpe in", "right"),
    ("out", "right"),
    ("return", "right"),
    ("as searched", "right"),
)


def show(found: Optimisation) -> None:
    """Print the verdict, the account out of sample, what it promised in sample, and the windows."""
    console = Console()
    console.print(Text(found.verdict.line, style=COLOURS[found.verdict.level]))
    figures = Table(show_header=False, box=None, pad_edge=False)
    figures.add_column(style="dim", no_wrap=True)
    figures.add_column()
    for name, value in _figures(found):
        figures.add_row(name, Text(value))
    console.print(figures)
    put_whole(_windows(found.windows), WINDOWS_CHARS)
    console.print(Text(f"study {found.study}, run {found.run_id}", style="dim"))
    console.print(Text(found.command, style="dim"), soft_wrap=True)


def words(parameters: Mapping[str, Any]) -> str:
    """Parameters as `fast=10 share=0.25`."""
    return " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
    )


def _figures(found: Optimisation) -> list[tuple[str, str]]:
    outside, selection = found.out_of_sample, found.selection
    sharpe = _ratio(outside.sharpe)
    account = f"{outside.total_return:+.1%} after costs, Sharpe {sharpe} a year"
    held = f"{outside.benchmark_return:+.1%}, Sharpe {_ratio(outside.benchmark_sharpe)}"
    luck = selection.overfitting
    inside = (
        f"in sample {_ratio(found.in_sample_sharpe)} → out of sample {_ratio(found.out_of_sample_sharpe)}"
    )
    return [
        ("out of sample", f"{account}, drawdown {outside.drawdown.share:.1%}, {outside.trades} trades"),
        ("buy and hold", f"{held}, drawdown {outside.benchmark_drawdown:.1%}"),
        ("degradation", f"Sharpe {inside}"),
        (
            "overfitting",
            f"PBO {luck.probability:.0%}: how often the best in sample is below the median out of sample"
            if luck
            else "PBO unknown: a single trial",
        ),
        (
            "Deflated Sharpe",
            f"{selection.deflated:.2f} after {found.tried} trials on this data; from 0.95 significant",
        ),
        ("trials", f"{found.trials}, of which the strategy refused {found.refused}"),
        ("best now", words(found.best)),
    ]


def _windows(windows: tuple[Window, ...]) -> Table:
    table = Table(title="windows", title_justify="left", box=None, pad_edge=False)
    for heading, justify in HEADINGS:
        is_long = heading == "parameters"
        overflow: OverflowMethod = "fold" if is_long else "ellipsis"
        table.add_column(
            heading,
            justify="left" if justify == "left" else "right",
            no_wrap=not is_long,
            overflow=overflow,
        )
    for each in windows:
        table.add_row(
            *(moment(at_ns)[:DAY_CHARS] for at_ns in each.test_ns),
            Text(words(each.parameters)),
            _ratio(each.in_sample_sharpe),
            _ratio(each.out_of_sample_sharpe),
            f"{each.net_return:+.1%}",
            f"{each.search_return:+.1%}",
        )
    return table


def _ratio(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"

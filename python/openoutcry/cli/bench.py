"""How fast this machine is, beside what others offer, in one run."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from openoutcry.actors.benchmark.bases import BASES, BASES_MEASURED, MESSAGES, ROUND_TRIPS
from openoutcry.cli.options import json_option, put_json

if TYPE_CHECKING:
    from openoutcry.actors.benchmark.measure import Comparison, Figures, Progress


@click.group()
def bench() -> None:
    """Measure how fast this machine is."""


@bench.command()
@click.option(
    "--round-trips",
    type=click.IntRange(min=1),
    default=ROUND_TRIPS,
    show_default=True,
    help="Small messages there and back; the stock bases, being slow, make a share of them.",
)
@click.option(
    "--messages",
    type=click.IntRange(min=1),
    default=MESSAGES,
    show_default=True,
    help="Messages one way; the stock bases take a share of them.",
)
@click.option(
    "--base",
    "bases",
    type=click.Choice(list(BASES)),
    multiple=True,
    default=BASES_MEASURED,
    show_default=True,
    help="What to measure, again for each; the first is compared with the others.",
)
@json_option
def actors(round_trips: int, messages: int, bases: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001  click's call
    """Measure messages between two actors: our transport beside Thespian's own TCP, in one run.

    Four hops is the way from a closed candle through classification, strategy and risk to execution, on the
    first base. On a shared machine only the ratios say much.
    """
    from openoutcry.actors.benchmark.measure import compare  # noqa: PLC0415  --help needs none of it

    with _progress(is_shown=not as_json) as progress:
        comparison = compare(bases, round_trips=round_trips, messages=messages, progress=progress)
    if as_json:
        put_json(comparison.to_json())
    else:
        _show(comparison)


@contextlib.contextmanager
def _progress(*, is_shown: bool) -> "Iterator[Progress]":
    """A bar for each measurement, on stderr. A signal ends the command there, with no actor left behind."""
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress as Bars  # noqa: PLC0415
    from rich.progress import TaskID  # noqa: PLC0415

    tasks: dict[str, TaskID] = {}
    with (
        _signals() as received,
        Bars(console=Console(stderr=True), transient=True, disable=not is_shown) as bars,
    ):

        def show(what: str, done: int, total: int) -> None:
            if received:
                raise KeyboardInterrupt
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield show


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The first SIGINT, SIGTERM or SIGHUP is noted, a second one ends the command at once."""
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _show(comparison: "Comparison") -> None:
    """A row a measurement; of every other base also how many times better the first one is."""
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415

    first, *others = comparison.figures
    shown = Table(title="messages between actors", title_justify="left", box=None, pad_edge=False)
    shown.add_column()
    shown.add_column(BASES[first].title, justify="right")
    for key in others:
        shown.add_column(BASES[key].title, justify="right")
        shown.add_column("ratio", justify="right")
    rows = [_values(figures) for figures in comparison.figures.values()]
    for name, (best, is_rate) in rows[0].items():
        cells = [f"{best:,.0f}"]
        for row in rows[1:]:
            value, _ = row[name]
            ratio = (best / value if value else 0.0) if is_rate else value / best
            cells += [f"{value:,.0f}", f"{ratio:.1f} x"]
        shown.add_row(name, *cells)
    lost = [str(figures.lost) for figures in comparison.figures.values()]
    shown.add_row("one way, lost", lost[0], *(cell for text in lost[1:] for cell in (text, "")))
    hops = comparison.four_hops_ms
    shown.add_row("four hops, p50, ms", f"{hops.p50:.2f}")
    shown.add_row("four hops, p99, ms", f"{hops.p99:.2f}")
    Console().print(shown)


def _values(figures: "Figures") -> dict[str, tuple[float, bool]]:
    """Each figure, and whether more is better."""
    return {
        "round trip, p50, µs": (figures.round_trip_us.p50, False),
        "round trip, p99, µs": (figures.round_trip_us.p99, False),
        "one way, messages/s": (figures.one_way_msgs_per_s, True),
    }

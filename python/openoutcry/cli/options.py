"""Options that several commands have, and how results are put out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from rich.table import Table

UNBOUNDED_CHARS: Final = 10_000  # wider than any table's cells

Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(command: Function) -> Function:
    """`--json`: the result as JSON on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def state_dir_option(command: Function) -> Function:
    """`--state-dir`: where runs and the halt are kept."""
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of runs and of the halt  [default: $OPENOUTCRY_STATE_DIR, else the user's own].",
    )(command)


def run_option(command: Function) -> Function:
    """`--run`: which run."""
    return click.option(
        "--run", "run_name", metavar="RUN", help="A run's id or its beginning  [default: the latest]."
    )(command)


def check_one_source(data: Path | None, *, synthetic: bool) -> None:
    """Refuse two markets at once: one of them would silently not be played."""
    if data is not None and synthetic:
        raise click.UsageError("give either --data or --synthetic: one market is played")


def put_json(value: object) -> None:
    """Print a result as one JSON document."""
    import msgspec  # noqa: PLC0415  --help needs no encoder

    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2))


def table(title: str, rows: list[tuple[str, object]]) -> None:
    """Print pairs, for people."""
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in rows:
        shown.add_row(name, Text(str(value)))  # as text: what is shown may contain rich's own markup
    Console().print(shown)


def put_whole(table: "Table", least_chars: int = 0) -> None:
    """Print a table as wide as the screen, but no narrower than that; 0 is as wide as its cells need.

    Where the screen is narrower its lines go on below: no cell is cut, so that names can be copied.
    """
    from rich.console import Console  # noqa: PLC0415  slow to import

    screen = Console()
    unbounded = screen.options.update(max_width=UNBOUNDED_CHARS)
    needed = least_chars or screen.measure(table, options=unbounded).maximum
    Console(width=max(screen.width, needed)).print(table)


def moment(at_ns: int) -> str:
    """A time in UTC, as people read it."""
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"{datetime.fromtimestamp(at_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"

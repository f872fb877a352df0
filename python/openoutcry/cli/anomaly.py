"""Anomalies in a column of a CSV file."""

import contextlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openoutcry.cli.options import json_option, put_json

if TYPE_CHECKING:
    from openoutcry.native import SeriesPanel

CHUNK_ROWS: Final = 8_192
# From about a second's work on there is a progress bar.
LARGE_FILE_BYTES: Final = 10_000_000
MAX_QUOTED_CHARS: Final = 40


class BadFileError(click.ClickException):
    """A file that is not what was asked for: the row, the column, and what stands there."""

    exit_code = 2


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", required=True, metavar="NAME", help="The column of numbers to judge.")
@click.option("--time-column", metavar="NAME", help="The column shown as an alarm's time.")
@click.option(
    "--window",
    type=click.IntRange(3, 100_000),
    default=240,
    show_default=True,
    help="Values that are remembered.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0.1, max=1e6),
    default=6.0,
    show_default=True,
    help="Deviations that are an anomaly.",
)
@click.option(
    "--suppression",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Rows after an alarm without another.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Write a chart of the values and their alarms, one file that needs nothing else.",
)
@json_option
def anomaly(
    *,
    file: Path,
    column: str,
    time_column: str | None,
    window: int,
    threshold: float,
    suppression: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Judge the numbers in a column of a CSV FILE, one after the other, and list the alarms.

    The first row names the columns. Values and their differences are judged by what came before: robust z,
    EWMA z, drift of the mean, change of the distribution. Exits with 0 whether there are alarms or not.
    """
    from openoutcry.native import SeriesPanel  # noqa: PLC0415  --help needs no core

    try:
        panel = SeriesPanel(
            window=window, threshold=threshold, min_samples=min(60, window), suppression=suppression
        )
    except ValueError as error:  # NaN is in every range of click's
        raise click.UsageError(str(error)) from error
    seen = None if plot is None else array("d")
    with _progress(file, is_shown=not as_json) as advance:
        alarms = list(_alarms(panel, _chunks(file, column, time_column, advance), seen))
    if plot is not None and seen is not None:
        _write_plot(plot, f"{column} of {file.name}", seen, alarms)
    if as_json:
        put_json({"file": file, "column": column, "rows": panel.rows, "alarms": alarms})
    else:
        _show(alarms, panel.rows, column, has_time=time_column is not None)


def _alarms(
    panel: "SeriesPanel",
    chunks: Iterator[tuple["array[float]", list[str], list[int]]],
    seen: "array[float] | None",
) -> Iterator[dict[str, object]]:
    """The alarms; all values are put into `seen`, if it is wanted."""
    for values, times, lines in chunks:
        if seen is not None:
            seen.extend(values)
        first = panel.rows
        for row, cause, score, evidence in panel.alarms(values):
            at = row - first
            yield {
                "row": row + 1,
                "line": lines[at],
                "time": times[at] if times else "",
                "value": values[at],
                "score": round(score, 3),
                "cause": cause,
                "evidence": evidence,
            }


def _chunks(
    file: Path, column: str, time_column: str | None, advance: Callable[[int], None]
) -> Iterator[tuple["array[float]", list[str], list[int]]]:
    """Values, times and lines of the file, some thousand rows at a time."""
    import csv  # noqa: PLC0415  --help needs no reader
    import io  # noqa: PLC0415

    with file.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        try:
            header = next(reader, [])
            at = _position(header, column, file)
            time_at = None if time_column is None else _position(header, time_column, file)
            values, times, lines = array("d"), list[str](), list[int]()
            for cells in reader:
                if not cells:
                    continue  # an empty line, as at a file's end
                values.append(_number(cells, at, column, reader.line_num))
                lines.append(reader.line_num)
                if time_at is not None:
                    times.append(cells[time_at] if time_at < len(cells) else "")
                if len(values) == CHUNK_ROWS:
                    yield values, times, lines
                    advance(raw.tell())
                    values, times, lines = array("d"), [], []
        except UnicodeDecodeError as error:
            raise BadFileError(f"{file} is no UTF-8 text: {error.reason} at byte {error.start}") from error
        except csv.Error as error:
            raise BadFileError(f"{file} line {reader.line_num} is no CSV: {error}") from error
        if values:
            yield values, times, lines


def _position(header: list[str], name: str, file: Path) -> int:
    if not header:
        raise BadFileError(f"{file} is empty; its first row must name the columns")
    if name not in header:
        raise BadFileError(f"{file} has no column {name!r}; it has {', '.join(map(repr, header))}")
    if header.count(name) > 1:
        raise BadFileError(f"{file} has {header.count(name)} columns {name!r}; give each its own name")
    return header.index(name)


def _number(cells: list[str], at: int, column: str, line: int) -> float:
    import math  # noqa: PLC0415  --help needs none of it

    if at >= len(cells):
        raise BadFileError(f"line {line} has {len(cells)} cells, none in column {column!r}")
    try:
        value = float(cells[at])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        text = cells[at][:MAX_QUOTED_CHARS]
        raise BadFileError(f"line {line}, column {column!r}: {text!r} is no finite number")
    return value


@contextlib.contextmanager
def _progress(file: Path, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr for a large file; it is told how many bytes have been read."""
    size = file.stat().st_size
    if not is_shown or size < LARGE_FILE_BYTES:
        yield lambda _bytes: None
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(file.name, total=size)
        yield lambda done: bar.update(task, completed=done)


def _write_plot(path: Path, title: str, values: "array[float]", alarms: list[dict[str, object]]) -> None:
    from openoutcry.backtesting.charts import series_chart  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.report.page import html_table, page, write_page  # noqa: PLC0415

    columns = ("row", "time", "value", "score", "cause", "evidence")
    rows = [tuple(alarm[name] for name in columns) for alarm in alarms]
    marks = [
        (int(str(alarm["row"])) - 1, f"row {alarm['row']} {alarm['time']}: {alarm['evidence']}")
        for alarm in alarms
    ]
    sections = [series_chart(values, marks), html_table("Alarms", columns, rows)]
    write_page(
        path, page(title, f"{len(values)} values, alarms: {len(alarms)}", sections, is_bad=bool(alarms))
    )


def _show(alarms: list[dict[str, object]], rows: int, column: str, *, has_time: bool) -> None:
    click.echo(f"{rows} values of {column}: {len(alarms)} alarm{'' if len(alarms) == 1 else 's'}")
    if not alarms:
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("row", *(("time",) if has_time else ()), "value", "score", "cause"):
        shown.add_column(name, no_wrap=True, justify="right" if name in {"row", "value", "score"} else "left")
    shown.add_column("evidence", overflow="fold")
    for alarm in alarms:
        cells = [str(alarm["row"]), *([str(alarm["time"])] if has_time else []), f"{alarm['value']:g}"]
        shown.add_row(*cells, f"{alarm['score']:.3f}", str(alarm["cause"]), Text(str(alarm["evidence"])))
    Console().print(shown)

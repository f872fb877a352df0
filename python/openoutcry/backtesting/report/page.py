"""What both reports are made of: a page, tables and moments, as escaped HTML."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S

MAX_ROWS: Final = 1_000  # of one table; the journals hold all of them

Row = Sequence[object]


def asset(name: str) -> str:
    """A file that belongs to the report: a template, its style, its script."""
    return resources.files("openoutcry.backtesting.report").joinpath(name).read_text("utf-8")


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
    return Template(asset("assets/run.html")).substitute(
        title=escape(title),
        verdict=escape(verdict),
        mood="bad" if is_bad else "",
        sections="\n".join(sections),
    )


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


def moment_text(at_ns: int) -> str:
    """A moment in UTC, to the millisecond."""
    return f"{datetime.fromtimestamp(at_ns / NS_PER_S, tz=UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]

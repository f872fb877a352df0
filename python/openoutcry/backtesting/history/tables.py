"""Tables of any file: Parquet, or CSV that is plain, gzip, zstandard or in a zip. CSV cells stay text."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.exchanges.recording import file_lines

if TYPE_CHECKING:
    import polars as pl

ZIP_MAGIC: Final = b"PK\x03\x04"
PARQUET_MAGIC: Final = b"PAR1"
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
MAX_ZIP_MEMBER_BYTES: Final = 4 * 2**30
LINES_PER_TABLE: Final = 2**17  # of a CSV that is read part by part: some 10 MiB

SHOWN_CHARS: Final = 40  # of a line that is no row of a table

_NUMBER: Final = re.compile(r'^"?-?[0-9]')


def magic(path: Path) -> bytes:
    """The first four bytes.

    Raises:
        MissingDataError: there is no such file, or it cannot be read.
        InvalidInputError: it is empty.
    """
    try:
        with path.open("rb") as file:
            found = file.read(4)
    except OSError as error:
        raise MissingDataError(
            f"{path} cannot be read ({error.strerror or error}); check the path"
        ) from error
    if not found:
        raise InvalidInputError(f"{path} is empty; fetch it again")
    return found


def is_parquet(path: Path) -> bool:
    """True if a file is Parquet by its first bytes. Raises as `magic`, and InvalidInputError if it is only
    called so.
    """
    start = magic(path)
    if start != PARQUET_MAGIC and path.name.endswith(PARQUET_SUFFIXES):
        raise InvalidInputError(f"{path} is no Parquet: it begins with {start!r}; fetch it again")
    return start == PARQUET_MAGIC


def read_parquet(path: Path) -> tuple["pl.DataFrame", dict[str, str]]:
    """A Parquet file's table and its key-value metadata.

    Raises:
        InvalidInputError: it is damaged or cut off.
    """
    import polars as pl  # noqa: PLC0415  slow to import

    try:
        content = path.read_bytes()
        return pl.read_parquet(content), pl.read_parquet_metadata(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidInputError(
            f"{path} is damaged or cut off ({first_line(error)}): its footer or a page cannot be read; "
            "fetch it again"
        ) from error


def read_csv(path: Path, names: tuple[str, ...] = ()) -> "pl.DataFrame":
    """A whole CSV as text columns; `names` are those of a file without a header.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is empty, damaged, or rows have different lengths.
    """
    import polars as pl  # noqa: PLC0415

    parts = list(csv_parts(path, names))
    return pl.concat(parts) if len(parts) > 1 else parts[0]


def csv_parts(
    path: Path, names: tuple[str, ...] = (), *, lines_per_part: int = LINES_PER_TABLE
) -> Iterator["pl.DataFrame"]:
    """A CSV part by part, as text columns with names in small letters. Raises as `read_csv`."""
    lines = text_lines(path)
    first = next(lines, None)
    if first is None:
        raise InvalidInputError(f"{path} is empty; fetch it again")
    head = first.removeprefix(b"\xef\xbb\xbf").decode(errors="replace").strip()
    if "," not in head or not head.replace("\t", "").isprintable() or "\ufffd" in head:
        shown = head[:SHOWN_CHARS] + ("…" if len(head) > SHOWN_CHARS else "")
        raise InvalidInputError(
            f"{path} is no table: its first line is {shown!r}; give Parquet, or CSV with commas"
        )
    if _NUMBER.match(head):
        if not names:
            raise InvalidInputError(
                f"{path} has no header; add one with time, open, high, low, close, volume"
            )
        width = head.count(",") + 1
        header = names[:width] if width <= len(names) else (*names, *map(str, range(len(names), width)))
        waiting = [first]
    else:
        header = tuple(cell.strip().strip('"').lower() for cell in head.split(","))
        waiting = []
    done, is_any = 0, False
    for line in lines:
        waiting.append(line)
        if len(waiting) >= lines_per_part:
            yield _parse(path, header, waiting, done)
            done, waiting, is_any = done + len(waiting), [], True
    if waiting:
        yield _parse(path, header, waiting, done)
    elif not is_any:
        raise InvalidInputError(f"{path} has a header and no rows; fetch it again")


def text_lines(path: Path) -> Iterator[bytes]:
    """The lines of a text file, in a zip or compressed. Raises as `read_csv`."""
    if magic(path) != ZIP_MAGIC:
        yield from file_lines(path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            if len(members) != 1 or members[0].file_size > MAX_ZIP_MEMBER_BYTES:
                raise InvalidInputError(f"{path} must hold one file of at most 4 GiB; unpack it first")
            with archive.open(members[0]) as file:
                yield from (line.rstrip(b"\r\n") for line in file if line.strip())
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InvalidInputError(f"{path} is damaged or cut off ({error}); fetch it again") from error


def header_of(path: Path) -> list[str]:
    """The cells of a text file's first line, in small letters. Raises as `read_csv`."""
    first = next(text_lines(path), b"").removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    return [cell.strip().strip('"').lower() for cell in first.split(",")]


def first_line(error: Exception) -> str:
    """What happened, without a library's advice to programmers."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _parse(path: Path, header: tuple[str, ...], lines: list[bytes], done: int) -> "pl.DataFrame":
    import polars as pl  # noqa: PLC0415

    commas = len(header) - 1
    if header and not any(b'"' in line for line in lines[:1]):
        for number, line in enumerate(lines):
            if line.count(b",") != commas:
                raise InvalidInputError(
                    f"{path}, row {done + number} has {line.count(b',') + 1} cells and not {commas + 1}: "
                    "the line is cut off or damaged; fetch it again"
                )
    try:
        return pl.read_csv(b"\n".join(lines), has_header=False, new_columns=list(header), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InvalidInputError(
            f"{path}, after row {done}: no CSV ({first_line(error)}); fetch it again"
        ) from error

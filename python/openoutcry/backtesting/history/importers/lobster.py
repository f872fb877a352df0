"""LOBSTER's message files as rows by order. The file's name says the ticker and the day in New York.

A message file of so many levels does not tell what appears or leaves deeper. Where its book file lies beside
it, called the same but for `orderbook`, the orders make that file's levels after every message.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from openoutcry.backtesting.history.importers.binance_recording import as_rows, blocks_of
from openoutcry.backtesting.history.instruments import Name, make_instrument
from openoutcry.backtesting.history.source import ImportOptions, Notes, Rows, Source, note
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S
from openoutcry.exchanges.recording import file_lines
from openoutcry.native import BookError, DecodeError, LobsterHistory

BLOCK_LINES: Final = 20_000  # at once
UNITS_PER_TICK: Final = 100  # a cent, of the file's 1/10,000 dollar
EXCHANGE_ZONE: Final = "America/New_York"
_BOOK_NAME: Final = re.compile(r"^[A-Z.]+_\d{4}-\d{2}-\d{2}_\d+_\d+_orderbook_\d+")
_NAME: Final = re.compile(r"^([A-Z.]+)_(\d{4}-\d{2}-\d{2})_\d+_\d+_message_\d+")


def is_lobster(path: Path) -> bool:
    """True if a file is called as LOBSTER's message files are."""
    return _NAME.match(path.name) is not None


def is_book_file(path: Path) -> bool:
    """True if a file is called as LOBSTER's book files are."""
    return _BOOK_NAME.match(path.name) is not None


def message_file_of(book: Path) -> Path:
    """The message file that a book file belongs to, which is read with it."""
    return book.with_name(book.name.replace("_orderbook_", "_message_", 1))


def open_beside(book: Path, options: ImportOptions) -> list[Source]:
    """Nothing, where a book file's messages lie beside it: that file is the history.

    Raises:
        InvalidInputError: there are no messages.
    """
    del options
    messages = message_file_of(book)
    if messages.is_file():
        return []
    raise InvalidInputError(
        f"{book} is a book file of LOBSTER without its messages; put {messages.name} beside it"
    )


def open_lobster(path: Path, options: ImportOptions) -> list[Source]:
    """The orders of one ticker on one day.

    Raises:
        InvalidInputError: the file is not called as LOBSTER's are.
    """
    found = _NAME.match(path.name)
    if found is None:
        raise InvalidInputError(
            f"{path} is not called as TICKER_YYYY-MM-DD_START_END_message_LEVEL.csv; rename it so"
        )
    midnight = datetime.fromisoformat(found[2]).replace(tzinfo=ZoneInfo(EXCHANGE_ZONE))
    symbol, venue = options.symbol or found[1], options.venue or "nasdaq"
    instrument = make_instrument(
        venue, symbol, price_tick="0.01", size_step="1", name=Name(symbol, "USD", "spot")
    )
    read = partial(_read, path, _book_of(path), int(midnight.timestamp()) * NS_PER_S)
    return [Source(instrument=instrument, kind="events", name=f"{venue}_{symbol}", path=path, read=read)]


def _book_of(path: Path) -> Path | None:
    """The book file beside a message file."""
    book = path.with_name(path.name.replace("_message_", "_orderbook_", 1))
    return book if book.is_file() else None


def _blocks(path: Path, book: Path | None) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Some lines at a time, with the first one's number and the same lines of the book file.

    Lines that one file has more than the other come last, and the decoder refuses them.
    """
    if book is None:
        for _, first_line, block in blocks_of((path,)):
            yield first_line, block + b"\n", None
        return
    pairs = zip_longest(file_lines(path), file_lines(book), fillvalue=b"")
    first_line = 1
    while some := list(islice(pairs, BLOCK_LINES)):
        messages, views = zip(*some, strict=True)
        yield first_line, _joined(messages), _joined(views)
        first_line += len(some)


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"\n".join(line for line in lines if line) + b"\n"


def _read(path: Path, book: Path | None, midnight_ns: int, notes: Notes) -> Rows:
    history = LobsterHistory(midnight_ns=midnight_ns, units_per_tick=UNITS_PER_TICK)
    for first_line, lines, views in _blocks(path, book):
        try:
            rows = as_rows(history.decode_lines(lines, views))
        except (DecodeError, BookError) as error:
            raise InvalidInputError(
                f"{path}, counted from line {first_line}: {error}; fetch the file again"
            ) from error
        if len(rows):
            yield rows
    _note(history.counts, notes)


def _note(counts: Mapping[str, int], notes: Notes) -> None:
    detail = "the file has no receive times: latency is 0"
    notes.append(note("note", "no_receive_time", 1, detail, "give a latency of your own"))
    if counts["appeared"]:
        detail = (
            "what came into the book file's levels unseen is told as anonymous orders, at the end of a queue"
        )
        notes.append(note("note", "anonymous_orders", counts["appeared"], detail, "none is needed"))
    if counts["unknown"]:
        detail = "orders that came before the file or unseen are not known: only their trades are told"
        notes.append(note("note", "unknown_orders", counts["unknown"], detail, "none is needed"))
    if counts["stale"]:
        detail = (
            "orders left unseen while they lay deeper than the file's levels; they go when the market passes"
        )
        remedy = "put the book file beside it, or take a file of more levels, for an exact depth"
        notes.append(note("warning", "unseen_cancels", counts["stale"], detail, remedy))
    if counts["off_grid"]:
        detail = "trades of hidden orders between two cents cannot be told, and are left out"
        notes.append(note("note", "hidden_off_grid", counts["off_grid"], detail, "none is needed"))

"""LOBSTER's message files as rows by order. The file's name says the ticker and the day in New York."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from openoutcry.backtesting.history.importers.binance_recording import as_rows, blocks_of
from openoutcry.backtesting.history.instruments import Name, make_instrument
from openoutcry.backtesting.history.source import ImportOptions, Notes, Rows, Source, note
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S
from openoutcry.native import BookError, DecodeError, LobsterHistory

UNITS_PER_TICK: Final = 100  # a cent, of the file's 1/10,000 dollar
EXCHANGE_ZONE: Final = "America/New_York"
_NAME: Final = re.compile(r"^([A-Z.]+)_(\d{4}-\d{2}-\d{2})_\d+_\d+_message_\d+")


def is_lobster(path: Path) -> bool:
    """True if a file is called as LOBSTER's message files are."""
    return _NAME.match(path.name) is not None


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
    read = partial(_read, path, int(midnight.timestamp()) * NS_PER_S)
    return [Source(instrument=instrument, kind="events", name=f"{venue}_{symbol}", path=path, read=read)]


def _read(path: Path, midnight_ns: int, notes: Notes) -> Rows:
    history = LobsterHistory(midnight_ns=midnight_ns, units_per_tick=UNITS_PER_TICK)
    blocks: Iterator[tuple[Path, int, bytes]] = blocks_of((path,))
    for file, first_line, block in blocks:
        try:
            rows = as_rows(history.decode_lines(block + b"\n"))
        except (DecodeError, BookError) as error:
            raise InvalidInputError(
                f"{file}, counted from line {first_line}: {error}; fetch the file again"
            ) from error
        if len(rows):
            yield rows
    detail = "the file has no receive times: latency is 0"
    notes.append(note("note", "no_receive_time", 1, detail, "give a latency of your own"))
    counts = history.counts
    if counts["unknown"]:
        detail = "orders that rested before the file begins are not known: only their trades are told"
        notes.append(note("note", "unknown_orders", counts["unknown"], detail, "none is needed"))
    if counts["stale"]:
        detail = (
            "orders left unseen while they lay deeper than the file's levels; they go when the market passes"
        )
        remedy = "take a file of more levels for an exact depth"
        notes.append(note("warning", "unseen_cancels", counts["stale"], detail, remedy))
    if counts["off_grid"]:
        detail = "trades of hidden orders between two cents cannot be told, and are left out"
        notes.append(note("note", "hidden_off_grid", counts["off_grid"], detail, "none is needed"))

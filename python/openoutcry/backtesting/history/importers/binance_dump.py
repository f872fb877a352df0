"""Binance's public dumps of trades (data.binance.vision): `trades` and `aggTrades`, CSV in a zip.

Spot's files have no header, futures' have one since 2022. Times are ms, and us in spot's files since 2025.
Columns by the dumps' README: id, price, quantity, (quote quantity | first and last id), time, whether the
buyer was the maker. Klines are read by `candle_files`.
"""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from openoutcry.backtesting.history import exact, tables
from openoutcry.backtesting.history.importers.grid import Grid
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.source import (
    EVENT_COLUMNS,
    SIDE_SHIFT,
    TRADE,
    ImportOptions,
    Notes,
    Rows,
    Source,
    note,
)
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError

if TYPE_CHECKING:
    import polars as pl

_NAME: Final = re.compile(r"^([A-Z0-9_]+)-(aggTrades|trades)-[0-9-]+$")
_COLUMNS: Final = {
    "trades": ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match"),
    "aggTrades": (
        "id",
        "price",
        "qty",
        "first_trade_id",
        "last_trade_id",
        "time",
        "is_buyer_maker",
        "is_best_match",
    ),
}
_OTHER_NAMES: Final = {
    "agg_trade_id": "id",
    "quantity": "qty",
    "transact_time": "time",
    "isbuyermaker": "is_buyer_maker",
}


def is_dump(path: Path) -> bool:
    """True if a file is called as the dumps of trades are."""
    return _NAME.match(path.name.split(".")[0]) is not None


def open_dump(path: Path, options: ImportOptions) -> list[Source]:
    """The trades of one instrument.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is damaged, or a column is missing.
    """
    found = _NAME.match(path.name.split(".")[0])
    if found is None:
        raise InvalidInputError(
            f"{path} is not called as a dump, as BTCUSDT-trades-2024-01-01.zip; rename it"
        )
    symbol, columns = options.symbol or found[1], _COLUMNS[found[2]]
    first = _named(next(tables.csv_parts(path, columns)), path)
    prices, sizes = (exact.decimal_column(first[name]) for name in ("price", "qty"))
    grid = Grid.of(prices, sizes, options)
    venue = options.venue or (
        "binance-spot" if len(first.columns) > len(_COLUMNS[found[2]]) - 1 else "binance-um"
    )
    instrument = make_instrument(venue, symbol, price_tick=grid.price_tick, size_step=grid.size_step)
    read = partial(_read, path, columns, grid)
    return [
        Source(instrument=instrument, kind="trades", name=f"{venue}_{symbol}_trades", path=path, read=read)
    ]


def _named(part: "pl.DataFrame", path: Path) -> "pl.DataFrame":
    part = part.rename({old: new for old, new in _OTHER_NAMES.items() if old in part.columns})
    for name in ("id", "price", "qty", "time", "is_buyer_maker"):
        if name not in part.columns:
            raise InvalidInputError(f"{path}: column {name!r} is missing; fetch it again")
    return part


def _read(path: Path, columns: tuple[str, ...], grid: Grid, notes: Notes) -> Rows:
    grid.rounded = 0
    last_id = missing = done = 0
    for raw in tables.csv_parts(path, columns):
        part = _named(raw, path)
        try:
            rows = _rows(part, grid)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, in the part from row {done} on: {error}") from None
        steps = np.diff(rows[:, 5], prepend=last_id or rows[0, 5] - 1)
        missing += int(np.maximum(steps - 1, 0).sum())
        last_id = int(rows[-1, 5])
        done += len(rows)
        yield rows
    grid.tell(notes)
    detail = "the dump has no receive times: latency is 0"
    notes.append(note("note", "no_receive_time", 1, detail, "give a latency of your own"))
    if missing:
        detail = "trades are missing between the ids of others"
        notes.append(note("warning", "missing_trades", missing, detail, "fetch the file again"))


def _rows(part: "pl.DataFrame", grid: Grid) -> Integers:
    rows = np.zeros((len(part), len(EVENT_COLUMNS)), np.int64)
    rows[:, 0] = rows[:, 1] = exact.times_ns(part["time"])
    selling = part["is_buyer_maker"].str.to_lowercase().eq("true").to_numpy().astype(np.int64)
    rows[:, 2] = TRADE | selling << SIDE_SHIFT  # a buyer who made is met by a seller who took
    rows[:, 3] = grid.price_ticks(exact.decimal_column(part["price"]))
    rows[:, 4] = grid.size_lots(exact.decimal_column(part["qty"]))
    rows[:, 5] = exact.scaled(exact.decimal_column(part["id"]), 0)
    return rows

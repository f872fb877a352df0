"""Tardis' CSV files: `incremental_book_L2`, `trades` and `quotes`.

Columns by its documentation (docs.tardis.dev, "Downloadable CSV files"): exchange, symbol, timestamp and
local_timestamp in us UTC; then is_snapshot, side, price, amount of the book; id, side, price, amount of
trades; ask_amount, ask_price, bid_price, bid_amount of quotes. Rows are in the order of local_timestamp.
Where a snapshot begins, what was known before is forgotten.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from openoutcry.backtesting.history import exact, tables
from openoutcry.backtesting.history.importers.grid import Grid
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.source import (
    CLEAR,
    EVENT_COLUMNS,
    LEVEL,
    SIDE_SHIFT,
    SNAPSHOT,
    TRADE,
    ImportOptions,
    Notes,
    Rows,
    Source,
    note,
)
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_MS

if TYPE_CHECKING:
    import polars as pl

HEADS: Final = {"exchange", "symbol", "timestamp", "local_timestamp"}
_KINDS: Final = {"is_snapshot": "events", "id": "trades", "bid_price": "quotes"}


def is_tardis(header: list[str]) -> bool:
    """True if a table with these columns is Tardis'."""
    return set(header) >= HEADS


def open_tardis(path: Path, options: ImportOptions) -> list[Source]:
    """The one instrument of a file.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is damaged, or none of the three kinds.
    """
    first = next(tables.csv_parts(path))
    kind = next((kind for column, kind in _KINDS.items() if column in first.columns), None)
    if kind is None or not is_tardis(first.columns):
        raise InvalidInputError(
            f"{path} is no incremental_book_L2, trades or quotes file (columns {', '.join(first.columns)})"
        )
    venue = options.venue or str(first["exchange"][0])
    symbol = options.symbol or str(first["symbol"][0])
    try:
        grid = _grid(first, kind, options)
        instrument = make_instrument(venue, symbol, price_tick=grid.price_tick, size_step=grid.size_step)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    read = partial(_read, path, kind, grid, str(first["symbol"][0]))
    return [Source(instrument=instrument, kind=kind, name=f"{venue}_{symbol}_{kind}", path=path, read=read)]


def _grid(part: "pl.DataFrame", kind: str, options: ImportOptions) -> Grid:
    import polars as pl  # noqa: PLC0415  slow to import

    if kind != "quotes":
        prices, sizes = part["price"], part["amount"]
    else:
        prices = pl.concat([part["bid_price"], part["ask_price"].alias("bid_price")])
        sizes = pl.concat([part["bid_amount"], part["ask_amount"].alias("bid_amount")])
    texts = [exact.decimal_column(column.drop_nulls()) for column in (prices, sizes)]
    return Grid.of(texts[0], texts[1], options)


def _read(path: Path, kind: str, grid: Grid, symbol: str, notes: Notes) -> Rows:
    clock = _Clock()
    grid.rounded = 0
    was_snapshot = False
    done = 0
    for part in tables.csv_parts(path):
        try:
            _check_symbol(part, symbol)
            at_ns = clock.forward(exact.times_ns(part["timestamp"]))
            if kind == "quotes":
                rows = _quotes(part, grid, at_ns)
            else:
                rows = _events(part, grid, at_ns, clock.received(part))
                if kind == "events":
                    flags = part["is_snapshot"].str.to_lowercase().eq("true").to_numpy()
                    rows = with_clears(rows, flags, was_snapshot=was_snapshot)
                    was_snapshot = bool(flags[-1])
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}, in the part from row {done} on: {error}") from None
        done += len(part)
        yield rows
    grid.tell(notes)
    clock.tell(notes)


class _Clock:
    """Makes event times go forward only."""

    def __init__(self) -> None:
        self._newest_ns = 0
        self._newest_local_ns = 0
        self.late = 0
        self.latest_ns = 0

    def forward(self, at_ns: Integers) -> Integers:
        highest = np.maximum(np.maximum.accumulate(at_ns), self._newest_ns)
        behind = highest - at_ns
        self.late += int(np.count_nonzero(behind))
        self.latest_ns = max(self.latest_ns, int(behind.max()))
        self._newest_ns = int(highest[-1])
        return np.asarray(highest, np.int64)

    def received(self, part: "pl.DataFrame") -> Integers:
        local_ns = exact.times_ns(part["local_timestamp"])
        if int(np.diff(local_ns, prepend=self._newest_local_ns).min()) < 0:
            raise InvalidInputError("local_timestamp goes back; sort the file by it")
        self._newest_local_ns = int(local_ns[-1])
        return local_ns

    def tell(self, notes: Notes) -> None:
        if self.late:
            detail = (
                f"rows came after later ones, by {self.latest_ns / NS_PER_MS:g} ms at most; "
                "they have the later one's time, so that time never goes back"
            )
            notes.append(note("note", "late_event", self.late, detail, "none is needed"))


def _check_symbol(part: "pl.DataFrame", symbol: str) -> None:
    other = part["symbol"].ne(symbol).arg_true()
    if len(other):
        raise InvalidInputError(
            f"row {int(other[0])} is of {part['symbol'][int(other[0])]} and not of {symbol}; split the file"
        )


def _events(part: "pl.DataFrame", grid: Grid, at_ns: Integers, local_ns: Integers) -> Integers:
    is_book = "is_snapshot" in part.columns
    rows = np.zeros((len(part), len(EVENT_COLUMNS)), np.int64)
    sides = part["side"].str.to_lowercase()
    selling = sides.is_in(["ask", "sell"]).to_numpy().astype(np.int64)
    rows[:, 0], rows[:, 1] = at_ns, local_ns
    rows[:, 2] = (LEVEL if is_book else TRADE) | selling << SIDE_SHIFT
    rows[:, 3] = grid.price_ticks(exact.decimal_column(part["price"]))
    rows[:, 4] = grid.size_lots(exact.decimal_column(part["amount"]))
    if "id" in part.columns:
        rows[:, 5] = _numeric_ids(part["id"])
    return rows


def _numeric_ids(ids: "pl.Series") -> Integers:
    """Ids that are numbers; 0 for the others, which are texts on some venues."""
    import polars as pl  # noqa: PLC0415

    return np.asarray(ids.cast(pl.Int64, strict=False).fill_null(0).to_numpy(), np.int64)


def with_clears(rows: Integers, flags: "np.typing.NDArray[np.bool_]", *, was_snapshot: bool) -> Integers:
    """Level rows with those flagged as a snapshot's, and both sides forgotten where one begins."""
    rows[flags, 2] += SNAPSHOT - LEVEL
    begins = np.flatnonzero(flags & ~np.r_[was_snapshot, flags[:-1]])
    if not len(begins):
        return rows
    clears = np.repeat(rows[begins], 2, axis=0)
    clears[:, 2] = np.tile([CLEAR, CLEAR | 1 << SIDE_SHIFT], len(begins))
    clears[:, 3:] = 0
    return np.ascontiguousarray(np.insert(rows, np.repeat(begins, 2), clears, axis=0))


def _quotes(part: "pl.DataFrame", grid: Grid, at_ns: Integers) -> Integers:
    rows = np.zeros((len(part), 5), np.int64)
    rows[:, 0] = at_ns
    for index, name in enumerate(("bid_price", "ask_price"), start=1):
        rows[:, index] = grid.price_ticks(exact.decimal_column(part[name].fill_null("0")))
    for index, name in enumerate(("bid_amount", "ask_amount"), start=3):
        rows[:, index] = grid.size_lots(exact.decimal_column(part[name].fill_null("0")))
    return rows

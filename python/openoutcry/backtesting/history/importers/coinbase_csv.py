"""A folder of Coinbase's book as CSV: snapshots of both sides, and the updates that follow.

Columns `side,price,size` of the snapshots, and `time` in ISO 8601 of the updates (the venue's `l2update`,
where a size of 0 deletes). The recorder kept sizes as floats: 0.90099999999 was 0.901, so they are rounded.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from openoutcry.backtesting.history import exact, tables
from openoutcry.backtesting.history.importers.grid import Grid
from openoutcry.backtesting.history.importers.tardis import with_clears
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.source import (
    EVENT_COLUMNS,
    LEVEL,
    SIDE_SHIFT,
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

UPDATES: Final = "*_l2update_*.csv*"
SNAPSHOTS: Final = ("*_snapshot_bids.csv*", "*_snapshot_asks.csv*")
TICK: Final = "0.01"
STEP: Final = "0.000001"


def is_coinbase(path: Path) -> bool:
    """True for a folder of such files, or the file of updates in one."""
    folder = path if path.is_dir() else path.parent
    is_named = path.is_dir() or path.match(UPDATES)
    return is_named and all(any(folder.glob(pattern)) for pattern in (UPDATES, *SNAPSHOTS))


def open_coinbase(path: Path, options: ImportOptions) -> list[Source]:
    """The one instrument of a folder.

    Raises:
        InvalidInputError: it does not hold one file of updates and a snapshot of each side.
    """
    folder = path if path.is_dir() else path.parent
    found = [sorted(folder.glob(pattern)) for pattern in (UPDATES, *SNAPSHOTS)]
    if any(len(files) != 1 for files in found):
        raise InvalidInputError(f"{folder} must hold one each of {UPDATES}, {', '.join(SNAPSHOTS)}")
    updates, bids, asks = (files[0] for files in found)
    symbol = options.symbol or updates.name.partition("_")[0].upper()
    venue = options.venue or "coinbase"
    grid = Grid(options.price_tick or TICK, options.size_step or STEP, is_guessed=False)
    instrument = make_instrument(venue, symbol, price_tick=grid.price_tick, size_step=grid.size_step)
    read = partial(_read, updates, (bids, asks), grid)
    return [Source(instrument=instrument, kind="events", name=f"{venue}_{symbol}", path=path, read=read)]


def _read(updates: Path, snapshots: tuple[Path, Path], grid: Grid, notes: Notes) -> Rows:
    grid.rounded = 0
    newest_ns = late = 0
    for part in tables.csv_parts(updates):
        times_ns = exact.times_ns(part["time"])
        if not newest_ns:
            yield _snapshot(snapshots, grid, int(times_ns[0]))
        forward = np.maximum(np.maximum.accumulate(times_ns), newest_ns)
        late += int(np.count_nonzero(forward != times_ns))
        newest_ns = int(forward[-1])
        yield _levels(part, grid, np.asarray(forward, np.int64))
    grid.tell(notes)
    if late:
        detail = "updates came after later ones; they have the later one's time, so that time never goes back"
        notes.append(note("note", "late_event", late, detail, "none is needed"))
    detail = "the file has no receive times: latency is 0"
    notes.append(note("note", "no_receive_time", 1, detail, "give a latency of your own"))


def _snapshot(paths: tuple[Path, Path], grid: Grid, at_ns: int) -> Integers:
    """The snapshot has no time: it gets that of the first update."""
    sides = []
    for path in paths:
        part = tables.read_csv(path)
        sides.append(_levels(part, grid, np.full(len(part), at_ns, np.int64)))
    rows = np.vstack(sides)
    return with_clears(rows, np.ones(len(rows), np.bool_), was_snapshot=False)


def _levels(part: "pl.DataFrame", grid: Grid, times_ns: Integers) -> Integers:
    rows = np.zeros((len(part), len(EVENT_COLUMNS)), np.int64)
    selling = part["side"].eq("sell").to_numpy().astype(np.int64)
    rows[:, 0] = rows[:, 1] = times_ns
    rows[:, 2] = LEVEL | selling << SIDE_SHIFT
    rows[:, 3] = grid.price_ticks(exact.decimal_column(part["price"]))
    rows[:, 4] = grid.size_lots(exact.decimal_column(part["size"]))
    return rows

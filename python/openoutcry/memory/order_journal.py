"""The order journal: what was decided about orders, durable before it is acted on."""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.domain.errors import JournalError
from openoutcry.memory import wal
from openoutcry.memory.database import WriterLock, damaged, open_reader, open_writer

APPLICATION_ID: Final = 0x4F4F4F4A  # "OOOJ"
SCHEMA_VERSION: Final = 1

# Rows are added, never changed: what happened stays happened. The unique indexes are the last line of
# defence of three invariants that the desk keeps already.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events(
  seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, venue TEXT NOT NULL, symbol TEXT NOT
  NULL, parent_id TEXT NOT NULL, client_order_id TEXT NOT NULL, trade_id TEXT NOT NULL, payload BLOB NOT NULL,
  crc INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS a_trade_fills_once ON events(venue, symbol, trade_id) WHERE kind = 'Fill';
CREATE UNIQUE INDEX IF NOT EXISTS a_child_is_intended_once ON events(client_order_id) WHERE kind =
'ChildIntended'; CREATE UNIQUE INDEX IF NOT EXISTS a_parent_is_planned_once ON events(parent_id) WHERE kind =
'ParentPlanned'; CREATE INDEX IF NOT EXISTS by_parent ON events(parent_id, seq);
CREATE INDEX IF NOT EXISTS by_order ON events(client_order_id, seq);
CREATE TRIGGER IF NOT EXISTS no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""
_INSERT: Final = "INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?)"
_SELECT: Final = (
    "SELECT seq, at_ns, kind, venue, symbol, parent_id, client_order_id, trade_id, payload, crc FROM events "
)


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an order's life. `payload` is the JSON of the record; `seq` is 0 until it is written."""

    kind: str
    at_ns: int
    symbol: str
    payload: bytes
    parent_id: str = ""
    client_order_id: str = ""
    trade_id: str = ""
    venue: str = ""
    seq: int = 0


class OrderJournal:
    """The one writer of an order journal.

    `append` returns when the events are on the disk (WAL, `synchronous=FULL`). Each row carries a CRC-32
    chained to the row before, checked at opening. After a failed write the journal refuses every
    further one: a kernel that failed to write pages may report success on the next try (Rebello et al.,
    Can Applications Recover from fsync Failures?, USENIX ATC 2020).
    """

    def __init__(self, path: Path, *, venue: str) -> None:
        """Open or create the journal and take its lock.

        Raises:
            JournalError: another instance writes it, or it is damaged, unwritable, not ours or newer than
            this program.
        """
        self.path = path
        self._venue = venue
        self._failure = ""
        self._lock = WriterLock(path)
        try:
            wal.check(path)
            self._connection = open_writer(
                path,
                schema=_SCHEMA,
                application_id=APPLICATION_ID,
                schema_version=SCHEMA_VERSION,
                synchronous="FULL",
            )
            self._seq, self._crc = _verify(self._connection, path)
        except JournalError:
            self._lock.release()
            raise

    @property
    def failure(self) -> str:
        """Why the journal refuses to be written, or an empty string."""
        return self._failure

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Write entries in one transaction; on return they are durable.

        Raises:
            JournalError: the write failed, now or before. Trading must stop.
        """
        if self._failure:
            raise JournalError(
                f"the journal {self.path} failed before ({self._failure}) and takes nothing more; "
                "stop, repair the disk, restart: the restart asks the venue what happened"
            )
        rows, seq, crc = [], self._seq, self._crc
        for entry in entries:
            seq += 1
            ids = (entry.symbol, entry.parent_id, entry.client_order_id, entry.trade_id)
            row = (seq, entry.at_ns, entry.kind, self._venue, *ids, entry.payload)
            crc = _chain(crc, row)
            rows.append((*row, crc))
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            self._failure = str(error)
            if self._connection.in_transaction:
                self._rollback()
            raise JournalError(
                f"the journal {self.path} cannot be written ({error}); trading stops. "
                "Free or repair the disk and restart: the restart asks the venue what happened"
            ) from error
        self._seq, self._crc = seq, crc

    def entries(self) -> Iterator[JournalEntry]:
        """Every entry, oldest first."""
        return _read(self._connection, self.path, "ORDER BY seq", ())

    def knows_order(self, client_order_id: str) -> bool:
        """Whether a child order of this id was ever intended."""
        query = "SELECT 1 FROM events WHERE client_order_id = ? AND kind = 'ChildIntended'"
        return self._connection.execute(query, (client_order_id,)).fetchone() is not None

    def knows_parent(self, parent_id: str) -> bool:
        """Whether a parent order of this id was ever taken on."""
        query = "SELECT 1 FROM events WHERE parent_id = ? AND kind = 'ParentPlanned'"
        return self._connection.execute(query, (parent_id,)).fetchone() is not None

    def knows_trade(self, symbol: str, trade_id: str) -> bool:
        """Whether a fill of this trade was ever written."""
        query = "SELECT 1 FROM events WHERE venue = ? AND symbol = ? AND trade_id = ? AND kind = 'Fill'"
        return self._connection.execute(query, (self._venue, symbol, trade_id)).fetchone() is not None

    def close(self) -> None:
        """Close the file and release the lock."""
        self._connection.close()
        self._lock.release()

    def _rollback(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._failure += f"; rollback: {error}"


class OrderJournalReader:
    """Reads an order journal, also while it is being written."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises JournalError if there is none or it cannot be trusted."""
        self.path = path
        self._connection = open_reader(path, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)

    def entries(self, *, kind: str | None = None) -> Iterator[JournalEntry]:
        """Every entry, or every one of a kind, oldest first."""
        if kind is None:
            return _read(self._connection, self.path, "ORDER BY seq", ())
        return _read(self._connection, self.path, "WHERE kind = ? ORDER BY seq", (kind,))

    def of_parent(self, parent_id: str) -> list[JournalEntry]:
        """Every entry of a parent order, oldest first."""
        return list(_read(self._connection, self.path, "WHERE parent_id = ? ORDER BY seq", (parent_id,)))

    def identifiers(self) -> list[tuple[str, str, str]]:
        """(parent_id, client_order_id, trade_id) of every parent, child and fill, for look-up."""
        query = (
            "SELECT parent_id, client_order_id, trade_id FROM events "
            "WHERE kind IN ('ParentPlanned', 'ChildIntended', 'Fill') ORDER BY seq"
        )
        try:
            return self._connection.execute(query).fetchall()
        except sqlite3.Error as error:
            raise damaged(self.path, error) from error

    def verify(self) -> int:
        """Check every row's CRC; returns the number of rows. Raises JournalError naming the first bad row."""
        return _verify(self._connection, self.path)[0]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _chain(crc: int, row: tuple[object, ...]) -> int:
    return zlib.crc32(msgspec.json.encode([str(column) for column in row[:-1]]) + bytes(row[-1]), crc)  # type: ignore[call-overload]


def _verify(connection: sqlite3.Connection, path: Path) -> tuple[int, int]:
    """Check SQLite's own structure, then the chain of CRCs; returns the last (seq, crc)."""
    try:
        verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise damaged(path, error) from error
    if verdict != "ok":
        raise damaged(path, verdict)
    crc = last = 0
    try:
        for *row, stored in connection.execute(_SELECT + "ORDER BY seq"):
            seq, crc = row[0], _chain(crc, tuple(row))
            if seq != last + 1 or crc != stored:
                raise damaged(path, f"row {last + 1} is missing or its checksum does not fit")
            last = seq
    except sqlite3.Error as error:
        raise damaged(path, f"after row {last}: {error}") from error
    return last, crc


def _read(
    connection: sqlite3.Connection, path: Path, clause: str, values: tuple[object, ...]
) -> Iterator[JournalEntry]:
    try:
        for row in connection.execute(_SELECT + clause, values):
            seq, at_ns, kind, venue, symbol, parent_id, client_order_id, trade_id, payload, _crc = row
            yield JournalEntry(
                seq=seq,
                at_ns=at_ns,
                kind=kind,
                venue=venue,
                symbol=symbol,
                parent_id=parent_id,
                client_order_id=client_order_id,
                trade_id=trade_id,
                payload=payload,
            )
    except sqlite3.Error as error:
        raise damaged(path, error) from error

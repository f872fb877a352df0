"""The decision journal: every candle, opinion, wish and verdict, written in batches by the memory actor."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.domain.errors import JournalError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_MS, TimestampNs
from openoutcry.memory.database import WriterLock, damaged, open_reader, open_writer

APPLICATION_ID: Final = 0x4F4F444A  # "OODJ"
SCHEMA_VERSION: Final = 1
DEFAULT_BATCH_MESSAGES: Final = 256
DEFAULT_DELAY_NS: Final = 200 * NS_PER_MS

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages(
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, cause_id TEXT NOT NULL, symbol TEXT NOT NULL,
  at_ns INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS once ON messages(id, kind);
CREATE INDEX IF NOT EXISTS by_time ON messages(kind, symbol, at_ns);
"""
_INSERT: Final = (
    "INSERT INTO messages(kind, id, cause_id, symbol, at_ns, payload) "
    "VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One journaled message. `payload` is its JSON, tagged with its class's name as `type`."""

    kind: str
    id: str
    cause_id: str
    symbol: str
    at_ns: int
    payload: bytes


class DecisionReader:
    """Reads a decision journal, also while it is written (without what the writer still gathers)."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises JournalError if there is none or it cannot be trusted."""
        self.path = path
        self._connection = open_reader(path, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)

    def records(self, *, kind: str | None = None) -> Iterator[DecisionRecord]:
        """Every record, or every one of a kind, in the order of writing."""
        where, values = ("", ()) if kind is None else ("WHERE kind = ?", (kind,))
        return _read(self._connection, self.path, f"{where} ORDER BY seq", values)

    def find(self, message_id: str) -> list[DecisionRecord]:
        """The records with this message id: one, unless two kinds share it."""
        return list(_read(self._connection, self.path, "WHERE id = ? ORDER BY seq", (message_id,)))

    def counts(self) -> dict[str, int]:
        """How many records of each kind."""
        try:
            return dict(
                self._connection.execute("SELECT kind, count(*) FROM messages GROUP BY kind ORDER BY kind")
            )
        except sqlite3.Error as error:
            raise damaged(self.path, error) from error

    def last_candles(self, symbol: str, count: int) -> tuple[CandleClosed, ...]:
        """The last `count` candles of a symbol, oldest first."""
        return _last_candles(self._connection, self.path, symbol, count)

    def last_trade_id(self, symbol: str) -> int:
        """The last trade of the last candle, from which a feed goes on; 0 if there is no candle."""
        return _last_trade_id(self._connection, self.path, symbol)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class DecisionJournal:
    """The one writer of a decision journal.

    Messages are gathered and written when `batch_messages` have come or the oldest has waited `delay_ns`.
    The same message told twice is written once; two different messages of one id are counted in `conflicts`,
    the first one is kept.
    """

    def __init__(
        self, path: Path, *, batch_messages: int = DEFAULT_BATCH_MESSAGES, delay_ns: int = DEFAULT_DELAY_NS
    ) -> None:
        """Open or create the journal and take its lock.

        Raises:
            JournalError: another instance writes it, or it is damaged, unwritable, not ours or newer than
            this program.
        """
        self.path = path
        self.written = self.duplicates = self.conflicts = 0
        self._batch_messages, self._delay_ns = batch_messages, delay_ns
        self._pending: list[tuple[str, str, str, str, int, bytes]] = []
        self._oldest_ns = 0
        self._lock = WriterLock(path)
        try:
            self._connection = open_writer(
                path,
                schema=_SCHEMA,
                application_id=APPLICATION_ID,
                schema_version=SCHEMA_VERSION,
                synchronous="NORMAL",
            )
        except JournalError:
            self._lock.release()
            raise

    def record(self, message: Message, now_ns: TimestampNs) -> None:
        """Take a message; it is written with its batch.

        Raises:
            JournalError: the batch was due and could not be written.
        """
        if not self._pending:
            self._oldest_ns = now_ns
        self._pending.append(_row(message, now_ns))
        if len(self._pending) >= self._batch_messages:
            self.flush()
        else:
            self.on_timer(now_ns)

    def on_timer(self, now_ns: TimestampNs) -> None:
        """Write the batch if its time has come."""
        if self._pending and now_ns - self._oldest_ns >= self._delay_ns:
            self.flush()

    @property
    def next_timer_ns(self) -> TimestampNs | None:
        """When `on_timer` is next of use."""
        return TimestampNs(self._oldest_ns + self._delay_ns) if self._pending else None

    def flush(self) -> None:
        """Write what is gathered; it stays gathered if that fails.

        Raises:
            JournalError: the journal cannot be written.
        """
        if not self._pending:
            return
        duplicates = conflicts = 0
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for row in self._pending:
                if self._connection.execute(_INSERT, row).rowcount:
                    continue
                duplicates += 1
                conflicts += not self._holds(row)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise JournalError(
                f"the journal {self.path} cannot be written ({error}); free or repair the disk, then restart"
            ) from error
        self.written += len(self._pending) - duplicates
        self.duplicates += duplicates
        self.conflicts += conflicts
        self._pending.clear()

    def last_candles(self, symbol: str, count: int) -> tuple[CandleClosed, ...]:
        """The last `count` candles of a symbol, oldest first."""
        self.flush()
        return _last_candles(self._connection, self.path, symbol, count)

    def last_trade_id(self, symbol: str) -> int:
        """The last trade of the last candle, from which a feed goes on; 0 if there is no candle."""
        self.flush()
        return _last_trade_id(self._connection, self.path, symbol)

    def close(self) -> None:
        """Write what is gathered, close the file and release the lock."""
        try:
            self.flush()
        finally:
            self._connection.close()
            self._lock.release()

    def _holds(self, row: tuple[str, str, str, str, int, bytes]) -> bool:
        kind, message_id, *_rest, payload = row
        query = "SELECT payload FROM messages WHERE id = ? AND kind = ?"
        found: tuple[bytes] = self._connection.execute(query, (message_id, kind)).fetchone()
        return found[0] == payload


def _row(message: Message, now_ns: int) -> tuple[str, str, str, str, int, bytes]:
    """The columns of a message. Its moment is its own stamp, or the time it was told."""
    moments = (getattr(message, name, None) for name in ("at_ns", "close_ns", "event_ns"))
    at_ns = next((moment for moment in moments if moment is not None), now_ns)
    symbol = getattr(message, "symbol", "")
    return type(message).__name__, message.id, message.cause_id, symbol, at_ns, msgspec.json.encode(message)


def _read(
    connection: sqlite3.Connection, path: Path, clause: str, values: tuple[object, ...]
) -> Iterator[DecisionRecord]:
    try:
        for kind, message_id, cause_id, symbol, at_ns, payload in connection.execute(
            f"SELECT kind, id, cause_id, symbol, at_ns, payload FROM messages {clause}",  # noqa: S608  clauses are ours
            values,
        ):
            yield DecisionRecord(
                kind=kind, id=message_id, cause_id=cause_id, symbol=symbol, at_ns=at_ns, payload=payload
            )
    except sqlite3.Error as error:
        raise damaged(path, error) from error


def _last_candles(
    connection: sqlite3.Connection, path: Path, symbol: str, count: int
) -> tuple[CandleClosed, ...]:
    clause = "WHERE kind = 'CandleClosed' AND symbol = ? ORDER BY at_ns DESC LIMIT ?"
    newest_first = _read(connection, path, clause, (symbol, max(count, 0)))
    try:
        candles = [msgspec.json.decode(record.payload, type=CandleClosed) for record in newest_first]
    except msgspec.MsgspecError as error:
        raise damaged(path, error) from error
    return tuple(reversed(candles))


def _last_trade_id(connection: sqlite3.Connection, path: Path, symbol: str) -> int:
    candles = _last_candles(connection, path, symbol, 1)
    return candles[0].last_trade_id if candles else 0

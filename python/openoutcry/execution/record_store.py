"""Where the desk keeps its records: in the order journal, or, in simulated time, in memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from openoutcry.domain.errors import JournalError
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import TimestampNs
from openoutcry.execution.records import ChildIntended, ParentPlanned, Record, entry_of, records_of
from openoutcry.memory.order_journal import OrderJournal

# Of such a record there may be one with this id, and no second.
_ID_OF: Final[dict[type[Record], Callable[[Any], str]]] = {
    ParentPlanned: lambda record: record.approved.id,
    ChildIntended: lambda record: record.order.client_order_id,
    Fill: lambda record: f"{record.symbol} {record.trade_id}",
}


class RecordStore(Protocol):
    """What the desk asks of its journal. Records are added, never changed; an id is added once."""

    @property
    def failure(self) -> str:
        """Why it takes nothing more, or an empty string."""
        ...

    def write(self, records: Sequence[Record], now_ns: TimestampNs) -> None:
        """Add the records of one turn: all of them or none. Raises JournalError."""
        ...

    def read(self) -> Iterator[tuple[Record, TimestampNs]]:
        """Every record with its time, oldest first. Raises JournalError."""
        ...

    def knows_order(self, client_order_id: str) -> bool:
        """Whether a child order of this id was ever intended."""
        ...

    def knows_parent(self, parent_id: str) -> bool:
        """Whether a parent order of this id was ever taken on."""
        ...

    def knows_trade(self, symbol: str, trade_id: str) -> bool:
        """Whether a fill of this trade was ever written."""
        ...


class JournaledRecords:
    """Records in the order journal, durable when `write` returns."""

    def __init__(self, journal: OrderJournal) -> None:
        self._journal = journal
        self.knows_order = journal.knows_order
        self.knows_parent = journal.knows_parent
        self.knows_trade = journal.knows_trade

    @property
    def failure(self) -> str:
        """Why the journal refuses to be written, or an empty string."""
        return self._journal.failure

    def write(self, records: Sequence[Record], now_ns: TimestampNs) -> None:
        """Encode them and append them in one transaction. Raises JournalError."""
        self._journal.append([entry_of(record, now_ns) for record in records])

    def read(self) -> Iterator[tuple[Record, TimestampNs]]:
        """Every record with its time, oldest first. Raises JournalError."""
        return records_of(self._journal.entries())


def store_of(journal: "OrderJournal | RecordsInMemory") -> RecordStore:
    """Where records go that are written to a journal."""
    return JournaledRecords(journal) if isinstance(journal, OrderJournal) else journal


class RecordsInMemory:
    """Records of a simulated run: no crash to survive, so they are kept as they are instead of encoded.

    An id that was written before is refused, as the order journal's unique indexes do.
    """

    failure = ""

    def __init__(self) -> None:
        self._turns: list[tuple[TimestampNs, tuple[Record, ...]]] = []
        self._ids: set[tuple[type[Record], str]] = set()

    def write(self, records: Sequence[Record], now_ns: TimestampNs) -> None:
        """Add the records of one turn: all of them or none.

        Raises:
            JournalError: an order, a child or a trade of this id was written before.
        """
        ids = []
        for record in records:
            id_of = _ID_OF.get(type(record))
            if id_of is not None:
                ids.append((type(record), id_of(record)))
        if not self._ids.isdisjoint(ids) or len(set(ids)) < len(ids):
            raise JournalError(f"one of {ids} was written before; an order, a child and a trade begin once")
        self._ids.update(ids)
        self._turns.append((now_ns, tuple(records)))

    def read(self) -> Iterator[tuple[Record, TimestampNs]]:
        """Every record with its time, oldest first."""
        return ((record, at_ns) for at_ns, records in self._turns for record in records)

    def knows_order(self, client_order_id: str) -> bool:
        """Whether a child order of this id was ever intended."""
        return (ChildIntended, client_order_id) in self._ids

    def knows_parent(self, parent_id: str) -> bool:
        """Whether a parent order of this id was ever taken on."""
        return (ParentPlanned, parent_id) in self._ids

    def knows_trade(self, symbol: str, trade_id: str) -> bool:
        """Whether a fill of this trade was ever written."""
        return (Fill, f"{symbol} {trade_id}") in self._ids

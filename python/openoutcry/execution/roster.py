"""Everything the desk remembers, as a fold of its journal: orders, their children, the ledger."""

import contextlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from openoutcry.domain.errors import InvalidInputError, JournalError, VenueError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Done, Fill
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.commands import FundingSettled, OrderReport
from openoutcry.execution.last_hop import LastHop
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.parent import Child, ParentOrder
from openoutcry.execution.records import (
    Answered,
    BalancesOpened,
    ChildIntended,
    ParentClosing,
    ParentPlanned,
    Record,
    StateChanged,
)
from openoutcry.execution.schedule import smallest_lots

MAX_DONE_PARENTS: Final = 1_024


class Roster:
    """Parents under way and lately done, children by client order id, the ledger and the last hop's count.

    The same methods serve the running desk and the replay of its journal, so that both come to the same
    state.
    """

    def __init__(self, instruments: Mapping[str, Instrument], opening_balances: Mapping[str, int]) -> None:
        self.instruments: Final = dict(instruments)
        self.opening_balances = dict(opening_balances)
        self.ledger = Ledger(self.instruments, opening_balances)
        self.last_hop: Final = LastHop()
        self.live: Final[dict[str, ParentOrder]] = {}
        self.done: Final[dict[str, ParentOrder]] = {}
        self.children: Final[dict[str, tuple[ParentOrder, Child]]] = {}

    def take_on(self, planned: ParentPlanned) -> ParentOrder:
        """A parent order begins."""
        approved, order = planned.approved, planned.approved.order
        smallest = smallest_lots(order, self.instruments[order.symbol]) if planned.slices else SizeLots(0)
        parent = ParentOrder(approved, planned.slices, smallest)
        self.live[parent.id] = parent
        self.last_hop.approve(parent.id, order.symbol, order.side, order.size_lots, order.limit_price_ticks)
        return parent

    def add_child(self, parent: ParentOrder, intended: ChildIntended, at_ns: TimestampNs) -> Child:
        """A child is intended; it counts at the last hop from now on.

        Raises:
            InvalidInputError: it would exceed what was approved; nothing was added.
        """
        order = intended.order
        self.last_hop.send(order, self.instruments[order.symbol])
        child = Child(intended, at_ns)
        parent.children.append(child)
        parent.count(child)
        self.children[child.id] = (parent, child)
        return child

    def settle(self, parent: ParentOrder, child: Child) -> None:
        """A child's state changed: if it has ended, its unfilled rest is free again."""
        parent.count(child)
        if child.fold.is_terminal:
            self.last_hop.settle(parent.id, child.id, child.fold.committed_lots)

    def retire(self, parent: ParentOrder, done: Done) -> None:
        """A parent is over; the oldest beyond the limit are forgotten."""
        parent.done = done
        self.done[parent.id] = self.live.pop(parent.id)
        for old in tuple(islice(self.done.values(), max(len(self.done) - MAX_DONE_PARENTS, 0))):
            if old.unsettled is None:
                del self.done[old.id]
                self.last_hop.forget(old.id)
                for child in old.children:
                    del self.children[child.id]

    def replay(self, record: Record, at_ns: TimestampNs) -> None:
        """Take up a record of the journal.

        Raises:
            JournalError: it contradicts the records before it.
        """
        with _journal_errors():
            match record:
                case BalancesOpened(balances=balances):
                    self.opening_balances = balances
                    self.ledger = Ledger(self.instruments, balances)
                case ParentPlanned():
                    self.take_on(record)
                case ParentClosing(parent_id=parent_id, reason=reason):
                    self.live[parent_id].closing = reason
                case ChildIntended(order=order):
                    self.add_child(self.live[order.parent_id], record, at_ns)
                case Answered(event=OrderReport() as report):
                    self._replay_report(*self.children[report.client_order_id], report)
                case StateChanged(after="REJECTED", client_order_id=child_id, reason=reason):
                    parent, child = self.children[child_id]
                    child.fold.turn("REJECTED")
                    child.is_absent = reason == "absent"
                    self.settle(parent, child)
                case Fill():
                    self.ledger.book(record)
                case FundingSettled():
                    self.ledger.fund(record)
                case Done(parent_id=parent_id):
                    self.retire(self.live[parent_id], record)
                case _:
                    pass

    def _replay_report(self, parent: ParentOrder, child: Child, report: OrderReport) -> None:
        child.fold.apply(report)
        child.is_announced = True
        if child.fold.state != "REJECTED":
            child.is_absent = False
        self.settle(parent, child)


@contextlib.contextmanager
def _journal_errors() -> Iterator[None]:
    """What the journal holds was checked when it was written: a contradiction now means damage."""
    try:
        yield
    except (InvalidInputError, VenueError, KeyError) as error:
        raise JournalError(
            f"the order journal contradicts itself ({error}); do not trade on it: keep the file, start with "
            "an empty state folder, and let reconciliation take up what the venue holds"
        ) from error

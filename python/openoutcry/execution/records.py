"""What the execution desk writes into the order journal, and how it is read again."""

from collections.abc import Iterable, Iterator

import msgspec

from openoutcry.domain.errors import JournalError
from openoutcry.domain.orders import Approved, Done, Fill, OrderState
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.commands import (
    CancelOrder,
    FundingSettled,
    OrderAbsent,
    OrderReport,
    SubmitFailed,
    SubmitOrder,
)
from openoutcry.memory.order_journal import JournalEntry


class Slice(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """So many lots of a parent order, to be sent at `at_ns`."""

    at_ns: TimestampNs
    size_lots: SizeLots


class BalancesOpened(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The account's balances in atoms by asset when this journal began."""

    balances: dict[str, int]


class ParentPlanned(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """An approved order was taken on, with its schedule."""

    approved: Approved
    slices: tuple[Slice, ...]


class ChildIntended(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A child order will be handed to the venue once this record is durable."""

    order: SubmitOrder
    slice_index: int
    attempt: int


class CancelIntended(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A child order will be withdrawn, and why."""

    parent_id: str
    command: CancelOrder


class ParentClosing(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A parent order ends: no more of it is sent."""

    symbol: str
    parent_id: str
    reason: str


class StateChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A child order's state changed; for people, a restart derives it again."""

    symbol: str
    parent_id: str
    client_order_id: str
    before: OrderState
    after: OrderState
    reason: str


class Reconciled(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Journal, ledger and venue were compared; no line means that they agree."""

    discrepancies: tuple[str, ...]


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """What came from the venue about a child order."""

    parent_id: str
    event: OrderReport | SubmitFailed | OrderAbsent


Record = (
    BalancesOpened
    | ParentPlanned
    | ChildIntended
    | CancelIntended
    | ParentClosing
    | StateChanged
    | Reconciled
    | Answered
    | Fill
    | FundingSettled
    | Done
)
_DECODER: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def entry_of(record: Record, at_ns: int) -> JournalEntry:
    """A record as a row: its JSON, and the ids it is found by."""
    kind = type(record).__name__
    body: object = record
    parent_id = getattr(record, "parent_id", "")
    match record:
        case ParentPlanned(approved=approved):
            body, parent_id = approved.order, approved.id
        case ChildIntended(order=order):
            body, parent_id = order, order.parent_id
        case CancelIntended(command=command):
            body = command
        case Answered(event=event):
            body, kind = event, type(event).__name__
        case _:
            pass
    return JournalEntry(
        kind=kind,
        at_ns=at_ns,
        symbol=getattr(body, "symbol", ""),
        parent_id=parent_id,
        client_order_id=getattr(body, "client_order_id", ""),
        trade_id=getattr(body, "trade_id", ""),
        payload=msgspec.json.encode(record),
    )


def records_of(entries: Iterable[JournalEntry]) -> Iterator[tuple[Record, TimestampNs]]:
    """Read rows again, with the time at which each was written.

    Raises:
        JournalError: a row's content is not what this program writes.
    """
    for entry in entries:
        try:
            yield _DECODER.decode(entry.payload), TimestampNs(entry.at_ns)
        except msgspec.MsgspecError as error:
            raise JournalError(
                f"row {entry.seq} ({entry.kind}) of the order journal cannot be understood ({error}); "
                "read it with the openoutcry that wrote it, or start with an empty state folder and reconcile"
            ) from error

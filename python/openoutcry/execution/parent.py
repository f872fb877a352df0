"""A parent order: an approval, its schedule, and the children sent so far."""

import base64
import hashlib
import re
from typing import Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.orders import Approved, Done, TimeInForce
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.order import ChildOrder
from openoutcry.execution.records import ChildIntended, Slice

MAX_ATTEMPTS_PER_SLICE: Final = 3
MAX_REJECTS_PER_PARENT: Final = 3
# Venues take 36 characters: 12 of the deployment, 13 of the parent, 3 and 2 digits, 3 dashes.
_DEPLOYMENT_ID: Final = re.compile(r"[A-Za-z0-9_]{1,12}")
_PARENT_HASH_BYTES: Final = 8


def check_deployment_id(deployment_id: str) -> str:
    """Raises ConfigurationError unless the id can begin a client order id."""
    if not _DEPLOYMENT_ID.fullmatch(deployment_id):
        raise ConfigurationError(
            f"deployment id {deployment_id!r} cannot begin an order id; use 1 to 12 of A-Z, a-z, 0-9 and _"
        )
    return deployment_id


def client_order_id(deployment_id: str, parent_id: str, slice_index: int, attempt: int) -> str:
    """The id under which a child is sent: the same for the same child of the same deployment, for ever."""
    digest = hashlib.blake2b(parent_id.encode(), digest_size=_PARENT_HASH_BYTES).digest()
    parent = base64.b32encode(digest).decode().rstrip("=").lower()
    return f"{deployment_id}-{parent}-{slice_index}-{attempt}"


class Child:
    """A child order and what is under way about it.

    `fence_ns` is the latest time by our clock that a request for it may bear; `is_answered` says that the
    request is over (or died with the process that made it), so that a venue clock beyond the fence proves an
    absence.
    """

    def __init__(self, intended: ChildIntended, at_ns: TimestampNs) -> None:
        self.fold: Final = ChildOrder(intended.order)
        self.slice_index: Final = intended.slice_index
        self.fence_ns: int = at_ns
        self.is_answered = False
        self.is_absent = False
        self.is_announced = False
        self.cancel_sent = False
        self.query_outstanding = False
        self.queries = 0
        self.query_at_ns: int | None = None

    @property
    def id(self) -> str:
        """The client order id."""
        return self.fold.order.client_order_id


class NextChild(msgspec.Struct, frozen=True):
    """What is to be sent next of a parent order."""

    slice_index: int
    attempt: int
    size_lots: SizeLots
    time_in_force: TimeInForce


class ParentOrder:
    """An approved order under way. At most one child is unsettled at any time."""

    def __init__(self, approved: Approved, slices: tuple[Slice, ...]) -> None:
        self.approved: Final = approved
        self.slices: Final = slices
        self.children: list[Child] = []
        self.closing = ""
        self.done: Done | None = None

    @property
    def id(self) -> str:
        """The id of the approval."""
        return self.approved.id

    @property
    def filled_lots(self) -> SizeLots:
        """Lots of all trades."""
        return SizeLots(sum(child.fold.filled_lots for child in self.children))

    @property
    def committed_lots(self) -> SizeLots:
        """Lots that are filled, rest, are in flight or unknown."""
        return SizeLots(sum(child.fold.committed_lots for child in self.children))

    @property
    def unfilled_lots(self) -> SizeLots:
        """Lots that may still be filled; none once the order is over."""
        return SizeLots(0 if self.done else max(self.approved.order.size_lots - self.filled_lots, 0))

    @property
    def unsettled(self) -> Child | None:
        """The child of which the last word is not known."""
        return next((child for child in reversed(self.children) if not child.fold.is_settled), None)

    @property
    def rejects(self) -> int:
        """Children that the venue refused."""
        return sum(child.fold.state == "REJECTED" and not child.is_absent for child in self.children)

    def due_index(self, now_ns: int) -> int:
        """The last slice whose time has come, or -1."""
        return sum(piece.at_ns <= now_ns for piece in self.slices) - 1

    def next_slice_ns(self, now_ns: int) -> int | None:
        """When the next slice is due."""
        return next((piece.at_ns for piece in self.slices if piece.at_ns > now_ns), None)

    def next_child(self, now_ns: int, smallest_lots: int, largest_lots: int) -> NextChild | None:
        """What the due slice still lacks, with what earlier ones left; None if nothing can be sent now.

        A slice is sent once; again, under a new id, only if the venue proved that it never came.
        """
        index = self.due_index(now_ns)
        if index < 0:
            return None
        sent = [child for child in self.children if child.slice_index == index]
        if len(sent) >= MAX_ATTEMPTS_PER_SLICE or not all(child.is_absent for child in sent):
            return None
        target = sum(piece.size_lots for piece in self.slices[: index + 1])
        lots = min(target - self.committed_lots, largest_lots)
        if lots < smallest_lots:
            return None
        is_last = index == len(self.slices) - 1
        return NextChild(index, len(sent), SizeLots(lots), "IOC" if is_last else "GTC")

    def end_reason(self) -> str:
        """Why it is over, in a word."""
        if self.filled_lots >= self.approved.order.size_lots:
            return "filled"
        if self.closing:
            return self.closing
        return "rejected" if self.children and self.children[-1].fold.state == "REJECTED" else "unfilled"

"""A parent order: an approval, its schedule, and the children sent so far."""

import functools
import hashlib
import re
from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.orders import Approved, Done, TimeInForce
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.commands import CancelReason
from openoutcry.execution.order import ChildOrder
from openoutcry.execution.records import ChildIntended, Slice

MAX_ATTEMPTS_PER_SLICE: Final = 3
MAX_REJECTS_PER_PARENT: Final = 3
# Venues take 36 characters: 12 of the deployment, 13 of the parent, 3 and 2 digits, 3 dashes.
_DEPLOYMENT_ID: Final = re.compile(r"[A-Za-z0-9_]{1,12}")
_CANCEL_REASONS: Final[Mapping[str, CancelReason]] = {
    "expired": "parent_expired",
    "halt": "halt",
    "stop": "stop",
    "journal_failed": "halt",
}
_PARENT_HASH_BYTES: Final = 8
_BASE32: Final = "abcdefghijklmnopqrstuvwxyz234567"
NEVER_NS: Final = 2**63 - 1
PARENT_HASHES: Final = 256  # kept: those of the parents under way


def check_deployment_id(deployment_id: str) -> str:
    """Raises ConfigurationError unless the id can begin a client order id."""
    if not _DEPLOYMENT_ID.fullmatch(deployment_id):
        raise ConfigurationError(
            f"deployment id {deployment_id!r} cannot begin an order id; use 1 to 12 of A-Z, a-z, 0-9 and _"
        )
    return deployment_id


def client_order_id(deployment_id: str, parent_id: str, slice_index: int, attempt: int) -> str:
    """The id under which a child is sent: the same for the same child of the same deployment, for ever."""
    return f"{deployment_id}-{_parent_hash(parent_id)}-{slice_index}-{attempt}"


@functools.lru_cache(maxsize=PARENT_HASHES)
def _parent_hash(parent_id: str) -> str:
    digest = hashlib.blake2b(parent_id.encode(), digest_size=_PARENT_HASH_BYTES).digest()
    bits = int.from_bytes(digest, "big") << 1  # 64 bits and one of padding: 13 characters of RFC 4648
    return "".join([_BASE32[bits >> shift & 31] for shift in range(60, -1, -5)])


class Child:
    """A child order and what is under way about it.

    `fence_ns` is the latest time by our clock that a request for it may bear; `is_answered` says that the
    request is over (or died with the process that made it), so that a venue clock beyond the fence proves an
    absence.
    """

    def __init__(self, intended: ChildIntended, at_ns: TimestampNs) -> None:
        self.id: Final = intended.order.client_order_id
        self.fold: Final = ChildOrder(intended.order)
        self.slice_index: Final = intended.slice_index
        self.counted = (0, 0, 0)  # filled and committed lots, refusals: what its parent has counted of it
        self.fence_ns: int = at_ns
        self.is_answered = False
        self.is_absent = False
        self.is_announced = False
        self.cancel_sent = False
        self.query_outstanding = False
        self.queries = 0
        self.query_at_ns = NEVER_NS  # when the venue is to be asked about it


class NextChild(msgspec.Struct, frozen=True):
    """What is to be sent next of a parent order."""

    slice_index: int
    attempt: int
    size_lots: SizeLots
    time_in_force: TimeInForce


class ParentOrder:
    """An approved order under way. At most one child is unsettled at any time.

    `filled_lots` are those of all trades; `committed_lots` are filled, rest, are in flight or unknown;
    `rejects` are the children that the venue refused. They are sums over the children, kept by `count`.
    """

    def __init__(self, approved: Approved, slices: tuple[Slice, ...], smallest_lots: SizeLots) -> None:
        """Begin; `smallest_lots` are the fewest that the venue takes."""
        self.id: Final = approved.id
        self.approved: Final = approved
        self.slices: Final = slices
        self.smallest_lots: Final = smallest_lots
        self._due_ns = [piece.at_ns for piece in slices]
        self._due_lots = list(accumulate(piece.size_lots for piece in slices))
        self.children: list[Child] = []
        self.closing = ""
        self.done: Done | None = None
        self.filled_lots = self.committed_lots = SizeLots(0)
        self.rejects = 0
        self._unsettled: dict[str, Child] = {}

    def count(self, child: Child) -> None:
        """Take over what changed in a child; after every change of one."""
        fold, (filled, committed, rejects) = child.fold, child.counted
        is_refused = fold.state == "REJECTED" and not child.is_absent
        child.counted = now = (fold.filled_lots, fold.committed_lots, int(is_refused))
        self.filled_lots = SizeLots(self.filled_lots + now[0] - filled)
        self.committed_lots = SizeLots(self.committed_lots + now[1] - committed)
        self.rejects += now[2] - rejects
        if fold.is_settled:
            self._unsettled.pop(child.id, None)
        else:
            self._unsettled[child.id] = child

    @property
    def unfilled_lots(self) -> SizeLots:
        """Lots that may still be filled; none once the order is over."""
        return SizeLots(0 if self.done else max(self.approved.order.size_lots - self.filled_lots, 0))

    @property
    def unsettled(self) -> Child | None:
        """The child of which the last word is not known."""
        return next(reversed(self._unsettled.values()), None) if self._unsettled else None

    @property
    def cancel_reason(self) -> CancelReason:
        """Why its children are withdrawn once it is closing."""
        return _CANCEL_REASONS.get(self.closing, "parent_canceled")

    def due_index(self, now_ns: int) -> int:
        """The last slice whose time has come, or -1."""
        return bisect_right(self._due_ns, now_ns) - 1

    def next_slice_ns(self, now_ns: int) -> int:
        """When the next slice is due; `NEVER_NS` after the last."""
        index = bisect_right(self._due_ns, now_ns)
        return self._due_ns[index] if index < len(self._due_ns) else NEVER_NS

    def next_child(self, now_ns: int, largest_lots: int) -> NextChild | None:
        """What the due slice still lacks, with what earlier ones left; None if nothing can be sent now.

        A slice is sent once; again, under a new id, only if the venue proved that it never came.
        """
        index = self.due_index(now_ns)
        if index < 0:
            return None
        attempts = 0
        for child in reversed(self.children):  # they are in the order of their slices
            if child.slice_index < index:
                break
            attempts += 1
            if attempts >= MAX_ATTEMPTS_PER_SLICE or not child.is_absent:
                return None
        lots = min(self._due_lots[index] - self.committed_lots, largest_lots)
        if lots < self.smallest_lots:
            return None
        is_last = index == len(self.slices) - 1
        return NextChild(index, attempts, SizeLots(lots), "IOC" if is_last else "GTC")

    def end_reason(self) -> str:
        """Why it is over, in a word."""
        if self.filled_lots >= self.approved.order.size_lots:
            return "filled"
        if self.closing:
            return self.closing
        return "rejected" if self.children and self.children[-1].fold.state == "REJECTED" else "unfilled"

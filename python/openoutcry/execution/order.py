"""One child order, as a fold of what the venue said about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from openoutcry.domain.errors import VenueError
from openoutcry.domain.orders import TERMINAL_STATES, OrderState
from openoutcry.domain.units import SizeLots
from openoutcry.execution.commands import OrderReport, SubmitOrder

# What a state may turn into. A report that would need another step is late or repeated news, and changes
# nothing; news from before the answer (a fill before the acknowledgement) takes the short way.
_LIVE: Final[frozenset[OrderState]] = frozenset({"ACCEPTED", "PARTIALLY_FILLED"})
_SUBMITTED: Final[frozenset[OrderState]] = frozenset({"SUBMITTED"})
_UNKNOWN: Final[frozenset[OrderState]] = frozenset({"UNKNOWN"})
_PARTIAL: Final[frozenset[OrderState]] = frozenset({"PARTIALLY_FILLED"})
LEGAL_TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = MappingProxyType(
    {
        "PENDING": _SUBMITTED | _UNKNOWN | _LIVE | TERMINAL_STATES,
        "SUBMITTED": _UNKNOWN | _LIVE | TERMINAL_STATES,
        "UNKNOWN": _LIVE | TERMINAL_STATES,
        "ACCEPTED": _PARTIAL | _UNKNOWN | (TERMINAL_STATES - {"REJECTED"}),
        "PARTIALLY_FILLED": _UNKNOWN | (TERMINAL_STATES - {"REJECTED"}),
        # A trade that was reported after the withdrawal can complete the order.
        "CANCELED": frozenset({"FILLED"}),
        "EXPIRED": frozenset({"FILLED"}),
        "FILLED": frozenset(),
        # REJECTED is the venue's word, or the proof of absence; news of life disproves it (`revive`).
        "REJECTED": frozenset(),
    }
)


class ChildOrder:
    """State and fills of one child order. Applying a report twice, late or out of order is harmless."""

    def __init__(self, order: SubmitOrder) -> None:
        """Begin as PENDING: intended, not yet handed over."""
        self.order: Final = order
        self.state: OrderState = "PENDING"
        self.venue_order_id = ""
        self.trades: dict[str, SizeLots] = {}
        self.filled_lots = SizeLots(0)  # of the trades we know
        self.reported_lots = SizeLots(0)  # the venue's own count, which may run ahead of the trades we know

    @property
    def missing_lots(self) -> SizeLots:
        """Lots that the venue says were filled, whose trades we have not seen; never below 0."""
        return SizeLots(self.reported_lots - self.filled_lots)

    @property
    def committed_lots(self) -> SizeLots:
        """Lots that are filled or may still be: the whole size until the venue has proved the end."""
        if self.state in TERMINAL_STATES:
            return self.reported_lots
        return self.order.size_lots

    @property
    def is_terminal(self) -> bool:
        """The venue holds nothing of it any more."""
        return self.state in TERMINAL_STATES

    @property
    def is_settled(self) -> bool:
        """It has ended, and every lot that was filled is known by its trade."""
        return self.state in TERMINAL_STATES and self.reported_lots == self.filled_lots

    @property
    def rests(self) -> bool:
        """The venue is known to hold it."""
        return self.state in _LIVE

    def turn(self, state: OrderState) -> bool:
        """Make a legal transition; an illegal one is refused with False and changes nothing."""
        if state not in LEGAL_TRANSITIONS[self.state]:
            return False
        self.state = state
        return True

    def is_new_trade(self, report: OrderReport) -> bool:
        """Whether the report is of a trade not seen before."""
        return bool(report.trade_id) and report.trade_id not in self.trades

    def disproves_rejection(self, report: OrderReport) -> bool:
        """Whether the report shows life in an order that was held to be rejected or absent."""
        return self.state == "REJECTED" and (report.state != "REJECTED" or report.filled_lots > 0)

    def apply(self, report: OrderReport) -> None:
        """Learn from a report.

        Raises:
            VenueError: it contradicts the order (other side or size, more filled than ordered); nothing
            changed.
        """
        is_new_trade = self.is_new_trade(report)
        traded_lots = self.filled_lots + report.last_lots if is_new_trade else self.filled_lots
        self._check(report, traded_lots)
        if self.disproves_rejection(report):
            self.state = "UNKNOWN"
        if is_new_trade:
            self.trades[report.trade_id] = report.last_lots
            self.filled_lots = SizeLots(traded_lots)
        self.venue_order_id = self.venue_order_id or report.venue_order_id
        reported = self.order.size_lots if report.state == "FILLED" else report.filled_lots
        self.reported_lots = max(self.reported_lots, reported, self.filled_lots)
        self.turn(self._implied(report.state))

    def _implied(self, reported: OrderState) -> OrderState:
        """The state that a report's state and all fills so far add up to."""
        if self.reported_lots == self.order.size_lots:
            return "FILLED"
        if reported in TERMINAL_STATES:
            return reported
        return "PARTIALLY_FILLED" if self.reported_lots else "ACCEPTED"

    def _check(self, report: OrderReport, traded_lots: int) -> None:
        order = self.order
        is_its_own = report.symbol == order.symbol and report.side == order.side
        if not is_its_own or report.size_lots not in (0, order.size_lots):
            raise VenueError(
                f"the venue reports {report.client_order_id} as {report.side} {report.size_lots} lots of "
                f"{report.symbol}, but {order.side} {order.size_lots} lots of {order.symbol} were sent; "
                "look at the account before resuming"
            )
        if report.trade_id and report.last_lots <= 0:
            raise VenueError(
                f"the venue reports trade {report.trade_id} of {report.last_lots} lots; it must be positive"
            )
        if not report.trade_id and report.last_lots:
            raise VenueError(f"the venue reports a trade of {report.client_order_id} without a trade id")
        most = max(report.filled_lots, traded_lots)
        if most > order.size_lots:
            raise VenueError(
                f"the venue reports {most} lots filled of {report.client_order_id}, "
                f"ordered were {order.size_lots}; look at the account before resuming"
            )

"""The last check before a child order leaves: no halt, and never more at the venue than was approved.

It counts by itself, from what was sent and what was proved to be over, and shares no code with the slicer:
the check whose absence let 212 parent orders become four million (SEC Release 34-70694, Knight Capital).
"""

from collections.abc import Callable

from openoutcry.domain.errors import HaltedError, InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import Side
from openoutcry.execution.commands import SubmitOrder


class _Approval:
    """What a parent order may do, and the lots at stake for it by child and in all."""

    def __init__(self, symbol: str, side: Side, size_lots: int, limit_price_ticks: int) -> None:
        self.symbol, self.side = symbol, side
        self.size_lots, self.limit_price_ticks = size_lots, limit_price_ticks
        self.at_stake: dict[str, int] = {}
        self.total_lots = 0

    def stake(self, client_order_id: str, lots: int) -> None:
        """So many lots are at stake for this child from now on."""
        self.total_lots += lots - self.at_stake.get(client_order_id, 0)
        self.at_stake[client_order_id] = lots


class LastHop:
    """Lots at stake by child, and the approval that each parent must stay within."""

    def __init__(self) -> None:
        self._approved: dict[str, _Approval] = {}
        self._is_halted: Callable[[], bool] = lambda: False

    def guard(self, is_halted: Callable[[], bool]) -> None:
        """From now on ask this before each order. What is replayed from a journal has left long ago."""
        self._is_halted = is_halted

    def approve(
        self, parent_id: str, symbol: str, side: Side, size_lots: int, limit_price_ticks: int
    ) -> None:
        """Learn an approval; the first word stands."""
        if parent_id not in self._approved:
            self._approved[parent_id] = _Approval(symbol, side, size_lots, limit_price_ticks)

    def send(self, order: SubmitOrder, instrument: Instrument) -> None:
        """Count an order that is about to leave.

        Raises:
            HaltedError: a halt is armed.
            InvalidInputError: it is not approved, breaks the approval or the venue's limits, or was sent
            before.
        """
        if self._is_halted():
            raise HaltedError(
                f"{order.client_order_id} is not sent: the halt is armed; see why with `openoutcry status`"
            )
        approved = self._approved.get(order.parent_id)
        if approved is None:
            raise InvalidInputError(f"{order.client_order_id} belongs to no approved order; it is not sent")
        price, lots, limit = order.price_ticks, order.size_lots, approved.limit_price_ticks
        total = approved.total_lots + lots
        broken = []
        if order.symbol != approved.symbol or order.side != approved.side:
            broken.append(f"symbol or side differ from the approved {approved.side} {approved.symbol}")
        if price > limit if approved.side == "buy" else price < limit:
            broken.append(f"the price {price} is worse than the approved {limit}")
        if price <= 0:
            broken.append(f"the price {price} is not positive")
        if not max(instrument.min_size_lots, 1) <= lots <= instrument.max_size_lots:
            broken.append(f"the size {lots} is outside the venue's limits")
        if total > approved.size_lots:
            broken.append(f"{total} lots would be at stake, approved are {approved.size_lots}")
        if order.client_order_id in approved.at_stake:
            broken.append("it was sent before")
        if broken:
            raise InvalidInputError(f"{order.client_order_id} is not sent: {'; '.join(broken)}")
        approved.stake(order.client_order_id, lots)

    def settle(self, parent_id: str, client_order_id: str, filled_lots: int) -> None:
        """The order has ended with so many lots filled: the rest of it is free again."""
        self._approved[parent_id].stake(client_order_id, filled_lots)

    def at_stake_lots(self, parent_id: str) -> int:
        """Lots filled, resting or in flight."""
        return self._approved[parent_id].total_lots

    def forget(self, parent_id: str) -> None:
        """A parent order is over."""
        self._approved.pop(parent_id, None)

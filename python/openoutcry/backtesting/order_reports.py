"""What a simulated venue says of an order."""

from typing import Any

from openoutcry.domain.orders import OrderState
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.commands import OrderReport, SubmitOrder


def report_of(
    order: SubmitOrder,
    venue_order_id: str,
    state: OrderState,
    filled_lots: int,
    at_ns: TimestampNs,
    **told: Any,
) -> OrderReport:
    """A report of an order as it is; `told` are its reason, or what describes a trade."""
    return OrderReport(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=venue_order_id,
        state=state,
        side=order.side,
        price_ticks=order.price_ticks,
        size_lots=order.size_lots,
        filled_lots=SizeLots(filled_lots),
        at_ns=at_ns,
        **told,
    )

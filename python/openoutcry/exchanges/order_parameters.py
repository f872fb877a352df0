"""An order in the venue's own words."""

from openoutcry.domain.instrument import Instrument
from openoutcry.execution.commands import SubmitOrder


def order_parameters(order: SubmitOrder, instrument: Instrument) -> dict[str, str]:
    """The request's parameters for a limit order, as Binance names them."""
    return {
        "symbol": instrument.venue_symbol,
        "side": order.side.upper(),
        "type": "LIMIT",
        "timeInForce": order.time_in_force,
        "quantity": instrument.size_text(order.size_lots),
        "price": instrument.price_text(order.price_ticks),
        "newClientOrderId": order.client_order_id,
    }

from openoutcry.domain.orders import OrderIntent, PositionReport, SizedOrder
from openoutcry.plugins.hooks import hookimpl


@hookimpl
def openoutcry_review_order(intent: OrderIntent, order: SizedOrder, position: PositionReport) -> str | None:
    """Refuse to buy while an earlier buy is working."""
    if order.side == "buy" and position.open_buy_lots > 0:
        return f"{intent.id}: {position.open_buy_lots} lots are still being bought"
    return None

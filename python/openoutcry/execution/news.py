"""What the desk tells the others: fills, refusals by the venue, and ends of orders, as messages."""

from collections.abc import Iterable

from openoutcry.domain.orders import Accepted, Done, Fill, PositionReport, Rejected
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.execution.commands import OrderReport
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.parent import Child, ParentOrder


def done_of(parent: ParentOrder, now_ns: TimestampNs) -> Done:
    """The end of a parent order."""
    return Done(
        id=f"{parent.id}:done",
        cause_id=parent.id,
        symbol=parent.approved.order.symbol,
        parent_id=parent.id,
        ordered_lots=parent.approved.order.size_lots,
        filled_lots=parent.filled_lots,
        reason=parent.end_reason(),
        at_ns=now_ns,
    )


def fill_of(parent: ParentOrder, report: OrderReport) -> Fill:
    """A trade that a report tells of."""
    return Fill(
        id=f"{report.client_order_id}:fill:{report.trade_id}",
        cause_id=report.client_order_id,
        symbol=report.symbol,
        parent_id=parent.id,
        client_order_id=report.client_order_id,
        venue_order_id=report.venue_order_id,
        trade_id=report.trade_id,
        side=report.side,
        price_ticks=report.last_price_ticks,
        size_lots=report.last_lots,
        fee_atoms=report.fee_atoms,
        fee_asset=report.fee_asset,
        liquidity=report.liquidity,
        at_ns=report.at_ns,
    )


def accepted_of(parent: ParentOrder, child: Child, report: OrderReport) -> Accepted:
    """The first word of life of a child order."""
    return Accepted(
        id=f"{child.id}:accepted",
        cause_id=parent.id,
        symbol=report.symbol,
        parent_id=parent.id,
        client_order_id=child.id,
        venue_order_id=report.venue_order_id,
        at_ns=report.at_ns,
    )


def rejected_of(parent: ParentOrder, child: Child, code: int, reason: str, at_ns: TimestampNs) -> Rejected:
    """A child order that the venue refused."""
    return Rejected(
        id=f"{child.id}:rejected",
        cause_id=parent.id,
        symbol=parent.approved.order.symbol,
        parent_id=parent.id,
        client_order_id=child.id,
        code=code,
        reason=reason,
        at_ns=at_ns,
    )


def position_of(
    report_id: str, symbol: str, ledger: Ledger, live: Iterable[ParentOrder], now_ns: TimestampNs
) -> PositionReport:
    """What the ledger holds, and what live orders may still add. InvalidInputError for an unknown symbol."""
    open_lots = {"buy": 0, "sell": 0}
    for parent in live:
        if parent.approved.order.symbol == symbol:
            open_lots[parent.approved.order.side] += parent.unfilled_lots
    return PositionReport(
        id=report_id,
        symbol=symbol,
        position_lots=ledger.position_lots(symbol),
        base_atoms=ledger.base_atoms(symbol),
        cash_atoms=ledger.cash_atoms(symbol),
        open_buy_lots=SizeLots(open_lots["buy"]),
        open_sell_lots=SizeLots(open_lots["sell"]),
        fees_quote_atoms=ledger.fees_quote_atoms(symbol),
        at_ns=now_ns,
    )

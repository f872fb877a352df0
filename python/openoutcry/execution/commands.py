"""Commands to a venue and what a venue says back, as data.

The execution desk decides commands; an adapter carries them out. Nothing here does I/O.
"""

from typing import Literal

import msgspec

from openoutcry.domain.orders import Liquidity, OrderState, TimeInForce
from openoutcry.domain.units import Atoms, PriceTicks, Side, SizeLots, TimestampNs

CancelReason = Literal["slice_ended", "parent_canceled", "parent_expired", "halt", "stop", "stale_data"]


class SubmitOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Place a limit order. `client_order_id` is ours, unique for ever, and durable before the socket."""

    symbol: str
    client_order_id: str
    parent_id: str
    side: Side
    price_ticks: PriceTicks
    size_lots: SizeLots
    time_in_force: TimeInForce


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Withdraw an order, for a reason from a closed list, which is journaled."""

    symbol: str
    client_order_id: str
    reason: CancelReason


class QueryOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Ask the venue what became of an order (an UNKNOWN one, or one found open after a restart)."""

    symbol: str
    client_order_id: str


Command = SubmitOrder | CancelOrder | QueryOrder


class OrderReport(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The venue's word on one order: an execution report of the private stream, or the answer to a query.

    `trade_id` is empty unless the report is of a trade; then `last_*`, `fee_*` and `liquidity` describe it.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str
    state: OrderState
    side: Side
    price_ticks: PriceTicks
    size_lots: SizeLots
    filled_lots: SizeLots
    at_ns: TimestampNs
    trade_id: str = ""
    last_price_ticks: PriceTicks = PriceTicks(0)
    last_lots: SizeLots = SizeLots(0)
    fee_atoms: Atoms = Atoms(0)
    fee_asset: str = ""
    liquidity: Liquidity = "taker"
    reason: str = ""


class SubmitFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A command did not get a yes. `ambiguous` means that it may have had its effect all the same."""

    client_order_id: str
    ambiguous: bool
    code: int
    reason: str
    at_ns: TimestampNs


class OrderAbsent(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The venue does not know the order. `server_ns` is the venue's clock when it said so."""

    client_order_id: str
    server_ns: TimestampNs


VenueEvent = OrderReport | SubmitFailed | OrderAbsent


class FundingSettled(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The venue paid the account a contract's funding, in atoms of settlement; below 0 it took it."""

    symbol: str
    settlement_id: str
    amount_atoms: Atoms
    at_ns: TimestampNs

"""From intent to fill: the messages that move money."""

from typing import Final, Literal

import msgspec

from openoutcry.domain.message import Message
from openoutcry.domain.units import Atoms, PriceTicks, Side, SizeLots, TimestampNs

NO_TRADE_BAND: Final = "no_trade_band"
"""The check that refuses an order which would hardly change what is held: the wish is fulfilled."""

ExecutionStyle = Literal["immediate", "twap"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
Liquidity = Literal["maker", "taker"]

OrderState = Literal[
    "PENDING",  # durable in the journal, not yet handed to the venue
    "SUBMITTED",  # handed to the socket, no answer yet
    "ACCEPTED",  # the venue holds it
    "PARTIALLY_FILLED",
    "FILLED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
    "UNKNOWN",  # the venue has proved nothing: exposure stays reserved until it is asked
]
TERMINAL_STATES: frozenset[OrderState] = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED"})


class OrderIntent(Message, frozen=True, kw_only=True):
    """A strategy's wish, before anyone sized or allowed it.

    `exposure` in [-1, 1] is the wanted share of what risk allows; `volatility` is the standard deviation
    of log returns per candle that the strategy saw. `event_ns` is the venue's time of the cause;
    `deadline_ns` is wall clock: an intent that arrives later is refused.
    """

    symbol: str
    strategy: str
    exposure: float
    reference_price_ticks: PriceTicks
    volatility: float
    candle_seconds: float
    style: ExecutionStyle
    horizon_ns: int
    event_ns: TimestampNs
    deadline_ns: TimestampNs


class SizedOrder(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An intent turned into an order: side, size and the worst price that may be paid."""

    symbol: str
    side: Side
    size_lots: SizeLots
    limit_price_ticks: PriceTicks
    style: ExecutionStyle
    horizon_ns: int
    deadline_ns: TimestampNs


class Approved(Message, frozen=True, kw_only=True):
    """A reviewed order. Execution accepts nothing else, and only risk makes one."""

    intent: OrderIntent
    order: SizedOrder


_APPROVED: Final = ":approved"


def approved_id(intent_id: str) -> str:
    """The id of an intent's approval, which is its parent order's as well."""
    return f"{intent_id}{_APPROVED}"


def intent_of(parent_id: str) -> str:
    """The intent whose approval an order is."""
    return parent_id.removesuffix(_APPROVED)


class Refused(Message, frozen=True, kw_only=True):
    """An intent that did not pass: which check, its limit, and the value that broke it."""

    symbol: str
    intent_id: str
    check: str
    limit: str
    value: str
    at_ns: TimestampNs


class Accepted(Message, frozen=True, kw_only=True):
    """The venue holds a child order."""

    symbol: str
    parent_id: str
    client_order_id: str
    venue_order_id: str
    at_ns: TimestampNs


class Fill(Message, frozen=True, kw_only=True):
    """A trade of ours, once per venue trade id. The fee is in atoms (10^-8) of `fee_asset`."""

    symbol: str
    parent_id: str
    client_order_id: str
    venue_order_id: str
    trade_id: str
    side: Side
    price_ticks: PriceTicks
    size_lots: SizeLots
    fee_atoms: Atoms
    fee_asset: str
    liquidity: Liquidity
    at_ns: TimestampNs


class Rejected(Message, frozen=True, kw_only=True):
    """The venue said no to a child order."""

    symbol: str
    parent_id: str
    client_order_id: str
    code: int
    reason: str
    at_ns: TimestampNs


class Done(Message, frozen=True, kw_only=True):
    """A parent order has ended: nothing of it rests or is in flight."""

    symbol: str
    parent_id: str
    ordered_lots: SizeLots
    filled_lots: SizeLots
    reason: str
    at_ns: TimestampNs


class CancelParent(Message, frozen=True, kw_only=True):
    """End a parent order: withdraw what rests, send no more of it."""

    symbol: str
    parent_id: str
    reason: str


class PositionReport(Message, frozen=True, kw_only=True):
    """What execution's ledger holds: the truth from which risk starts.

    `open_buy_lots` and `open_sell_lots` are still unfilled lots of live parents, UNKNOWN ones included;
    `cash_atoms` is of the quote asset, `base_atoms` of the base asset.
    """

    symbol: str
    position_lots: SizeLots
    base_atoms: Atoms
    cash_atoms: Atoms
    open_buy_lots: SizeLots
    open_sell_lots: SizeLots
    fees_quote_atoms: Atoms
    at_ns: TimestampNs

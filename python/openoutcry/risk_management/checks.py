"""The pre-trade checks, in order: small functions that say no, with the limit and the value that broke it."""

import math
from collections.abc import Callable
from typing import Final

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import OrderIntent, SizedOrder
from openoutcry.domain.units import BASIS_POINTS, PriceTicks, Side, TimestampNs, atoms_to_text
from openoutcry.risk_management.exposure import Exposure
from openoutcry.risk_management.limits import RiskLimits


class Refusal(msgspec.Struct, frozen=True):
    """Which check said no, its limit, and the value."""

    check: str
    limit: str
    value: str


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What an intent is judged by, at one moment.

    `instrument` and `exposure` are None for an unknown symbol. `last_reference_ticks` is a recent price, 0
    if there is none.
    """

    intent: OrderIntent
    limits: RiskLimits
    now_ns: TimestampNs
    instrument: Instrument | None
    exposure: Exposure | None
    halt_reason: str
    feed_state: str
    cool_down_until_ns: int
    is_duplicate: bool
    breaker_allows: bool
    recent_orders: int
    last_reference_ticks: PriceTicks
    daily_loss_atoms: int


class OrderContext(msgspec.Struct, frozen=True, kw_only=True):
    """A sized order, with all that is known about it."""

    context: Context
    order: SizedOrder
    instrument: Instrument
    exposure: Exposure

    @property
    def is_reducing(self) -> bool:
        """Filled whole, with all that is open on its side, it leaves no more than a part of the position."""
        order, position = self.order, self.exposure.position_lots
        lots = self.exposure.reserved_lots(order.side) + order.size_lots
        return lots <= (position if order.side == "sell" else -position)


IntentCheck = Callable[[Context], Refusal | None]
OrderCheck = Callable[[OrderContext], Refusal | None]


def not_halted(context: Context) -> Refusal | None:
    """No order while the halt is armed."""
    return Refusal("halt", "no halt", context.halt_reason) if context.halt_reason else None


def known_symbol(context: Context) -> Refusal | None:
    """Only instruments that the account was set up for."""
    return (
        Refusal("known_symbol", "configured symbols", context.intent.symbol)
        if context.instrument is None
        else None
    )


def usable_numbers(context: Context) -> Refusal | None:
    """Exposure in [-1, 1], volatility and candle length finite and in range, a positive reference price."""
    intent = context.intent
    if not -1.0 <= intent.exposure <= 1.0:
        return Refusal("exposure", "in [-1, 1]", repr(intent.exposure))
    if not (math.isfinite(intent.volatility) and intent.volatility >= 0):
        return Refusal("volatility", "finite, not negative", repr(intent.volatility))
    if not (math.isfinite(intent.candle_seconds) and intent.candle_seconds > 0):
        return Refusal("candle_seconds", "finite, positive", repr(intent.candle_seconds))
    if intent.reference_price_ticks <= 0:
        return Refusal("reference_price", "positive ticks", str(intent.reference_price_ticks))
    return Refusal("horizon", "not negative", str(intent.horizon_ns)) if intent.horizon_ns < 0 else None


def before_deadline(context: Context) -> Refusal | None:
    """An intent that comes too late is refused."""
    late_ns = context.now_ns - context.intent.deadline_ns
    return (
        Refusal("deadline", f"{context.intent.deadline_ns} ns", f"{late_ns} ns late") if late_ns > 0 else None
    )


def not_duplicate(context: Context) -> Refusal | None:
    """An intent is judged once."""
    return Refusal("duplicate_intent", "once", context.intent.id) if context.is_duplicate else None


def feed_is_live(context: Context) -> Refusal | None:
    """Only data that is known to be live permits new orders."""
    return Refusal("feed", "live", context.feed_state) if context.feed_state != "live" else None


def no_recent_alert(context: Context) -> Refusal | None:
    """After an anomaly, wait."""
    left_ns = context.cool_down_until_ns - context.now_ns
    limit = f"{context.limits.alert_cool_down_ns} ns after an alert"
    return Refusal("alert_cool_down", limit, f"{left_ns} ns left") if left_ns > 0 else None


def breaker_closed(context: Context) -> Refusal | None:
    """Not while the venue refuses one order after the other."""
    limit = f"{context.limits.max_rejects} rejects in {context.limits.reject_window_ns} ns"
    return None if context.breaker_allows else Refusal("circuit_breaker", limit, "open")


def position_known(context: Context) -> Refusal | None:
    """Nothing is sized on a position that execution has not reported."""
    known = context.exposure is not None and context.exposure.purse.is_known
    return None if known else Refusal("position_known", "reports and prices of all that is held", "not yet")


def order_rate(context: Context) -> Refusal | None:
    """So many orders in a window of time, and no more."""
    limit = f"{context.limits.max_orders} in {context.limits.order_rate_window_ns} ns"
    return (
        Refusal("order_rate", limit, str(context.recent_orders))
        if context.recent_orders >= context.limits.max_orders
        else None
    )


def reference_jump(context: Context) -> Refusal | None:
    """The reference price agrees with what was seen a moment ago."""
    last, now = context.last_reference_ticks, context.intent.reference_price_ticks
    if not last or abs(now - last) * BASIS_POINTS <= last * context.limits.reference_jump_bps:
        return None
    return Refusal(
        "reference_jump", f"{context.limits.reference_jump_bps} bps from {last} ticks", f"{now} ticks"
    )


def price_collar(given: OrderContext) -> Refusal | None:
    """The limit price lies near the reference."""
    reference, price = given.context.intent.reference_price_ticks, given.order.limit_price_ticks
    bps = given.context.limits.price_collar_bps
    if price > 0 and abs(price - reference) * BASIS_POINTS <= reference * bps:
        return None
    return Refusal("price_collar", f"{bps} bps from {reference} ticks", f"{price} ticks")


def no_opposite_order(given: OrderContext) -> Refusal | None:
    """Never buy and sell at the same time: our orders could trade with each other."""
    opposite: Side = "sell" if given.order.side == "buy" else "buy"
    lots = given.exposure.reserved_lots(opposite)
    return Refusal("opposite_order", f"no open {opposite}", f"{lots} lots") if lots else None


def sellable_size(given: OrderContext) -> Refusal | None:
    """Sell only what is held and not being sold already."""
    if given.order.side == "buy" or given.order.size_lots <= given.exposure.sellable_lots:
        return None
    return Refusal("sellable_size", f"{given.exposure.sellable_lots} lots", f"{given.order.size_lots} lots")


def venue_size(given: OrderContext) -> Refusal | None:
    """The venue's own limits for an order's size."""
    low, high = given.instrument.min_size_lots, given.instrument.max_size_lots
    if low <= given.order.size_lots <= high:
        return None
    return Refusal("venue_size", f"{low} to {high} lots", f"{given.order.size_lots} lots")


def min_notional(given: OrderContext) -> Refusal | None:
    """The venue takes no order worth less."""
    worth = _worth(given)
    limit = given.instrument.min_notional_atoms
    return Refusal("min_notional", atoms_to_text(limit), atoms_to_text(worth)) if worth < limit else None


def max_order_notional(given: OrderContext) -> Refusal | None:
    """The most that one order may be worth."""
    worth, limit = _worth(given), given.context.limits.max_order_notional_atoms
    return (
        Refusal("max_order_notional", atoms_to_text(limit), atoms_to_text(worth)) if worth > limit else None
    )


def max_position_notional(given: OrderContext) -> Refusal | None:
    """The most that the position may be worth, if all open orders that enlarge it are filled."""
    if given.is_reducing:
        return None
    worth = _worst_notional(given)
    limit = given.context.limits.max_position_notional_atoms
    return (
        Refusal("max_position_notional", atoms_to_text(limit), atoms_to_text(worth))
        if worth > limit
        else None
    )


def daily_loss(given: OrderContext) -> Refusal | None:
    """After the day's loss limit, only orders that make the position smaller."""
    loss, limit = given.context.daily_loss_atoms, given.context.limits.max_daily_loss_atoms
    if given.is_reducing or loss <= limit:
        return None
    return Refusal("daily_loss", atoms_to_text(limit), atoms_to_text(loss))


def cash_available(given: OrderContext) -> Refusal | None:
    """Cash pays for this order, the open purchases and their fees, and leaves the reserve."""
    if given.order.side == "sell" or given.instrument.is_contract:
        return None
    limits, exposure = given.context.limits, given.exposure
    others = exposure.purse.reserved_cash_atoms() - exposure.reserved_cash_atoms(exposure.mark_ticks)
    spent = _worth(given) + others + exposure.reserved_cash_atoms(given.order.limit_price_ticks)
    needed = spent + -(-spent * limits.fee_bps // BASIS_POINTS) + limits.cash_reserve_atoms
    cash = exposure.cash_atoms
    return (
        Refusal("cash", atoms_to_text(cash), f"{atoms_to_text(needed)} with fees and reserve")
        if needed > cash
        else None
    )


def margin_available(given: OrderContext) -> Refusal | None:
    """The account's value carries all contracts, whichever open orders are filled, within the leverage."""
    if given.instrument.kind == "spot" or given.is_reducing:
        return None
    limits, purse, exposure = given.context.limits, given.exposure.purse, given.exposure
    others = purse.worst_notional_atoms() - exposure.worst_notional_atoms(exposure.mark_ticks)
    worth = others + _worst_notional(given)
    needed = math.ceil(worth / limits.max_leverage) + -(-worth * limits.fee_bps // BASIS_POINTS)
    equity = purse.equity_atoms() - limits.cash_reserve_atoms
    return (
        Refusal("margin", atoms_to_text(equity), f"{atoms_to_text(needed)} with fees")
        if needed > equity
        else None
    )


def _worst_notional(given: OrderContext) -> int:
    order = given.order
    buying, selling = (order.size_lots, 0) if order.side == "buy" else (0, order.size_lots)
    return given.exposure.worst_notional_atoms(order.limit_price_ticks, buying=buying, selling=selling)


def _worth(given: OrderContext) -> int:
    return given.instrument.notional_atoms(given.order.limit_price_ticks, given.order.size_lots)


INTENT_CHECKS: Final[tuple[IntentCheck, ...]] = (
    not_halted,
    not_duplicate,
    known_symbol,
    usable_numbers,
    before_deadline,
    feed_is_live,
    no_recent_alert,
    breaker_closed,
    position_known,
    order_rate,
    reference_jump,
)
ORDER_CHECKS: Final[tuple[OrderCheck, ...]] = (
    price_collar,
    no_opposite_order,
    sellable_size,
    venue_size,
    min_notional,
    max_order_notional,
    max_position_notional,
    daily_loss,
    cash_available,
    margin_available,
)

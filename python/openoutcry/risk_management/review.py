"""The review of an intent: the one place where an `Approved` is made."""

import math
from collections.abc import Callable, Sequence

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import (
    NO_TRADE_BAND,
    Approved,
    OrderIntent,
    PositionReport,
    SizedOrder,
    approved_id,
)
from openoutcry.domain.units import BASIS_POINTS, Atoms, Side, SizeLots, TimestampNs
from openoutcry.risk_management import sizing
from openoutcry.risk_management.checks import INTENT_CHECKS, ORDER_CHECKS, Context, OrderContext, Refusal
from openoutcry.risk_management.exposure import Exposure

Veto = Callable[[OrderIntent, SizedOrder, PositionReport], str | None]
"""Says why an order shall not go out, or None. One that raises has said no."""


def review(context: Context, vetoes: Sequence[Veto] = ()) -> Approved | Refusal:
    """Check, size, check again, ask the vetoes; the first no ends it."""
    for check in INTENT_CHECKS:
        refusal = check(context)
        if refusal is not None:
            return refusal
    instrument, exposure = context.instrument, context.exposure
    if instrument is None or exposure is None:  # said by the checks already; here for the types
        return Refusal("known_symbol", "configured symbols", context.intent.symbol)
    order = size(context, instrument, exposure)
    if isinstance(order, Refusal):
        return order
    given = OrderContext(context=context, order=order, instrument=instrument, exposure=exposure)
    for order_check in ORDER_CHECKS:
        refusal = order_check(given)
        if refusal is not None:
            return refusal
    refusal = _ask(vetoes, given) if vetoes else None
    if refusal is not None:
        return refusal
    intent = context.intent
    return Approved(id=approved_id(intent.id), cause_id=intent.id, intent=intent, order=order)


def size(context: Context, instrument: Instrument, exposure: Exposure) -> SizedOrder | Refusal:
    """The order that brings the position to the wanted share of a full one.

    Target semantics: target = exposure · full position, towards 0, and never below 0 of what cannot be sold
    short; the order is the target less what is held and what open orders will bring. Sales are limited to
    what can be sold, orders to the most that one may be worth. Within the no-trade band nothing is done,
    except that the last lots may always be closed.
    """
    intent, limits = context.intent, context.limits
    share = sizing.weight(intent.volatility, intent.candle_seconds, limits)
    price = intent.reference_price_ticks
    dearest = sizing.limit_price_ticks(
        price, "buy", limits
    )  # a full position fits its cap even at this price
    full = sizing.full_position_lots(exposure.purse.equity_atoms(), share, dearest, instrument, limits)
    lowest = -1.0 if instrument.is_contract else 0.0
    target = math.trunc(max(intent.exposure, lowest) * full)
    if full < 1 and intent.exposure:
        return Refusal("full_position", "at least 1 lot", f"less than 1 lot at {price} ticks")
    expected = exposure.position_lots + exposure.reserved_lots("buy") - exposure.reserved_lots("sell")
    delta = target - expected
    band = full * limits.no_trade_band_bps // BASIS_POINTS
    if delta == 0 or (abs(delta) <= band and target != 0):
        return Refusal(NO_TRADE_BAND, f"more than {band} lots", f"{delta} lots")
    side: Side = "buy" if delta > 0 else "sell"
    limit_price = sizing.limit_price_ticks(price, side, limits)
    if limit_price <= 0:
        return Refusal("price_collar", "a positive limit price", f"{limit_price} ticks")
    largest = min(
        limits.max_order_notional_atoms // instrument.notional_atoms(limit_price, 1), instrument.max_size_lots
    )
    lots = min(abs(delta), largest)
    if side == "sell":
        lots = min(lots, exposure.sellable_lots)
        if lots <= 0:
            return Refusal("sellable_size", "1 lot", f"{exposure.sellable_lots} lots can be sold")
    return SizedOrder(
        symbol=intent.symbol,
        side=side,
        size_lots=SizeLots(lots),
        limit_price_ticks=limit_price,
        style=intent.style,
        horizon_ns=intent.horizon_ns,
        deadline_ns=TimestampNs(context.now_ns + intent.horizon_ns + limits.order_slack_ns),
    )


def _ask(vetoes: Sequence[Veto], given: OrderContext) -> Refusal | None:
    """Ask whoever may refuse an order; an error is a refusal, not a pass."""
    context = given.context
    report = position_report(given.exposure, context.now_ns)
    for veto in vetoes:
        name = getattr(veto, "__qualname__", type(veto).__name__)
        try:
            reason = veto(context.intent, given.order, report)
        except Exception as error:  # noqa: BLE001  foreign code: whatever it raises, the order does not pass
            return Refusal("veto", name, f"raised {type(error).__name__}: {error}")
        if reason is not None:
            return Refusal("veto", name, reason)
    return None


def position_report(exposure: Exposure, now_ns: TimestampNs) -> PositionReport:
    """What risk believes, in the form in which execution reports it."""
    symbol = exposure.instrument.symbol
    return PositionReport(
        id=f"risk:{symbol}:position:{now_ns}",
        symbol=symbol,
        position_lots=exposure.position_lots,
        base_atoms=Atoms(exposure.base_atoms),
        cash_atoms=Atoms(exposure.cash_atoms),
        open_buy_lots=exposure.reserved_lots("buy"),
        open_sell_lots=exposure.reserved_lots("sell"),
        fees_quote_atoms=Atoms(exposure.fees_quote_atoms),
        at_ns=now_ns,
    )

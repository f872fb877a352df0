"""Binance's words on our orders, as OrderReports in exact integers.

Four forms say the same in different names: the execution report of the user stream, the answer to an
order, to a cancel and to a query. Numbers come as decimal text and never become floats.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import OrderState
from openoutcry.domain.units import NS_PER_MS, Atoms, PriceTicks, Side, SizeLots, TimestampNs, atoms_from_text
from openoutcry.execution.commands import OrderReport

STATES: Final[dict[str, OrderState]] = {
    "NEW": "ACCEPTED",
    "PENDING_NEW": "ACCEPTED",
    "PENDING_CANCEL": "ACCEPTED",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED",
    "FILLED": "FILLED",
    "CANCELED": "CANCELED",
    "REJECTED": "REJECTED",
    "EXPIRED": "EXPIRED",
    "EXPIRED_IN_MATCH": "EXPIRED",
}
SIDES: Final[dict[str, Side]] = {"BUY": "buy", "SELL": "sell"}
NO_REASON: Final = "NONE"


class ExecutionReport(msgspec.Struct, frozen=True):
    """The user stream's `executionReport`, under the venue's own names."""

    s: str  # symbol
    c: str  # client order id; of the cancel itself if one was sent
    S: str  # side
    q: str  # size
    p: str  # limit price
    x: str  # execution type
    X: str  # order status
    i: int  # order id
    l: str  # size of this trade  # noqa: E741  the venue's name
    z: str  # filled size
    L: str  # price of this trade
    T: int  # transaction time, ms
    t: int = -1  # trade id
    C: str = ""  # the order's own client order id, when `c` is the cancel's
    r: str = NO_REASON  # reject reason
    n: str | None = None  # commission
    N: str | None = None  # commission asset
    m: bool = False  # maker


class OrderReply(msgspec.Struct, frozen=True, rename="camel"):
    """The REST reply to an order, a cancel or a query."""

    symbol: str
    order_id: int
    client_order_id: str
    price: str
    orig_qty: str
    executed_qty: str
    status: str
    side: str
    orig_client_order_id: str = ""  # in the reply to a cancel: the order's own
    transact_time: int = 0  # ms
    update_time: int = 0  # ms
    time: int = 0  # ms


class TradeReply(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `myTrades`."""

    id: int
    order_id: int
    price: str
    qty: str
    commission: str
    commission_asset: str
    time: int  # ms
    is_maker: bool


class _Envelope(msgspec.Struct):
    event: msgspec.Raw


class _EventName(msgspec.Struct):
    e: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_event_name = msgspec.json.Decoder(_EventName)
_execution_report = msgspec.json.Decoder(ExecutionReport)


def event_of(frame: bytes) -> tuple[str, bytes]:
    """The name and the body of a user-stream event, or ("", …) if the frame is none.

    The ws-api wraps events in `{"subscriptionId": …, "event": …}`.
    """
    body = frame
    if b'"event"' in frame:
        try:
            body = bytes(_envelope.decode(frame).event)
        except msgspec.DecodeError:
            return "", frame
    try:
        return _event_name.decode(body).e, body
    except msgspec.DecodeError:
        return "", frame


def from_execution_report(body: bytes, instrument: Instrument) -> OrderReport | None:
    """Read an executionReport; None if it is of another symbol.

    Raises:
        InvalidInputError: it cannot be read exactly.
    """
    report = _decode(_execution_report, body, "execution report")
    if report.s != instrument.venue_symbol:
        return None
    is_trade = report.x == "TRADE"
    return OrderReport(
        symbol=instrument.symbol,
        client_order_id=report.C or report.c,
        venue_order_id=str(report.i),
        state=_state(report.X),
        side=_side(report.S),
        price_ticks=instrument.price_ticks(report.p),
        size_lots=instrument.size_lots(report.q),
        filled_lots=instrument.size_lots(report.z),
        at_ns=_ns(report.T),
        trade_id=str(report.t) if is_trade else "",
        last_price_ticks=instrument.price_ticks(report.L) if is_trade else PriceTicks(0),
        last_lots=instrument.size_lots(report.l) if is_trade else SizeLots(0),
        fee_atoms=_fee(report.n) if is_trade else Atoms(0),
        fee_asset=(report.N or "") if is_trade else "",
        liquidity="maker" if is_trade and report.m else "taker",
        reason="" if report.r == NO_REASON else report.r,
    )


def from_order_reply(reply: OrderReply, instrument: Instrument) -> OrderReport:
    """Read the state of an order from a REST reply."""
    return OrderReport(
        symbol=instrument.symbol,
        client_order_id=reply.orig_client_order_id or reply.client_order_id,
        venue_order_id=str(reply.order_id),
        state=_state(reply.status),
        side=_side(reply.side),
        price_ticks=instrument.price_ticks(reply.price),
        size_lots=instrument.size_lots(reply.orig_qty),
        filled_lots=instrument.size_lots(reply.executed_qty),
        at_ns=_ns(reply.transact_time or reply.update_time or reply.time),
    )


def from_trades(
    order: OrderReport, trades: Iterable[TradeReply], instrument: Instrument
) -> list[OrderReport]:
    """One report a trade of an order, in the order of the trades' ids, with the size filled so far."""
    reports: list[OrderReport] = []
    filled = 0
    for trade in sorted(trades, key=lambda trade: trade.id):
        lots = instrument.size_lots(trade.qty)
        filled += lots
        reports.append(
            msgspec.structs.replace(
                order,
                state="FILLED" if filled >= order.size_lots else "PARTIALLY_FILLED",
                filled_lots=SizeLots(filled),
                at_ns=_ns(trade.time),
                trade_id=str(trade.id),
                last_price_ticks=instrument.price_ticks(trade.price),
                last_lots=lots,
                fee_atoms=_fee(trade.commission),
                fee_asset=trade.commission_asset,
                liquidity="maker" if trade.is_maker else "taker",
            )
        )
    return reports


def decode_reply(body: bytes, kind: type[Any], what: str) -> Any:
    """Read a REST reply's body.

    Raises:
        InvalidInputError: it is not what the venue documents.
    """
    return _decode(msgspec.json.Decoder(kind), body, what)


def _decode(decoder: Any, body: bytes, what: str) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{what} of {len(body)} bytes cannot be read: {error}") from None


def _state(status: str) -> OrderState:
    try:
        return STATES[status]
    except KeyError:
        raise InvalidInputError(
            f"order status {status!r} is unknown; known are {', '.join(STATES)}"
        ) from None


def _side(text: str) -> Side:
    try:
        return SIDES[text]
    except KeyError:
        raise InvalidInputError(f"side {text!r} is unknown; known are BUY and SELL") from None


def _ns(time_ms: int) -> TimestampNs:
    return TimestampNs(time_ms * NS_PER_MS)


def _fee(text: str | None) -> Atoms:
    return atoms_from_text(text, what="commission") if text is not None else Atoms(0)

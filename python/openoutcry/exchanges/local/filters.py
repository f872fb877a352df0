"""An order request's parameters, checked as the venue checks them, on the instrument's grid."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, cast

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import TimeInForce
from openoutcry.domain.units import ATOMS_PER_UNIT, PriceTicks, Side, SizeLots, atoms_to_text
from openoutcry.exchanges.local import venue_errors

OrderType = Literal["LIMIT", "LIMIT_MAKER", "MARKET"]
ResponseType = Literal["ACK", "RESULT", "FULL"]

MAX_PRICE_UNITS: Final = 1_000_000  # PRICE_FILTER's maxPrice, in the quote asset
MAX_OPEN_ORDERS: Final = 200  # MAX_NUM_ORDERS
PRECISION: Final = 8  # decimals of a price or quantity

ORDER_TYPES: Final = ("LIMIT", "LIMIT_MAKER", "MARKET")
TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK")

_NUMBER: Final = re.compile(r"([0-9]{1,20})(\.[0-9]{1,20})?")
_NUMBER_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9-_]{1,36}")
_CLIENT_ID_RANGE: Final = "^[a-zA-Z0-9-_]{1,36}$"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new order that passed every check that needs no balance. `price_ticks` is None for MARKET."""

    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price_ticks: PriceTicks | None
    size_lots: SizeLots
    client_order_id: str  # empty: the venue chooses one
    response_type: ResponseType


def check_symbol(parameters: Mapping[str, str], instrument: Instrument) -> None:
    """Raises RequestRefusedError unless the one listed symbol is asked for."""
    symbol = _required(parameters, "symbol")
    if symbol != instrument.venue_symbol:
        raise venue_errors.invalid_symbol()


def check_order(
    parameters: Mapping[str, str], instrument: Instrument, *, market_price_ticks: int | None
) -> OrderRequest:
    """Read a new order. `market_price_ticks` values a market order for the NOTIONAL filter.

    Raises:
        RequestRefusedError: with the venue's code and text.
    """
    check_symbol(parameters, instrument)
    side = _choice(parameters, "side", ("BUY", "SELL"))
    order_type = cast("OrderType", _choice(parameters, "type", ORDER_TYPES, error_name="orderType"))
    time_in_force = _time_in_force(parameters, order_type)
    price_ticks = _price(parameters, order_type, instrument)
    size_lots = _size(parameters, order_type, instrument)
    valued_at = price_ticks if price_ticks is not None else market_price_ticks
    if (
        valued_at is not None
        and instrument.notional_atoms(valued_at, size_lots) < instrument.min_notional_atoms
    ):
        raise venue_errors.filter_failure("NOTIONAL")
    return OrderRequest(
        side="buy" if side == "BUY" else "sell",
        order_type=order_type,
        time_in_force=time_in_force,
        price_ticks=price_ticks,
        size_lots=size_lots,
        client_order_id=client_order_id(parameters, "newClientOrderId"),
        response_type=_response_type(parameters, order_type),
    )


def client_order_id(parameters: Mapping[str, str], name: str) -> str:
    """A client order id, or "" if none was sent. Raises RequestRefusedError if it is malformed."""
    text = parameters.get(name, "")
    if text and not _CLIENT_ID.fullmatch(text):
        raise venue_errors.illegal_characters(name, _CLIENT_ID_RANGE)
    return text


def exchange_filters(instrument: Instrument) -> list[dict[str, object]]:
    """The filters as exchangeInfo shows them: those that `check_order` and the venue enforce."""
    step = format(instrument.step.quantize(_EIGHT_PLACES), "f")
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": format(instrument.tick.quantize(_EIGHT_PLACES), "f"),
            "maxPrice": atoms_to_text(MAX_PRICE_UNITS * ATOMS_PER_UNIT),
            "tickSize": format(instrument.tick.quantize(_EIGHT_PLACES), "f"),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": atoms_to_text(instrument.min_size_lots * instrument.base_atoms_per_lot),
            "maxQty": atoms_to_text(instrument.max_size_lots * instrument.base_atoms_per_lot),
            "stepSize": step,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": atoms_to_text(instrument.min_notional_atoms),
            "applyMinToMarket": True,
            "maxNotional": atoms_to_text(
                MAX_PRICE_UNITS * instrument.max_size_lots * instrument.base_atoms_per_lot
            ),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MAX_OPEN_ORDERS},
    ]


_EIGHT_PLACES: Final = Decimal(1).scaleb(-PRECISION)


def _required(parameters: Mapping[str, str], name: str) -> str:
    text = parameters.get(name)
    if not text:
        raise venue_errors.missing_parameter(name)
    return text


def _choice(
    parameters: Mapping[str, str], name: str, choices: tuple[str, ...], *, error_name: str | None = None
) -> str:
    text = _required(parameters, name)
    if text not in choices:
        raise venue_errors.invalid_choice(error_name or name)
    return text


def _time_in_force(parameters: Mapping[str, str], order_type: OrderType) -> TimeInForce:
    if order_type == "LIMIT":
        return cast("TimeInForce", _choice(parameters, "timeInForce", TIMES_IN_FORCE))
    if "timeInForce" in parameters:
        raise venue_errors.unwanted_parameter("timeInForce")
    return "GTC"


def _decimal(parameters: Mapping[str, str], name: str) -> Decimal:
    text = _required(parameters, name)
    if not _NUMBER.fullmatch(text):
        raise venue_errors.illegal_characters(name, _NUMBER_RANGE)
    if len(text.partition(".")[2].rstrip("0")) > PRECISION:
        raise venue_errors.too_precise(name)
    return Decimal(text)


def _price(parameters: Mapping[str, str], order_type: OrderType, instrument: Instrument) -> PriceTicks | None:
    if order_type == "MARKET":
        if "price" in parameters:
            raise venue_errors.unwanted_parameter("price")
        return None
    price = _decimal(parameters, "price")
    ticks, off_grid = divmod(price, instrument.tick)
    if off_grid or ticks < 1 or price > MAX_PRICE_UNITS:
        raise venue_errors.filter_failure("PRICE_FILTER")
    return PriceTicks(int(ticks))


def _size(parameters: Mapping[str, str], order_type: OrderType, instrument: Instrument) -> SizeLots:
    if "quoteOrderQty" in parameters:
        if order_type != "MARKET":
            raise venue_errors.unwanted_parameter("quoteOrderQty")
        raise venue_errors.quote_quantity_unsupported()
    quantity = _decimal(parameters, "quantity")
    if not quantity:
        raise venue_errors.invalid_quantity()
    lots, off_grid = divmod(quantity, instrument.step)
    if off_grid or not instrument.min_size_lots <= lots <= instrument.max_size_lots:
        raise venue_errors.filter_failure("LOT_SIZE")
    return SizeLots(int(lots))


def _response_type(parameters: Mapping[str, str], order_type: OrderType) -> ResponseType:
    default = "ACK" if order_type == "LIMIT_MAKER" else "FULL"
    text = parameters.get("newOrderRespType", default)
    if text not in ("ACK", "RESULT", "FULL"):
        raise venue_errors.illegal_characters("newOrderRespType", "^(ACK|RESULT|FULL)$")
    return cast("ResponseType", text)

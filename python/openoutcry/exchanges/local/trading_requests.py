"""What REST and the WebSocket API have in common: signed requests as parameters in, the venue's JSON out."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from openoutcry.domain.units import NS_PER_S
from openoutcry.exchanges.local import venue_errors
from openoutcry.exchanges.local.faults import FaultBoard
from openoutcry.exchanges.local.filters import check_order, check_symbol, client_order_id
from openoutcry.exchanges.local.orders import VenueOrder
from openoutcry.exchanges.local.venue import Venue

MS_PER_S: Final = 1_000
NS_PER_MS: Final = NS_PER_S // MS_PER_S
DEFAULT_LIST_LIMIT: Final = 500
MAX_LIST_LIMIT: Final = 1_000

Parameters = Mapping[str, str]
Body = dict[str, object]


class TradingRequests:
    """Orders and account, asked for by parameters. Every method may raise RequestRefusedError."""

    def __init__(self, venue: Venue, faults: FaultBoard, now_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._faults = faults
        self._now_ms = now_ms

    async def place(self, parameters: Parameters) -> Body:
        """A new order. The faults of the order path strike here."""
        if self._faults.take("error_429"):
            raise venue_errors.too_many_requests()
        if self._faults.take("reject"):
            raise venue_errors.not_permitted()
        top = self._venue.core.top()
        side_price = None if top is None else top[2 if parameters.get("side") == "BUY" else 0]
        request = check_order(parameters, self._venue.instrument, market_price_ticks=side_price)
        order = self._venue.place(request, self._now_ms())
        body = self._venue.wire.placed(order, request.response_type)
        if self._faults.take("error_5xx"):
            raise venue_errors.execution_unknown()
        if slow := self._faults.take("slow_ack"):
            await asyncio.sleep(slow.delay_ms / MS_PER_S)
        return body

    async def cancel(self, parameters: Parameters) -> Body:
        """Withdraw one order."""
        if self._faults.take("error_429"):
            raise venue_errors.too_many_requests()
        order = self._find(parameters)
        if order is None:
            raise venue_errors.unknown_order()
        cancel_id = client_order_id(parameters, "newClientOrderId")
        return self._canceled(order, cancel_id)

    async def cancel_all(self, parameters: Parameters) -> list[Body]:
        """Withdraw every order; -2011 if there is none, as Binance answers."""
        check_symbol(parameters, self._venue.instrument)
        orders = self._venue.open_orders
        if not orders:
            raise venue_errors.unknown_order()
        return [self._canceled(order, "") for order in orders]

    async def query(self, parameters: Parameters) -> Body:
        """One order."""
        order = self._find(parameters)
        if order is None:
            raise venue_errors.no_such_order()
        return self._venue.wire.queried(order)

    async def open_orders(self, parameters: Parameters) -> list[Body]:
        """What rests."""
        if "symbol" in parameters:
            check_symbol(parameters, self._venue.instrument)
        return [self._venue.wire.queried(order) for order in self._venue.open_orders]

    async def all_orders(self, parameters: Parameters) -> list[Body]:
        """Orders from an id on, or the newest."""
        check_symbol(parameters, self._venue.instrument)
        limit = list_limit(parameters)
        first_id = whole_number(parameters, "orderId")
        orders = list(self._venue.orders.values())
        chosen = (
            orders[-limit:]
            if first_id is None
            else [each for each in orders if each.order_id >= first_id][:limit]
        )
        return [self._venue.wire.queried(order) for order in chosen]

    async def own_trades(self, parameters: Parameters) -> list[Body]:
        """Our trades: of an order, from an id on, or the newest."""
        check_symbol(parameters, self._venue.instrument)
        limit = list_limit(parameters)
        first_id = whole_number(parameters, "fromId")
        trades = list(self._venue.trades_of(whole_number(parameters, "orderId"), first_id or 0))
        chosen = trades[-limit:] if first_id is None else trades[:limit]
        return [self._venue.wire.own_trade(trade) for trade in chosen]

    async def account(self, parameters: Parameters) -> Body:
        """Balances and fees."""
        del parameters  # none of them matters
        return self._venue.wire.account(self._venue.account, self._now_ms())

    def _canceled(self, order: VenueOrder, cancel_id: str) -> Body:
        cancel_id = self._venue.cancel(order, cancel_id, self._now_ms())
        return self._venue.wire.canceled(order, cancel_id)

    def _find(self, parameters: Parameters) -> VenueOrder | None:
        check_symbol(parameters, self._venue.instrument)
        order_id = whole_number(parameters, "orderId")
        client_id = client_order_id(parameters, "origClientOrderId")
        if order_id is None and not client_id:
            raise venue_errors.missing_either("origClientOrderId", "orderId")
        return self._venue.find(order_id, client_id)


def whole_number(parameters: Parameters, name: str) -> int | None:
    """A parameter that is a whole number, or None if it was not sent."""
    text = parameters.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(2**63)):
        raise venue_errors.illegal_characters(name, "^[0-9]{1,20}$")
    return int(text)


def list_limit(
    parameters: Parameters, *, default: int = DEFAULT_LIST_LIMIT, most: int = MAX_LIST_LIMIT
) -> int:
    """The `limit` of a list, cut to what the venue gives at most."""
    limit = whole_number(parameters, "limit")
    if limit == 0:
        raise venue_errors.missing_parameter("limit")
    return min(limit or default, most)

"""The REST API: public market data, and signed requests on orders and the account."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from openoutcry.domain.units import ATOMS_PER_UNIT, atoms_from_text, atoms_to_text
from openoutcry.exchanges.local import venue_errors
from openoutcry.exchanges.local.filters import ORDER_TYPES, check_symbol, exchange_filters
from openoutcry.exchanges.local.signing import Gate, unsigned_part
from openoutcry.exchanges.local.tape import MarketTape
from openoutcry.exchanges.local.trading_requests import TradingRequests, list_limit, whole_number
from openoutcry.exchanges.local.venue import Venue
from openoutcry.exchanges.local.venue_errors import HTTP_TOO_MANY_REQUESTS, RequestRefusedError

MAX_DEPTH_LEVELS: Final = 5_000
DEFAULT_DEPTH_LEVELS: Final = 100
RETRY_AFTER_S: Final = 1

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_response(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json", headers=headers
    )


@web.middleware
async def refusals_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer refused requests with the venue's error body, and unknown paths with -1020."""
    try:
        return await handler(request)
    except RequestRefusedError as error:
        is_limit = error.status == HTTP_TOO_MANY_REQUESTS
        headers = {"Retry-After": str(RETRY_AFTER_S)} if is_limit else None
        return json_response(error.body, status=error.status, headers=headers)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        refusal = venue_errors.unsupported_operation()
        return json_response(refusal.body, status=refusal.status)


class RestApi:
    """`/api/v3` of the local exchange."""

    def __init__(
        self, venue: Venue, tape: MarketTape, trading: TradingRequests, gate: Gate, now_ms: Callable[[], int]
    ) -> None:
        self._venue = venue
        self._tape = tape
        self._trading = trading
        self._gate = gate
        self._now_ms = now_ms

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the endpoints in their places."""
        public = {
            "ping": self._ping,
            "time": self._time,
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._trades,
            "historicalTrades": self._trades,
            "aggTrades": self._aggregate_trades,
            "ticker/24hr": self._day_ticker,
            "ticker/bookTicker": self._book_ticker,
        }
        for path, handler in public.items():
            router.add_get(f"/api/v3/{path}", handler)
        trading = self._trading
        signed: list[tuple[str, str, Callable[[dict[str, str]], Awaitable[object]]]] = [
            ("GET", "account", trading.account),
            ("POST", "order", trading.place),
            ("DELETE", "order", trading.cancel),
            ("GET", "order", trading.query),
            ("GET", "openOrders", trading.open_orders),
            ("DELETE", "openOrders", trading.cancel_all),
            ("GET", "allOrders", trading.all_orders),
            ("GET", "myTrades", trading.own_trades),
        ]
        for method, path, answer in signed:
            router.add_route(method, f"/api/v3/{path}", self._signed(answer))

    def _signed(self, answer: Callable[[dict[str, str]], Awaitable[object]]) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            query, form = request.rel_url.raw_query_string, await request.text()
            parameters = dict(
                parse_qsl(query, keep_blank_values=True) + parse_qsl(form, keep_blank_values=True)
            )
            payload = unsigned_part(query) + unsigned_part(form)
            self._gate.check_signed(request.headers.get("X-MBX-APIKEY"), payload, parameters, self._now_ms())
            return json_response(await answer(parameters))

        return handle

    async def _ping(self, _: web.Request) -> web.Response:
        return json_response({})

    async def _time(self, _: web.Request) -> web.Response:
        return json_response({"serverTime": self._now_ms()})

    async def _exchange_info(self, request: web.Request) -> web.Response:
        if "symbol" in request.query:
            check_symbol(request.query, self._venue.instrument)
        instrument = self._venue.instrument
        symbol = {
            "symbol": instrument.venue_symbol,
            "status": "TRADING",
            "baseAsset": instrument.base,
            "baseAssetPrecision": 8,
            "quoteAsset": instrument.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": False,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": exchange_filters(instrument),
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_TAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER"],
        }
        head = {"timezone": "UTC", "serverTime": self._now_ms(), "rateLimits": [], "exchangeFilters": []}
        return json_response(head | {"symbols": [symbol]})

    async def _depth(self, request: web.Request) -> web.Response:
        check_symbol(request.query, self._venue.instrument)
        limit = list_limit(request.query, default=DEFAULT_DEPTH_LEVELS, most=MAX_DEPTH_LEVELS)
        return web.Response(body=self._venue.core.snapshot(limit), content_type="application/json")

    async def _trades(self, request: web.Request) -> web.Response:
        check_symbol(request.query, self._venue.instrument)
        first_id = (
            whole_number(request.query, "fromId") if request.path.endswith("historicalTrades") else None
        )
        trades = self._tape.trades(list_limit(request.query), first_id)
        return json_response(
            [
                {
                    "id": trade.trade_id,
                    "price": trade.price,
                    "qty": trade.quantity,
                    "quoteQty": _product(trade.price, trade.quantity),
                    "time": trade.at_ms,
                    "isBuyerMaker": trade.is_buyer_maker,
                    "isBestMatch": True,
                }
                for trade in trades
            ]
        )

    async def _aggregate_trades(self, request: web.Request) -> web.Response:
        """Every trade is its own aggregate here: a recording does not say which belonged together."""
        check_symbol(request.query, self._venue.instrument)
        trades = self._tape.trades(list_limit(request.query), whole_number(request.query, "fromId"))
        return json_response(
            [
                {
                    "a": trade.trade_id,
                    "p": trade.price,
                    "q": trade.quantity,
                    "f": trade.trade_id,
                    "l": trade.trade_id,
                    "T": trade.at_ms,
                    "m": trade.is_buyer_maker,
                    "M": True,
                }
                for trade in trades
            ]
        )

    async def _day_ticker(self, request: web.Request) -> web.Response:
        check_symbol(request.query, self._venue.instrument)
        return json_response({**self._top(), **self._tape.day_figures()})

    async def _book_ticker(self, request: web.Request) -> web.Response:
        check_symbol(request.query, self._venue.instrument)
        return json_response(self._top())

    def _top(self) -> dict[str, str]:
        wire = self._venue.wire
        bid_ticks, bid_lots, ask_ticks, ask_lots = self._venue.core.top() or (0, 0, 0, 0)
        return {
            "symbol": self._venue.instrument.venue_symbol,
            "bidPrice": wire.price(bid_ticks),
            "bidQty": wire.size(bid_lots),
            "askPrice": wire.price(ask_ticks),
            "askQty": wire.size(ask_lots),
        }


def _product(price: str, quantity: str) -> str:
    """Price times quantity, cut to eight decimals."""
    atoms = atoms_from_text(price, what="price") * atoms_from_text(quantity, what="quantity")
    return atoms_to_text(atoms // ATOMS_PER_UNIT)

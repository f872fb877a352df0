"""A socket server that answers exactly what a test says, down to half a reply."""

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

from openoutcry.exchanges.venue_settings import VenueSettings

EXCHANGE_INFO = {
    "timezone": "UTC",
    "serverTime": 1,
    "rateLimits": [],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": base + "USDT",
            "status": "TRADING",
            "baseAsset": base,
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "permissions": ["SPOT"],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01",
                    "maxPrice": "1000000",
                    "tickSize": "0.01000000",
                },
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
            ],
        }
        for base in ("BTC", "ETH")
    ],
}


class RawVenue:
    """Answers by path. An answer is (status, body), or a coroutine function that writes to the transport."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        self.sockets = asyncio.Queue()  # each socket that a client opened, with its first message

    async def on_request(self, request):
        form = dict(await request.post()) if request.method == "POST" else {}
        self.requests.append((request.method, request.path, {**dict(request.query), **form}))
        if request.path == "/api/v3/exchangeInfo":
            return web.json_response(EXCHANGE_INFO)
        if request.path == "/api/v3/time":
            return web.json_response({"serverTime": 1_700_000_000_123})
        answer = self.answers[request.path]
        if callable(answer):
            return await answer(request)
        status, body = answer
        return web.Response(status=status, text=body, content_type="application/json")

    async def on_socket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        first = json.loads(await socket.receive_str())
        await self.sockets.put((socket, first))
        async for message in socket:  # until either side closes
            if message.type == WSMsgType.ERROR:
                break
        return socket


@asynccontextmanager
async def raw_venue(**changes):
    """A raw venue on loopback and settings that point at it."""
    venue = RawVenue()
    app = web.Application()
    app.router.add_get("/stream/ws/{index}", venue.on_socket)
    app.router.add_get("/ws-api/v3", venue.on_socket)
    app.router.add_route("*", "/api/v3/{rest:.*}", venue.on_request)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host = f"127.0.0.1:{runner.addresses[0][1]}"
    settings = VenueSettings(
        **{
            "rest_url": f"http://{host}",
            "stream_url": f"ws://{host}/stream/ws",
            "ws_api_url": f"ws://{host}/ws-api/v3",
            "limit_request_rate": False,
            "backoff_first_ms": 1,
            "backoff_max_ms": 4,
            **changes,
        }
    )
    try:
        yield venue, settings
    finally:
        await runner.cleanup()

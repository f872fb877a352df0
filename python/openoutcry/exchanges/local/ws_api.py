"""The WebSocket API: requests by id, and the user stream on the same connection."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from openoutcry.exchanges.local import venue_errors
from openoutcry.exchanges.local.outbox import MAX_CLIENTS, Outbox, opened_outbox
from openoutcry.exchanges.local.signing import Gate, websocket_payload
from openoutcry.exchanges.local.trading_requests import TradingRequests
from openoutcry.exchanges.local.user_streams import UserStreams
from openoutcry.exchanges.local.venue_errors import RequestRefusedError

_Method = Callable[[dict[str, str]], Awaitable[object]]


class WebSocketApi:
    """`/ws-api/v3` of the local exchange. Requests of one connection are answered in their order."""

    def __init__(
        self, trading: TradingRequests, user_streams: UserStreams, gate: Gate, now_ms: Callable[[], int]
    ) -> None:
        self._user_streams = user_streams
        self._gate = gate
        self._now_ms = now_ms
        self._signed: dict[str, _Method] = {
            "order.place": trading.place,
            "order.cancel": trading.cancel,
            "order.status": trading.query,
            "openOrders.status": trading.open_orders,
            "openOrders.cancelAll": trading.cancel_all,
            "allOrders": trading.all_orders,
            "myTrades": trading.own_trades,
            "account.status": trading.account,
        }
        self.connected = 0

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it ends."""
        if self.connected >= MAX_CLIENTS:
            raise web.HTTPServiceUnavailable(text=f"more than {MAX_CLIENTS} connections")
        async with opened_outbox(request) as (socket, outbox):
            self.connected += 1
            connected_ms = self._now_ms()
            try:
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        outbox.put(await self._answer(outbox, message.data, connected_ms))
            finally:
                self.connected -= 1
                self._user_streams.unsubscribe(outbox)
        return socket

    async def _answer(self, outbox: Outbox, text: str, connected_ms: int) -> bytes:
        request_id: object = None
        try:
            request = _decoded(text)
            request_id = request.get("id")
            result = await self._carry_out(outbox, request, connected_ms)
            answer = {"id": request_id, "status": 200, "result": result}
        except RequestRefusedError as error:
            answer = {"id": request_id, "status": error.status, "error": error.body}
        return msgspec.json.encode(answer | {"rateLimits": []})

    async def _carry_out(self, outbox: Outbox, request: dict[str, Any], connected_ms: int) -> object:
        parameters = _as_text(request.get("params", {}))
        method = request.get("method")
        if method in self._signed:
            self._check(parameters)
            return await self._signed[method](parameters)
        match method:
            case "ping":
                return {}
            case "time":
                return {"serverTime": self._now_ms()}
            case "session.status":
                session = {"apiKey": None, "authorizedSince": None, "connectedSince": connected_ms}
                return session | {
                    "returnRateLimits": True,
                    "serverTime": self._now_ms(),
                    "userDataStream": False,
                }
            case "session.logon":
                raise RequestRefusedError(-4056, "HMAC_SHA256 API key is not supported.")
            case "userDataStream.subscribe.signature":
                self._check(parameters)
                return {"subscriptionId": self._user_streams.subscribe(outbox)}
            case "userDataStream.unsubscribe":
                self._user_streams.unsubscribe(outbox)
                return {}
        raise venue_errors.unsupported_operation()

    def _check(self, parameters: dict[str, str]) -> None:
        payload = websocket_payload(parameters)
        self._gate.check_signed(parameters.get("apiKey"), payload, parameters, self._now_ms())


def _decoded(text: str) -> dict[str, Any]:
    try:
        # Numbers keep their text: they were signed as text.
        request = json.loads(text, parse_float=str, parse_constant=str)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise RequestRefusedError(-1135, "Invalid JSON Request: JSON object expected.")
    return request


def _as_text(parameters: object) -> dict[str, str]:
    """Parameters as their signed text: booleans in lower case, numbers as sent."""
    if not isinstance(parameters, dict):
        raise RequestRefusedError(-1135, "Invalid 'params' in JSON request; it must be an object.")
    texts = {}
    for name, value in parameters.items():
        if not isinstance(value, str | int):
            raise venue_errors.illegal_characters(name, "a string, a number or a boolean")
        texts[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts

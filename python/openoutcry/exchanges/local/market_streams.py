"""Market streams: who is subscribed to what, and the recorded frames on their way out."""

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from openoutcry.exchanges.local.outbox import MAX_CLIENTS, Outbox, opened_outbox
from openoutcry.exchanges.recording import FrameKind, RecordedFrame


class StreamRequestError(Exception):
    """A request on a market socket that is answered with `{"error": {"code": …, "msg": …}}`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Client:
    def __init__(self, outbox: Outbox, *, is_combined: bool) -> None:
        self.outbox = outbox
        self.is_combined = is_combined
        self.subscriptions: dict[str, None] = {}


class MarketStreams:
    """The market WebSocket of one symbol.

    Paths that end in `/stream` send the combined form, all others the raw payload. The recording holds the
    depth stream of 100 ms; it is also what `@depth` gives.
    """

    def __init__(self, venue_symbol: str) -> None:
        name = venue_symbol.lower()
        self._kinds: dict[str, FrameKind] = {
            f"{name}@depth@100ms": "depth",
            f"{name}@depth": "depth",
            f"{name}@trade": "trade",
            f"{name}@bookTicker": "book_ticker",
        }
        self._clients: list[_Client] = []
        self.frames_sent = 0
        self.slow_clients_cut = 0

    @property
    def connected(self) -> int:
        """Open market sockets."""
        return len(self._clients)

    def is_watched(self, kind: FrameKind) -> bool:
        """True if somebody is subscribed to a kind of frame."""
        return any(self._kinds[name] == kind for client in self._clients for name in client.subscriptions)

    async def publish(self, frame: RecordedFrame) -> None:
        """Send a frame to whoever subscribed to it; waits for clients that are behind, but not for ever."""
        for client in list(self._clients):
            for name in list(client.subscriptions):
                if self._kinds[name] != frame.kind:
                    continue
                payload = b'{"stream":"%b","data":%b}' % (name.encode(), frame.payload)
                if await client.outbox.put_patiently(payload if client.is_combined else frame.payload):
                    self.frames_sent += 1
                else:
                    self.slow_clients_cut += 1
                    break

    def cut_all(self) -> None:
        """Cut every market socket off."""
        for client in list(self._clients):
            client.outbox.cut()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one market socket until it ends."""
        if len(self._clients) >= MAX_CLIENTS:
            raise web.HTTPServiceUnavailable(text=f"more than {MAX_CLIENTS} market sockets")
        is_combined = request.path.endswith("/stream")
        in_path = request.match_info.get("streams", "").split("/")
        in_query = request.query.get("streams", "").split("/")
        async with opened_outbox(request) as (socket, outbox):
            client = _Client(outbox, is_combined=is_combined)
            # ccxt numbers its sockets in the path (`/ws/0`): only names with a channel are streams.
            self._subscribe(client, [name for name in (*in_path, *in_query) if name in self._kinds])
            self._clients.append(client)
            try:
                async for message in socket:
                    if message.type is WSMsgType.TEXT and not outbox.put(self._answer(client, message.data)):
                        self.slow_clients_cut += 1
            finally:
                self._clients.remove(client)
        return socket

    def _answer(self, client: _Client, text: str) -> bytes:
        request_id: object = None
        try:
            try:
                request = msgspec.json.decode(text, type=dict[str, Any])
            except msgspec.MsgspecError as error:
                raise StreamRequestError(3, f"Invalid JSON: {error}") from None
            request_id = request.get("id")
            return msgspec.json.encode({"result": self._carry_out(client, request), "id": request_id})
        except StreamRequestError as error:
            return msgspec.json.encode({"error": {"code": error.code, "msg": str(error)}, "id": request_id})

    def _carry_out(self, client: _Client, request: dict[str, Any]) -> object:
        parameters = request.get("params", [])
        match request.get("method"):
            case "SUBSCRIBE":
                self._subscribe(client, self._stream_names(parameters))
                return None
            case "UNSUBSCRIBE":
                for name in self._stream_names(parameters):
                    client.subscriptions.pop(name, None)
                return None
            case "LIST_SUBSCRIPTIONS":
                return list(client.subscriptions)
            case other:
                raise StreamRequestError(2, f"Invalid request: unknown variant `{other}`")

    def _stream_names(self, parameters: object) -> list[str]:
        if not isinstance(parameters, list) or not all(isinstance(name, str) for name in parameters):
            raise StreamRequestError(2, "Invalid request: params must be an array of stream names")
        for name in parameters:
            if name not in self._kinds:
                raise StreamRequestError(
                    2, f"Invalid request: no stream {name}; there are {', '.join(self._kinds)}"
                )
        return parameters

    @staticmethod
    def _subscribe(client: _Client, names: Iterable[str]) -> None:
        for name in names:
            client.subscriptions[name] = None

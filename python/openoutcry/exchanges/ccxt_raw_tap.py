"""Raw access inside a ccxt.pro client: WebSocket frames before it parses them, REST replies as sent.

ccxt keeps what it does well (connect, sign, subscribe, keep alive). Its parse costs 165 µs a depth
message and its `watch_*` calls lose events between two awaits, so frames are taken before it sees them.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

log = logging.getLogger(__name__)

FrameTaker = Callable[[bytes], bool]


class SocketClient(Protocol):
    """What the tap needs to know of ccxt's WebSocket client."""

    url: str
    handle_text_or_binary_message: Callable[[Any], None]

    async def close(self) -> None:
        """Close the socket."""
        ...


@dataclass(slots=True)
class WireExchange:
    """What one REST call did on the wire: was it handed over, and what came back."""

    is_sent: bool = False
    status: int = 0  # 0: no answer
    body: str = ""


_current: ContextVar[WireExchange | None] = ContextVar("wire_exchange", default=None)


@contextmanager
def recorded() -> Iterator[WireExchange]:
    """Record the REST exchange made inside this block, in this task and the tasks it starts."""
    wire = WireExchange()
    token = _current.set(wire)
    try:
        yield wire
    finally:
        _current.reset(token)


class RawTap:
    """Mixin before a ccxt.pro exchange class."""

    frame_takers: dict[str, FrameTaker]
    clients: dict[str, SocketClient]

    def client(self, url: str) -> SocketClient:
        """The client of a URL, tapped before its first frame. ccxt makes a new one a connection."""
        is_known = url in (self.clients or {})
        client: SocketClient = super().client(url)  # type: ignore[misc]  # ccxt's class is the next in line
        if not is_known:
            self._tap(client)
        return client

    def _tap(self, client: SocketClient) -> None:
        parse = client.handle_text_or_binary_message

        def handle(data: str | bytes) -> None:
            # An exception here would end ccxt's receive loop without a word and stall the connection.
            frame = data.encode() if isinstance(data, str) else data
            try:
                taker = self.frame_takers.get(client.url)
                if taker is None or not taker(frame):
                    parse(data)
            except Exception as error:  # noqa: BLE001
                log.warning("a frame of %d bytes could not be handled: %s", len(frame), type(error).__name__)

        client.handle_text_or_binary_message = handle

    async def drop_client(self, url: str) -> None:
        """Forget a connection, so that the next watch makes a new one.

        ccxt leaves a client whose receive failed in its table, where the next watch would wait for ever.
        """
        client = (self.clients or {}).pop(url, None)
        if client is not None:
            await client.close()

    async def fetch(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request; from here on it may have had its effect."""
        wire = _current.get()
        if wire is not None:
            wire.is_sent = True
        return await super().fetch(*args, **kwargs)  # type: ignore[misc]  # as above

    def on_rest_response(  # noqa: PLR0917  as ccxt calls it
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        response_headers: dict[str, str],
        response_body: str,
        request_headers: dict[str, str],
        request_body: str,
    ) -> str:
        """Keep the reply as the venue wrote it."""
        wire = _current.get()
        if wire is not None:
            wire.status, wire.body = code, response_body
        stripped: str = super().on_rest_response(  # type: ignore[misc]  # as above
            code, reason, url, method, response_headers, response_body, request_headers, request_body
        )
        return stripped

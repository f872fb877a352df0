"""A bounded queue in front of one WebSocket, and the end of clients that do not keep up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import ClientConnectionResetError, WSMsgType, web

MAX_QUEUED_FRAMES: Final = 4_096
MAX_STALL_S: Final = 5.0  # the replay waits so long for a client that does not read
MAX_REQUEST_BYTES: Final = 64 * 2**10
MAX_CLIENTS: Final = 256


class Outbox:
    """Frames on their way to one client, in order. What cannot be delivered ends the connection."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED_FRAMES)
        self.is_cut = False

    def put(self, frame: bytes) -> bool:
        """Queue a frame; a full queue cuts the client off and gives False."""
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.cut()
            return False
        return True

    async def put_patiently(self, frame: bytes) -> bool:
        """Queue a frame, waiting for room; a client that stalls for MAX_STALL_S is cut off."""
        if not self._frames.full():
            self._frames.put_nowait(frame)
            return True
        try:
            async with asyncio.timeout(MAX_STALL_S):
                await self._frames.put(frame)
        except TimeoutError:
            self.cut()
            return False
        return True

    def cut(self) -> None:
        """End the connection without a goodbye."""
        self.is_cut = True
        self._transport.abort()
        while not self._frames.empty():  # whoever waits for room must not wait for ever
            self._frames.get_nowait()

    async def write(self) -> None:
        """Send what is queued until the connection ends."""
        with suppress(ClientConnectionResetError):
            while not self.is_cut:
                frame = await self._frames.get()
                await self._socket.send_frame(frame, WSMsgType.TEXT)
        self.cut()


@asynccontextmanager
async def opened_outbox(request: web.Request) -> AsyncIterator[tuple[web.WebSocketResponse, Outbox]]:
    """Accept a WebSocket and write to it in the background while the caller reads from it."""
    socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_REQUEST_BYTES)
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        raise web.HTTPBadRequest(text="the client has gone")
    outbox = Outbox(socket, transport)
    writer = asyncio.create_task(outbox.write())
    try:
        yield socket, outbox
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer

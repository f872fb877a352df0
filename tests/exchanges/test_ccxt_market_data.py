import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.exchanges.raw_venue import raw_venue

from openoutcry.domain.errors import AmbiguousResultError, InvalidInputError, VenueRejectedError
from openoutcry.exchanges.ccxt_market_data import CcxtMarketData

DEPTH = {
    "e": "depthUpdate",
    "E": 1,
    "s": "BTCUSDT",
    "U": 1,
    "u": 2,
    "b": [["61700.10", "1.50000000"]],
    "a": [],
}


class Sink:
    """Keeps what it is told; claims depth frames only."""

    def __init__(self):
        self.told = asyncio.Queue()

    def on_frame(self, frame, received_ns):
        self.told.put_nowait((frame, received_ns))
        return b"depthUpdate" in frame

    def on_connected(self, channel):
        self.told.put_nowait(f"+{channel}")

    def on_disconnected(self, channel, reason):
        self.told.put_nowait(f"-{channel}")

    async def next(self, count):
        return [await self.told.get() for _ in range(count)]


@asynccontextmanager
async def streaming(**changes):
    async with raw_venue(**changes) as (venue, settings):
        adapter = CcxtMarketData(settings, wall_clock_ns=lambda: 77)
        sink = Sink()
        task = asyncio.create_task(adapter.stream("BTC/USDT", sink))
        try:
            yield venue, sink, task, adapter
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await adapter.close()


def run(scenario, **changes):
    async def main():
        async with streaming(**changes) as session:
            await scenario(*session)

    asyncio.run(main())


CONNECTED = ["+depth", "+trade", "+book_ticker"]
LOST = ["-depth", "-trade", "-book_ticker"]


async def acknowledge(venue, sink):
    socket, request = await venue.sockets.get()
    assert request["method"] == "SUBSCRIBE"
    assert request["params"] == ["btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker"]
    await socket.send_json({"result": None, "id": request["id"]})
    await sink.next(1)  # the acknowledgement is shown to the sink, which gives it back
    assert await sink.next(3) == CONNECTED
    return socket


def test_frames_come_as_sent_and_every_drop_is_survived():
    async def scenario(venue, sink, task, adapter):
        socket = await acknowledge(venue, sink)
        text = json.dumps(DEPTH)
        await socket.send_str(text)
        assert await sink.next(1) == [(text.encode(), 77)]
        await socket.close(code=1001)  # the venue's daily disconnection
        assert await sink.next(3) == LOST
        socket = await acknowledge(venue, sink)
        socket._req.transport.abort()  # a cut cable
        assert await sink.next(3) == LOST
        socket = await acknowledge(venue, sink)
        await socket.send_str(text)
        assert await sink.next(1) == [(text.encode(), 77)]
        assert not any(
            path.endswith("depth") for _, path, _ in venue.requests
        )  # ccxt asks for no book of its own

    run(scenario)


@pytest.mark.parametrize(
    "frame", ['{"e":"depthUpd', "pong", '{"e":"trade"}', "[]", '{"e":"bookTicker","s":1}', "{"]
)
def test_a_frame_that_nobody_can_read_stops_nothing(frame):
    async def scenario(venue, sink, task, adapter):
        socket = await acknowledge(venue, sink)
        await socket.send_str(frame)
        await socket.send_json(DEPTH)
        first, second = await sink.next(2)
        assert first == (frame.encode(), 77)
        assert json.loads(second[0]) == DEPTH

    run(scenario)


def test_a_sink_that_fails_does_not_stall_the_connection():
    async def scenario(venue, sink, task, adapter):
        socket = await acknowledge(venue, sink)
        take = sink.on_frame
        sink.on_frame = lambda frame, received_ns: 1 // 0
        await socket.send_json(DEPTH)
        await socket.send_json(DEPTH)
        await socket.ping()
        await asyncio.sleep(0)
        sink.on_frame = take
        await socket.send_json(DEPTH)
        assert json.loads((await sink.next(1))[0][0]) == DEPTH

    run(scenario)


def test_a_refused_subscription_ends_the_stream():
    async def scenario(venue, sink, task, adapter):
        socket, request = await venue.sockets.get()
        await socket.send_json(
            {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": request["id"]}
        )
        with pytest.raises(VenueRejectedError, match="invalid stream"):
            await task

    run(scenario)


def test_a_silent_connection_is_given_up():
    async def scenario(venue, sink, task, adapter):
        await acknowledge(venue, sink)
        assert await sink.next(3) == LOST
        await acknowledge(venue, sink)

    run(scenario, silence_timeout_ms=50)


def test_a_venue_that_never_acknowledges_is_given_up():
    async def scenario(venue, sink, task, adapter):
        socket, _ = await venue.sockets.get()
        await socket.send_json(DEPTH)
        await sink.next(1)
        assert await sink.next(3) == LOST

    run(scenario, silence_timeout_ms=50)


def test_snapshots_and_trades_keep_their_text():
    async def scenario(venue, sink, task, adapter):
        depth = '{"lastUpdateId":12345678901234567,"bids":[["61700.10000000","0.00001000"]],"asks":[]}'
        trades = '[{"id":7,"price":"61700.10000000","qty":"0.00001000","time":1,"isBuyerMaker":true}]'
        venue.answers |= {"/api/v3/depth": (200, depth), "/api/v3/historicalTrades": (200, trades)}
        assert await adapter.depth_snapshot("BTC/USDT") == depth.encode()
        assert await adapter.historical_trades("BTC/USDT", 7, 500) == trades.encode()
        _, _, fields = venue.requests[-1]
        assert fields == {"symbol": "BTCUSDT", "fromId": "7", "limit": "500"}

    run(scenario)


def test_concurrent_replies_are_not_mixed_up():
    async def slow_depth(request):
        await trades_done.wait()
        return web.Response(text='{"lastUpdateId":1}', content_type="application/json")

    trades_done = asyncio.Event()

    async def scenario(venue, sink, task, adapter):
        venue.answers |= {"/api/v3/depth": slow_depth, "/api/v3/historicalTrades": (200, "[]")}
        depth = asyncio.create_task(adapter.depth_snapshot("BTC/USDT"))
        assert await adapter.historical_trades("BTC/USDT", 7, 1) == b"[]"
        trades_done.set()
        assert await depth == b'{"lastUpdateId":1}'

    run(scenario)


def test_reads_that_fail_say_so():
    async def scenario(venue, sink, task, adapter):
        venue.answers |= {"/api/v3/depth": (500, ""), "/api/v3/historicalTrades": (200, '{"no":"list"}')}
        with pytest.raises(AmbiguousResultError):
            await adapter.depth_snapshot("BTC/USDT")
        with pytest.raises(VenueRejectedError, match="is no list"):
            await adapter.historical_trades("BTC/USDT", 7, 1)
        with pytest.raises(InvalidInputError, match="outside 1 to 1000"):
            await adapter.historical_trades("BTC/USDT", 7, 1_001)

    run(scenario)

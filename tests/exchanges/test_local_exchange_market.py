import asyncio
import socket

import aiohttp
import msgspec
import pytest

from openoutcry.exchanges.local import outbox
from openoutcry.exchanges.local.server import LocalExchange
from openoutcry.exchanges.recording import split_frame, split_line

SYMBOL = "BTC/USDT"


def recorded(exchange, kind):
    """The payloads of a kind that come after the snapshot, as the source has them."""
    frames = [split_frame(split_line(line)[1]) for batch in exchange.source.batches() for line in batch]
    return [frame for frame in frames[exchange.replay.lines_sent :] if frame.kind == kind]


async def watched_to_the_end(exchange, client, until, played, symbol=SYMBOL):
    """Watch book and trades through ccxt while the market runs to its end; the client's final book."""
    watching = [
        asyncio.create_task(watch_for_ever(client.watch_order_book, symbol)),
        asyncio.create_task(watch_for_ever(client.watch_trades, symbol)),
    ]
    await until(lambda: exchange.streams.is_watched("depth") and exchange.streams.is_watched("trade"))
    while not client.orderbooks.get(symbol, {}).get("nonce"):
        await played(exchange, 1)  # ccxt joins a book on a message that comes after it subscribed
        await asyncio.sleep(0.01)
        assert not exchange.replay.is_finished
    await played(exchange)
    await until(lambda: client.orderbooks.get(symbol, {}).get("nonce") == exchange.venue.core.last_update_id)
    await until(lambda: client.trades[symbol][-1]["id"] == str(exchange.tape.last_trade_id))
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return client.orderbooks[symbol]


async def watch_for_ever(watch, symbol):
    while True:
        await watch(symbol)


def levels(book, side, count):
    return [[float(price), float(size)] for price, size in book[side][:count]]


def test_ccxt_learns_the_rules(opened):
    async def scenario():
        async with opened() as (_, client):
            market = client.market(SYMBOL)
            assert market["active"]
            assert market["spot"]
            assert market["precision"]["price"] == 0.01
            assert market["precision"]["amount"] == 0.00001
            assert market["limits"]["amount"] == {"min": 0.00001, "max": 9000.0}
            assert market["limits"]["cost"]["min"] == 5.0
            assert abs(await client.fetch_time() - client.milliseconds()) < 60_000

    asyncio.run(scenario())


def test_ccxt_follows_the_synthetic_market_to_its_last_book(opened, until, played):
    async def scenario():
        async with opened() as (exchange, client):
            book = await watched_to_the_end(exchange, client, until, played)
            venue_book = msgspec.json.decode(exchange.venue.core.snapshot(50))
            for side in ("bids", "asks"):
                assert levels(book, side, 50) == levels(venue_book, side, 50)
            assert exchange.replay.progress == 1
            assert exchange.streams.slow_clients_cut == 0

    asyncio.run(scenario())


@pytest.mark.data
@pytest.mark.parametrize("symbol", ["BTC/USDT", "ETH/USDT"])
def test_ccxt_follows_the_recording_to_its_last_book_ticker(opened, until, played, shared_data, symbol):
    async def scenario():
        async with opened(synthetic=False, data=shared_data, symbol=symbol) as (exchange, client):
            tickers = [msgspec.json.decode(frame.payload) for frame in recorded(exchange, "book_ticker")]
            book = await watched_to_the_end(exchange, client, until, played, symbol)
            # The depth stream is slower: a few tickers at the very end may be newer than its last message.
            last = [ticker for ticker in tickers if ticker["u"] <= book["nonce"]][-1]
            assert len(tickers) - tickers.index(last) < 10
            assert book["bids"][0] == [float(last["b"]), float(last["B"])]
            assert book["asks"][0] == [float(last["a"]), float(last["A"])]

    asyncio.run(scenario())


def test_frames_go_out_as_they_were_recorded(settings, played, until):
    async def scenario():
        async with LocalExchange(settings()) as exchange, aiohttp.ClientSession() as session:
            root = exchange.rest_url
            trades = recorded(exchange, "trade")[:20]
            tickers = recorded(exchange, "book_ticker")[:20]
            raw = await session.ws_connect(f"{root}/ws/btcusdt@trade")
            combined = await session.ws_connect(f"{root}/stream?streams=btcusdt@bookTicker")
            await until(lambda: exchange.streams.connected == 2)
            await played(exchange)
            for trade, ticker in zip(trades, tickers, strict=True):
                assert (await raw.receive()).data.encode() == trade.payload
                line = b'{"stream":"btcusdt@bookTicker","data":' + ticker.payload + b"}"
                assert (await combined.receive()).data.encode() == line
            await raw.close()
            await combined.close()

    asyncio.run(scenario())


def test_subscribing_and_what_is_no_subscription(settings):
    async def scenario():
        async with LocalExchange(settings()) as exchange, aiohttp.ClientSession() as session:
            client = await session.ws_connect(f"{exchange.stream_url}/0")

            async def ask(text):
                await client.send_str(text)
                return await client.receive_json()

            streams = ["btcusdt@depth", "btcusdt@trade"]
            request = '{"method":"%s","params":%s,"id":%d}'
            assert await ask(request % ("SUBSCRIBE", msgspec.json.encode(streams).decode(), 1)) == {
                "result": None,
                "id": 1,
            }
            assert await ask(request % ("LIST_SUBSCRIPTIONS", "[]", 2)) == {"result": streams, "id": 2}
            assert await ask(request % ("UNSUBSCRIBE", '["btcusdt@trade"]', 3)) == {"result": None, "id": 3}
            assert (await ask(request % ("LIST_SUBSCRIPTIONS", "[]", 4)))["result"] == ["btcusdt@depth"]
            for text, code in [
                (request % ("SUBSCRIBE", '["btcusdt@kline_1m"]', 5), 2),
                (request % ("SUBSCRIBE", '"btcusdt@trade"', 5), 2),
                (request % ("SUBSCRIBE", "[1]", 5), 2),
                (request % ("DANCE", "[]", 5), 2),
                ('{"method":', 3),
                ("[]", 3),
            ]:
                assert (await ask(text))["error"]["code"] == code
            assert (await ask(request % ("LIST_SUBSCRIPTIONS", "[]", 6)))["result"] == ["btcusdt@depth"]
            await client.close()

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_cut_off_and_the_market_goes_on(settings, played, until, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_STALL_S", 0.05)

    async def scenario():
        async with LocalExchange(settings(duration_s=300)) as exchange:
            deaf = socket.socket()
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            port = int(exchange.rest_url.rpartition(":")[2])
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", port))
            path = "/stream?streams=btcusdt@depth/btcusdt@bookTicker/btcusdt@trade"
            handshake = (
                f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await loop.sock_sendall(deaf, handshake.encode())
            await until(lambda: exchange.streams.connected == 1)
            await played(exchange)
            assert exchange.replay.is_finished
            assert exchange.streams.slow_clients_cut == 1
            await until(lambda: exchange.streams.connected == 0)
            deaf.close()

    asyncio.run(scenario())


def test_the_public_endpoints_agree_with_the_market(opened, played):
    async def scenario():
        async with opened() as (exchange, client):
            await played(exchange)
            book = await client.fetch_order_book(SYMBOL, 5)
            ticker = await client.fetch_ticker(SYMBOL)
            touch = exchange.tape.book_ticker
            assert (ticker["bid"], ticker["ask"]) == (float(touch["b"]), float(touch["a"]))
            assert len(book["bids"]) == len(book["asks"]) == 5
            trades = recorded_trades(exchange)
            assert ticker["last"] == float(trades[-1]["p"])
            assert ticker["high"] == max(float(each["p"]) for each in trades)
            assert ticker["low"] == min(float(each["p"]) for each in trades)
            assert int(ticker["info"]["count"]) == len(trades)
            fetched = await client.fetch_trades(SYMBOL, limit=10)
            assert [each["id"] for each in fetched] == [str(each["t"]) for each in trades[-10:]]
            first = trades[3]["t"]
            missed = await client.public_get_historicaltrades(
                {"symbol": "BTCUSDT", "fromId": first, "limit": 7}
            )
            assert [int(each["id"]) for each in missed] == list(range(first, first + 7))
            assert [each["price"] for each in missed] == [each["p"] for each in trades[3:10]]

    def recorded_trades(exchange):
        frames = (split_frame(split_line(line)[1]) for batch in exchange.source.batches() for line in batch)
        return [msgspec.json.decode(frame.payload) for frame in frames if frame.kind == "trade"]

    asyncio.run(scenario())


def test_unknown_symbols_and_endpoints_are_refused(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            with pytest.raises(ccxt.BadSymbol):
                await client.public_get_depth({"symbol": "DOGEUSDT"})
            with pytest.raises(ccxt.BadRequest, match="-1102"):
                await client.public_get_depth()
            with pytest.raises(ccxt.BadRequest, match="-1100"):
                await client.public_get_trades({"symbol": "BTCUSDT", "limit": "ten"})
            with pytest.raises(ccxt.BadRequest, match="-1020"):
                await client.fetch_ohlcv(SYMBOL)
            with pytest.raises(ccxt.BadRequest, match="-1020"):
                await client.fapiPublicGetPing()  # strays stay on loopback
            assert exchange.rest_url in client.last_request_url

    asyncio.run(scenario())


def test_the_pace_follows_the_recorded_times(settings, played):
    async def scenario():
        async with LocalExchange(settings(speed=100, duration_s=20)) as exchange:
            loop = asyncio.get_running_loop()
            started = loop.time()
            await played(exchange)
            assert loop.time() - started > 0.19  # at least: no load on the machine can make it false

    asyncio.run(scenario())

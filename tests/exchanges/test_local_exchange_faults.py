import asyncio

import aiohttp
import msgspec
import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.exchanges.local.control import TOKEN_HEADER
from openoutcry.exchanges.local.faults import FAULT_KINDS, Fault, FaultBoard, parse_fault

SYMBOL = "BTC/USDT"


async def inject(exchange, kind, **more):
    async with (
        aiohttp.ClientSession(headers={TOKEN_HEADER: exchange.control_token}) as session,
        session.post(f"{exchange.rest_url}/control/faults", json={"kind": kind, **more}) as response,
    ):
        assert response.status == 200, await response.text()


async def keep_watching(client, errors):
    """Watch the book as a careful user does: note an error, and watch again."""
    import ccxt  # noqa: PLC0415

    while True:
        try:
            await client.watch_order_book(SYMBOL)
        except (ccxt.NetworkError, ccxt.ExchangeError, ValueError) as error:
            errors.append(error)


@pytest.mark.parametrize("kind", ["drop", "gap"])
def test_ccxt_recovers_from_a_fault_of_the_market_stream(opened, until, played, kind):
    async def scenario():
        async with opened(faults=(Fault(kind=kind, at=0.3),)) as (exchange, client):
            errors = []
            watching = asyncio.create_task(keep_watching(client, errors))
            await until(lambda: exchange.streams.is_watched("depth"))
            at_risk = int(0.3 * exchange.source.lines_total)
            await played(exchange, at_risk - exchange.replay.lines_sent - 1)
            await until(lambda: client.orderbooks.get(SYMBOL, {}).get("nonce"))  # its book is joined
            assert exchange.faults.injected == []
            await played(exchange, 200)  # the market goes on, whoever is there
            [struck] = exchange.faults.injected
            assert struck.kind == kind
            assert struck.line >= at_risk
            await until(lambda: errors)
            struck_id = exchange.venue.core.last_update_id
            while (client.orderbooks.get(SYMBOL, {}).get("nonce") or 0) <= struck_id:
                await played(exchange, 1)  # ccxt joins a book on a message that comes after it subscribed
                await asyncio.sleep(0.01)
                assert not exchange.replay.is_finished
            await played(exchange)
            last = exchange.venue.core.last_update_id
            await until(lambda: client.orderbooks.get(SYMBOL, {}).get("nonce") == last)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            book = client.orderbooks[SYMBOL]
            truth = msgspec.json.decode(exchange.venue.core.snapshot(20))
            for side in ("bids", "asks"):
                assert [[float(text) for text in level] for level in truth[side]] == [
                    list(level) for level in book[side][:20]
                ]

    asyncio.run(scenario())


def test_a_malformed_frame_is_half_of_one_and_the_next_is_whole(opened, until, played):
    """Unmodified ccxt does not survive it: its receive loop dies of the JSONDecodeError, without a word."""

    async def scenario():
        async with opened() as (exchange, _), aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{exchange.rest_url}/ws/btcusdt@depth@100ms")
            await until(lambda: exchange.streams.is_watched("depth"))
            await inject(exchange, "malformed")
            await played(exchange)
            broken, whole = (await socket.receive()).data, (await socket.receive()).data
            with pytest.raises(msgspec.DecodeError):
                msgspec.json.decode(broken)
            assert broken.startswith('{"e":"depthUpdate"')
            assert msgspec.json.decode(whole)["e"] == "depthUpdate"
            await socket.close()

    asyncio.run(scenario())


def test_trades_missed_while_cut_off_can_be_had_afterwards(opened, played, until):
    async def scenario():
        async with opened() as (exchange, client), aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{exchange.rest_url}/ws/btcusdt@trade")
            await until(lambda: exchange.streams.connected == 1)
            await played(exchange, 500)
            seen = msgspec.json.decode((await socket.receive()).data)["t"]
            await inject(exchange, "drop")
            await until(lambda: exchange.streams.connected == 0)
            await played(exchange)
            reply = await client.public_get_historicaltrades(
                {"symbol": "BTCUSDT", "fromId": seen + 1, "limit": 1000}
            )
            ids = [int(each["id"]) for each in reply]
            assert ids == list(range(seen + 1, seen + 1 + len(ids)))
            assert len(ids) == min(1000, exchange.tape.last_trade_id - seen)
            await socket.close()

    asyncio.run(scenario())


def test_a_503_hides_an_order_that_was_executed(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            await inject(exchange, "error_5xx")
            with pytest.raises(ccxt.OperationFailed, match="-1006"):
                await client.create_order(SYMBOL, "limit", "buy", 0.01, 30_000, {"clientOrderId": "lost"})
            found = await client.fetch_order(None, SYMBOL, {"origClientOrderId": "lost"})
            assert found["status"] == "open"
            assert [each.kind for each in exchange.faults.injected] == ["error_5xx"]
            await client.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)  # the fault struck once

    asyncio.run(scenario())


def test_a_slow_answer_hides_an_order_that_was_executed(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened(client_settings={"timeout": 300}) as (exchange, client):
            await inject(exchange, "slow_ack", delay_ms=30_000)
            with pytest.raises(ccxt.RequestTimeout):
                await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "slow"})
            found = await client.fetch_order(None, SYMBOL, {"origClientOrderId": "slow"})
            assert found["status"] == "closed"

    asyncio.run(scenario())


@pytest.mark.parametrize(("kind", "error"), [("error_429", "DDoSProtection"), ("reject", "InvalidOrder")])
def test_an_order_that_was_turned_away_had_no_effect(opened, kind, error):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            await inject(exchange, kind)
            with pytest.raises(getattr(ccxt, error)):
                await client.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)
            assert exchange.venue.orders == {}
            if kind == "error_429":
                assert client.last_response_headers["Retry-After"] == "1"

    asyncio.run(scenario())


def test_the_user_stream_is_cut_off_and_reports_are_repeated(opened, until):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            watching = asyncio.create_task(client.watch_orders(SYMBOL))
            await until(lambda: exchange.user_streams.connected == 1)
            await inject(exchange, "drop_user")
            with pytest.raises(ccxt.NetworkError):
                await watching
            watching = asyncio.create_task(client.watch_my_trades(SYMBOL))
            await until(lambda: exchange.user_streams.connected == 1)
            await inject(exchange, "duplicate_report")
            before = exchange.user_streams.events_sent
            order = await client.create_order(SYMBOL, "market", "sell", 0.01)
            await watching
            events = exchange.user_streams.events_sent - before
            assert (
                events == 1 + len(order["info"]["fills"]) + 1 + 1
            )  # NEW, trades, one of them twice, balances
            assert [each.kind for each in exchange.faults.injected] == ["drop_user", "duplicate_report"]

    asyncio.run(scenario())


def test_faults_are_read_from_text():
    assert parse_fault("drop@0.3") == Fault(kind="drop", at=0.3)
    assert parse_fault("slow_ack:250@1") == Fault(kind="slow_ack", at=1.0, delay_ms=250)
    for kind in FAULT_KINDS:
        assert parse_fault(f"{kind}@0").kind == kind


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("drop", "give kind"),
        ("drop@", "give kind"),
        ("drop@soon", "give kind"),
        ("slow_ack:x@0.1", "give kind"),
        ("dorp@0.1", "the kinds are drop, gap"),
        ("drop@1.5", "fraction"),
        ("drop@nan", "fraction"),
        ("slow_ack:-1@0.1", "delay"),
        ("slow_ack:999999999@0.1", "delay"),
    ],
)
def test_a_fault_that_is_none_is_refused(text, says):
    with pytest.raises(InvalidInputError, match=says):
        parse_fault(text)


def test_a_fault_strikes_once_and_in_its_time():
    board = FaultBoard((Fault(kind="gap", at=0.5), Fault(kind="drop", at=0.2)), 100)
    board.advance(19, 1)
    assert board.take("drop") is None
    board.advance(20, 2)
    assert board.take("drop") is not None
    assert board.take("drop") is None
    assert [fault.kind for fault in board.pending] == ["gap"]
    board.advance(99, 3)
    assert board.take("gap") is not None
    assert [(each.kind, each.line, each.market_ns) for each in board.injected] == [
        ("drop", 20, 2),
        ("gap", 99, 3),
    ]

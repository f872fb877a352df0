import asyncio
import hashlib
import hmac
import time
from decimal import Decimal

import aiohttp
import pytest

SYMBOL = "BTC/USDT"
FEE = Decimal("0.001")
ATOM = Decimal("0.00000001")


def run(scenario):
    asyncio.run(scenario())


async def balances(client):
    account = await client.private_get_account()
    return {each["asset"]: (Decimal(each["free"]), Decimal(each["locked"])) for each in account["balances"]}


def touch(exchange):
    """(bid, bid lots, ask, ask lots), prices as floats."""
    bid_ticks, bid_lots, ask_ticks, ask_lots = exchange.venue.core.top()
    return bid_ticks / 100, bid_lots, ask_ticks / 100, ask_lots


def commission(amount):
    return (amount * FEE / ATOM).to_integral_value(rounding="ROUND_CEILING") * ATOM


class UserStream:
    """Every event of a user stream, collected in the background."""

    def __init__(self, exchange):
        self.exchange = exchange
        self.events = []

    async def __aenter__(self):
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(self.exchange.ws_api_url)
        keys = self.exchange.credentials
        parameters = {"apiKey": keys.api_key.reveal(), "timestamp": time.time_ns() // 10**6}
        text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
        secret = keys.secret.reveal().encode()
        parameters["signature"] = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        await self.socket.send_json(
            {"id": "a", "method": "userDataStream.subscribe.signature", "params": parameters}
        )
        answer = await self.socket.receive_json()
        assert answer == {"id": "a", "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}
        self.reading = asyncio.create_task(self._read())
        return self

    async def _read(self):
        async for message in self.socket:
            frame = message.json()
            assert frame["subscriptionId"] == 0
            self.events.append(frame["event"])

    async def __aexit__(self, *_):
        await self.socket.close()
        await self.reading
        await self.session.close()

    def reports(self, order_id):
        return [each for each in self.events if each["e"] == "executionReport" and each["i"] == int(order_id)]


def test_a_limit_order_rests_locks_its_cost_and_is_withdrawn(opened, until):
    async def scenario():
        async with opened() as (exchange, client), UserStream(exchange) as stream:
            order = await client.create_order(
                SYMBOL, "limit", "buy", 0.5, 30_000.01, {"clientOrderId": "mine-1"}
            )
            assert (order["status"], order["filled"], order["clientOrderId"]) == ("open", 0, "mine-1")
            assert (await balances(client))["USDT"] == (Decimal("84999.995"), Decimal("15000.005"))
            [resting] = await client.fetch_open_orders(SYMBOL)
            assert resting["id"] == order["id"]
            queried = await client.fetch_order(None, SYMBOL, {"origClientOrderId": "mine-1"})
            assert (queried["id"], queried["status"], queried["price"]) == (order["id"], "open", 30_000.01)
            canceled = await client.cancel_order(order["id"], SYMBOL)
            assert canceled["status"] == "canceled"
            assert (await balances(client))["USDT"] == (Decimal(100_000), Decimal(0))
            assert await client.fetch_open_orders(SYMBOL) == []
            assert (await client.fetch_order(order["id"], SYMBOL))["status"] == "canceled"
            await until(lambda: len(stream.events) == 4)
            new, _, gone, position = stream.events
            assert [(each["x"], each["X"], each["w"]) for each in (new, gone)] == [
                ("NEW", "NEW", True),
                ("CANCELED", "CANCELED", False),
            ]
            assert (new["c"], new["C"], gone["C"]) == ("mine-1", "", "mine-1")
            assert gone["c"] != "mine-1"
            assert {"a": "USDT", "f": "100000.00000000", "l": "0.00000000"} in position["B"]

    run(scenario)


def test_a_market_order_pays_the_book_and_its_fee_to_the_atom(opened, until):
    async def scenario():
        async with opened() as (exchange, client), UserStream(exchange) as stream:
            book = await client.fetch_order_book(SYMBOL)
            order = await client.create_order(SYMBOL, "market", "buy", 1.5)
            assert (order["status"], order["filled"]) == ("closed", 1.5)
            fills = order["info"]["fills"]
            taken = sum(Decimal(fill["qty"]) for fill in fills)
            cost = sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills)
            fees = sum(Decimal(fill["commission"]) for fill in fills)
            assert taken == Decimal("1.5")
            assert len(fills) > 1
            assert [float(fill["price"]) for fill in fills] == [
                level[0] for level in book["asks"][: len(fills)]
            ]
            assert all(Decimal(fill["commission"]) == commission(Decimal(fill["qty"])) for fill in fills)
            assert {fill["commissionAsset"] for fill in fills} == {"BTC"}
            assert await balances(client) == {
                "USDT": (100_000 - cost, Decimal(0)),
                "BTC": (2 + taken - fees, Decimal(0)),
            }
            await until(lambda: len(stream.reports(order["id"])) == 1 + len(fills))
            reports = stream.reports(order["id"])
            assert [each["x"] for each in reports] == ["NEW"] + ["TRADE"] * len(fills)
            assert [each["X"] for each in reports[1:]] == ["PARTIALLY_FILLED"] * (len(fills) - 1) + ["FILLED"]
            assert [each["t"] for each in reports[1:]] == [fill["tradeId"] for fill in fills]
            assert Decimal(reports[-1]["Z"]) == cost
            own = await client.fetch_my_trades(SYMBOL)
            assert [each["id"] for each in own] == [str(fill["tradeId"]) for fill in fills]
            assert {each["order"] for each in own} == {order["id"]}
            assert {each["takerOrMaker"] for each in own} == {"taker"}

    run(scenario)


def test_a_market_sell_receives_the_quote_net_of_its_fee(opened):
    async def scenario():
        async with opened() as (_, client):
            order = await client.create_order(SYMBOL, "market", "sell", 0.01)
            fills = order["info"]["fills"]
            cost = sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills)
            fees = sum(commission(Decimal(fill["qty"]) * Decimal(fill["price"])) for fill in fills)
            assert {fill["commissionAsset"] for fill in fills} == {"USDT"}
            assert await balances(client) == {
                "USDT": (100_000 + cost - fees, Decimal(0)),
                "BTC": (Decimal("1.99"), Decimal(0)),
            }

    run(scenario)


def test_an_ioc_order_takes_what_is_there_and_expires_and_takes_it_only_once(opened):
    async def scenario():
        async with opened(balances={"USDT": "10000000"}) as (exchange, client):
            _, _, ask, ask_lots = touch(exchange)
            available = ask_lots / 10**5
            order = await client.create_order(
                SYMBOL, "limit", "buy", available + 0.5, ask, {"timeInForce": "IOC"}
            )
            assert order["status"] == "expired"
            assert order["filled"] == pytest.approx(available, abs=1e-9)
            assert (await balances(client))["USDT"][1] == 0
            again = await client.create_order(SYMBOL, "limit", "buy", 0.5, ask, {"timeInForce": "IOC"})
            assert (again["status"], again["filled"]) == ("expired", 0)

    run(scenario)


def test_fill_or_kill_takes_all_or_nothing(opened):
    async def scenario():
        async with opened(balances={"USDT": "10000000"}) as (exchange, client):
            _, _, ask, ask_lots = touch(exchange)
            size = ask_lots / 10**5
            killed = await client.create_order(
                SYMBOL, "limit", "buy", size + 0.001, ask, {"timeInForce": "FOK"}
            )
            assert (killed["status"], killed["filled"]) == ("expired", 0)
            filled = await client.create_order(SYMBOL, "limit", "buy", size, ask, {"timeInForce": "FOK"})
            assert filled["status"] == "closed"

    run(scenario)


def test_a_maker_order_waits_its_turn_and_fills_in_parts(opened, played, until):
    async def scenario():
        async with opened(duration_s=60) as (exchange, client), UserStream(exchange) as stream:
            await played(exchange, 150)
            bid, bid_lots, _, _ = touch(exchange)
            order = await client.create_order(SYMBOL, "limit", "buy", 1, bid, {"postOnly": True})
            assert exchange.venue.core.queue_ahead(int(order["id"])) == bid_lots
            await played(exchange)
            done = await client.fetch_order(order["id"], SYMBOL)
            assert done["status"] == "closed"
            own = await client.fetch_my_trades(SYMBOL)
            assert len(own) > 1
            assert {each["takerOrMaker"] for each in own} == {"maker"}
            assert {each["price"] for each in own} == {bid}
            await until(lambda: stream.reports(order["id"])[-1]["X"] == "FILLED")
            reports = stream.reports(order["id"])
            sizes = [Decimal(each["l"]) for each in reports[1:]]
            assert sum(sizes) == 1
            assert [Decimal(each["z"]) for each in reports[1:]] == [
                sum(sizes[: n + 1]) for n in range(len(sizes))
            ]
            assert (
                len({each["t"] for each in reports}) == len({each["I"] for each in reports}) == len(reports)
            )
            assert all(abs(each["T"] - time.time_ns() // 10**6) < 120_000 for each in reports)

    run(scenario)


def test_ccxt_watches_its_orders_on_the_user_stream(opened):
    async def scenario():
        async with opened() as (exchange, client):
            watching = asyncio.create_task(client.watch_orders(SYMBOL))
            while not exchange.user_streams.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            order = await client.create_order(SYMBOL, "limit", "buy", 0.01, 30_000)
            async with asyncio.timeout(10):
                [seen] = await watching
                assert (seen["id"], seen["status"]) == (order["id"], "open")
                watching = asyncio.create_task(client.watch_orders(SYMBOL))
                await client.cancel_order_ws(order["id"], SYMBOL)
                [seen] = await watching
            assert (seen["id"], seen["status"]) == (order["id"], "canceled")
            placed = await client.create_order_ws(SYMBOL, "limit", "buy", 0.01, 30_000)
            assert (await client.fetch_order_ws(placed["id"], SYMBOL))["status"] == "open"
            assert [each["id"] for each in await client.fetch_open_orders_ws(SYMBOL)] == [placed["id"]]
            held = {
                each["asset"]: each["locked"]
                for each in (await client.fetch_balance_ws())["info"]["balances"]
            }
            assert held["USDT"] == "300.00000000"
            assert len(await client.fetch_orders(SYMBOL)) == 2
            assert [each["status"] for each in await client.cancel_all_orders(SYMBOL)] == ["canceled"]

    run(scenario)


def order_parameters(**changes):
    usual = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "30000",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


BAD_ORDERS = [
    ({"quantity": "50"}, "InsufficientFunds", "insufficient balance"),
    ({"side": "SELL", "price": "90000", "quantity": "2.00001"}, "InsufficientFunds", "insufficient"),
    (
        {"type": "MARKET", "price": None, "timeInForce": None, "quantity": "3"},
        "InsufficientFunds",
        "insufficient",
    ),
    ({"quantity": "0.0001"}, "BadRequest", "Filter failure: NOTIONAL"),
    ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "0.00001"}, "BadRequest", "NOTIONAL"),
    ({"price": "30000.001"}, "InvalidOrder", "Filter failure: PRICE_FILTER"),
    ({"price": "0"}, "InvalidOrder", "PRICE_FILTER"),
    ({"price": "1000000.01"}, "InvalidOrder", "PRICE_FILTER"),
    ({"price": "30000.123456789"}, "BadRequest", "-1111.*'price' has too much precision"),
    ({"price": "-1"}, "BadRequest", "-1100.*'price'"),
    ({"price": "NaN"}, "BadRequest", "-1100.*'price'"),
    ({"price": "1e5"}, "BadRequest", "-1100.*'price'"),
    ({"price": None}, "BadRequest", "-1102.*'price'"),
    ({"quantity": "0.000015"}, "InvalidOrder", "Filter failure: LOT_SIZE"),
    ({"quantity": "9000.1"}, "InvalidOrder", "LOT_SIZE"),
    ({"quantity": "0"}, "BadRequest", "-1013.*Invalid quantity"),
    ({"quantity": None}, "BadRequest", "-1102.*'quantity'"),
    ({"quantity": None, "quoteOrderQty": "10"}, "BadRequest", "-1106"),
    (
        {"type": "MARKET", "price": None, "timeInForce": None, "quoteOrderQty": "10"},
        "BadRequest",
        "Quote order qty market orders are not support",
    ),
    ({"symbol": "DOGEUSDT"}, "BadSymbol", "-1121"),
    ({"side": "HOLD"}, "BadRequest", "-1117"),
    ({"type": "STOP_LOSS"}, "BadRequest", "-1116"),
    ({"timeInForce": "GTX"}, "BadRequest", "-1115"),
    ({"timeInForce": None}, "BadRequest", "-1102"),
    ({"type": "LIMIT_MAKER"}, "BadRequest", "-1106.*'timeInForce'"),
    (
        {"type": "LIMIT_MAKER", "timeInForce": None, "price": "999999"},
        "OrderImmediatelyFillable",
        "match and take",
    ),
    ({"newClientOrderId": "a b"}, "BadRequest", "-1100.*newClientOrderId"),
    ({"newClientOrderId": "x" * 37}, "BadRequest", "-1100.*newClientOrderId"),
    ({"newOrderRespType": "ALL"}, "BadRequest", "-1100"),
]


def test_a_bad_order_is_refused_as_binance_refuses_it_and_changes_nothing(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            before = await balances(client)
            for changes, error, says in BAD_ORDERS:
                with pytest.raises(getattr(ccxt, error), match=says) as caught:
                    await client.private_post_order(order_parameters(**changes))
                assert type(caught.value) is getattr(ccxt, error), changes
            assert await balances(client) == before
            assert exchange.venue.orders == {}

    run(scenario)


def test_a_client_order_id_is_unique_among_open_orders_only(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, client):
            mine = order_parameters(newClientOrderId="mine")
            first = await client.private_post_order(mine)
            with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
                await client.private_post_order(mine)
            await client.cancel_order(None, SYMBOL, {"origClientOrderId": "mine"})
            second = await client.private_post_order(mine)
            assert second["orderId"] != first["orderId"]
            latest = await client.fetch_order(None, SYMBOL, {"origClientOrderId": "mine"})
            assert latest["id"] == str(second["orderId"])
            assert len(exchange.venue.orders) == 2

    run(scenario)


def test_orders_that_are_not_there(opened):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (_, client):
            with pytest.raises(ccxt.OrderNotFound, match="-2011"):
                await client.cancel_order("99", SYMBOL)
            with pytest.raises(ccxt.OrderNotFound, match="-2011"):
                await client.cancel_all_orders(SYMBOL)
            with pytest.raises(ccxt.OrderNotFound, match="-2013"):
                await client.fetch_order(None, SYMBOL, {"origClientOrderId": "nobody"})
            with pytest.raises(ccxt.BadRequest, match="-1102"):
                await client.private_get_order({"symbol": "BTCUSDT"})
            done = await client.create_order(SYMBOL, "market", "sell", 0.01)
            with pytest.raises(ccxt.OrderNotFound, match="-2011"):
                await client.cancel_order(done["id"], SYMBOL)
            assert await client.fetch_my_trades(SYMBOL, params={"orderId": 99}) == []

    run(scenario)


@pytest.mark.parametrize(
    ("client_settings", "error", "says"),
    [
        ({"secret": "wrong"}, "AuthenticationError", "-1022"),
        ({"apiKey": "wrong"}, "AuthenticationError", "-2015"),
        ({"nonce": lambda: 1}, "InvalidNonce", "-1021.*outside of the recvWindow"),
        ({"nonce": lambda: 10**14}, "InvalidNonce", "-1021.*ahead of the server"),
        ({"options": {"recvWindow": 60_001}}, "ExchangeError", "-1131"),
    ],
)
def test_who_is_not_the_owner_gets_nothing(opened, client_of, client_settings, error, says):
    import ccxt  # noqa: PLC0415

    async def scenario():
        async with opened() as (exchange, _):
            nonce = client_settings.pop("nonce", None)
            stranger = client_of(exchange, client_settings)
            if nonce:
                stranger.nonce = nonce
            try:
                with pytest.raises(getattr(ccxt, error), match=says):
                    await stranger.private_get_account()
                with pytest.raises(getattr(ccxt, error), match=says):
                    await stranger.private_post_order(order_parameters())
                if error == "AuthenticationError":  # after which ccxt trips over its own bookkeeping
                    with pytest.raises((ccxt.AuthenticationError, KeyError)):
                        await stranger.watch_orders(SYMBOL)
            finally:
                await stranger.close()
            assert exchange.venue.orders == {}
            assert exchange.user_streams.connected == 0

    run(scenario)


def test_a_signature_covers_every_byte_of_the_request(opened):
    async def scenario():
        async with opened() as (exchange, client), aiohttp.ClientSession() as session:
            signed = client.sign("order", ["private"], "POST", order_parameters())
            changed = signed["body"].replace("quantity=0.01", "quantity=0.02")
            assert changed != signed["body"]
            for body, headers, status, code in [
                (changed, signed["headers"], 400, -1022),
                (signed["body"].partition("&signature")[0], signed["headers"], 400, -1102),
                (signed["body"], {"Content-Type": "application/x-www-form-urlencoded"}, 401, -2014),
                (signed["body"], signed["headers"], 200, None),
            ]:
                async with session.post(signed["url"], data=body, headers=headers) as response:
                    assert response.status == status
                    assert (await response.json()).get("code") == code
            assert len(exchange.venue.orders) == 1

    run(scenario)


def test_the_websocket_api_answers_what_it_knows_and_refuses_the_rest(opened):
    async def scenario():
        async with opened() as (exchange, _), aiohttp.ClientSession() as session:
            socket = await session.ws_connect(exchange.ws_api_url)

            async def ask(text):
                await socket.send_str(text)
                answer = await socket.receive_json()
                return answer["status"], answer.get("error", {}).get("code"), answer.get("result")

            assert await ask('{"id":1,"method":"ping"}') == (200, None, {})
            status, _, result = await ask('{"id":1,"method":"time"}')
            assert (status, list(result)) == (200, ["serverTime"])
            assert (await ask('{"id":1,"method":"session.status"}'))[2]["apiKey"] is None
            assert (await ask('{"id":1,"method":"session.logon","params":{}}'))[1] == -4056
            assert (await ask('{"id":1,"method":"klines"}'))[1] == -1020
            assert (await ask('{"id":1,"method":"order.place","params":{}}'))[:2] == (401, -2014)
            assert (await ask('{"id":1,"method":"order.place","params":[]}'))[1] == -1135
            assert (await ask('{"id":1,"method":"order.place","params":{"price":[]}}'))[1] == -1100
            assert (await ask('{"id":'))[1] == -1135
            assert exchange.venue.orders == {}
            await socket.close()

    run(scenario)

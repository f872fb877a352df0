import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.exchanges.raw_venue import raw_venue

from openoutcry.domain.errors import (
    AmbiguousResultError,
    AuthenticationError,
    InvalidInputError,
    VenueRejectedError,
)
from openoutcry.exchanges.ccxt_trading import CcxtTrading
from openoutcry.exchanges.credentials import Credentials
from openoutcry.execution.commands import CancelOrder, SubmitOrder

KEY, SECRET = "key-0123456789", "secret-9876543210"
ORDER = SubmitOrder(
    symbol="BTC/USDT",
    client_order_id="o-1",
    parent_id="p-1",
    side="buy",
    price_ticks=6_170_025,
    size_lots=5_000,
    time_in_force="GTC",
)
REPLY = {
    "symbol": "BTCUSDT", "orderId": 4711, "clientOrderId": "o-1", "transactTime": 1700000000123,
    "price": "61700.25000000", "origQty": "0.05000000", "executedQty": "0.00000000", "status": "NEW",
    "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
}  # fmt: skip


@asynccontextmanager
async def trading(**changes):
    async with raw_venue(**changes) as (venue, settings):
        adapter = CcxtTrading(settings, Credentials(KEY, SECRET))
        try:
            yield venue, adapter
        finally:
            await adapter.close()


def run(scenario, **changes):
    async def main():
        async with trading(**changes) as (venue, adapter):
            return await scenario(venue, adapter)

    return asyncio.run(main())


def test_an_order_goes_out_once_with_exact_text_and_our_own_id():
    async def scenario(venue, adapter):
        venue.answers["/api/v3/order"] = (200, json.dumps(REPLY))
        report = await adapter.submit(ORDER)
        sent = [fields for method, path, fields in venue.requests if path == "/api/v3/order"]
        assert len(sent) == 1
        assert sent[0] | {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.05000",
            "price": "61700.25", "newClientOrderId": "o-1", "newOrderRespType": "RESULT",
        } == sent[0]  # fmt: skip
        assert (report.state, report.price_ticks, report.size_lots, report.venue_order_id) == (
            "ACCEPTED", 6_170_025, 5_000, "4711",
        )  # fmt: skip

    run(scenario)


async def half_a_reply(request):
    response = web.StreamResponse(headers={"Content-Length": "500", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(json.dumps(REPLY)[:40].encode())
    request.transport.close()
    return response


async def no_reply(request):
    request.transport.abort()
    return web.Response()


async def late_reply(request):
    await asyncio.sleep(5)
    return web.json_response(REPLY)


@pytest.mark.parametrize(
    "answer",
    [
        half_a_reply,
        no_reply,
        late_reply,
        (503, "<html>try later</html>"),
        (502, ""),
        (400, '{"code":-1007,"msg":"Timeout waiting for response from backend server."}'),
        (200, "<html>ok</html>"),
        (200, "{}"),
        (200, json.dumps({**REPLY, "status": "SOMEHOW"})),
        (200, json.dumps({**REPLY, "executedQty": "0.0000001"})),
    ],
    ids=["half", "none", "late", "503", "502", "-1007", "html", "empty", "state", "off-grid"],
)
def test_what_proves_nothing_is_ambiguous_and_never_sent_again(answer):
    async def scenario(venue, adapter):
        await adapter.instrument("BTC/USDT")
        venue.answers["/api/v3/order"] = answer
        with pytest.raises(AmbiguousResultError, match="order o-1") as caught:
            await adapter.submit(ORDER)
        assert [path for method, path, _ in venue.requests if method == "POST"] == ["/api/v3/order"]
        assert "signature" not in str(caught.value)
        assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, InvalidInputError)

    run(scenario, request_timeout_ms=300)


def test_a_venue_that_is_not_there_is_ambiguous():
    async def scenario(venue, adapter):
        await adapter.instrument("BTC/USDT")
        adapter._client.urls["api"]["private"] = "http://127.0.0.1:1/api/v3"
        with pytest.raises(AmbiguousResultError):
            await adapter.submit(ORDER)

    run(scenario)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ((400, '{"code":-2010,"msg":"Account has insufficient balance."}'), VenueRejectedError, -2010),
        ((400, '{"code":-1013,"msg":"Filter failure: NOTIONAL"}'), VenueRejectedError, -1013),
        ((400, '{"code":-1013,"msg":"Filter failure: LOT_SIZE"}'), VenueRejectedError, -1013),
        ((429, '{"code":-1003,"msg":"Too many requests."}'), VenueRejectedError, 429),
        ((401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions."}'), AuthenticationError, -2015),
        (
            (400, '{"code":-1022,"msg":"Signature for this request is not valid."}'),
            AuthenticationError,
            -1022,
        ),
    ],
    ids=["balance", "notional", "lot", "429", "key", "signature"],
)
def test_a_refusal_had_no_effect_and_keeps_the_venues_code(answer, kind, code):
    async def scenario(venue, adapter):
        venue.answers["/api/v3/account"] = (200, '{"balances":[]}')
        await adapter.balances()  # after a first success ccxt would call -2015 a rate limit
        venue.answers["/api/v3/order"] = answer
        with pytest.raises(kind) as caught:
            await adapter.submit(ORDER)
        assert type(caught.value) is kind
        assert caught.value.code == code
        assert KEY not in str(caught.value)
        assert SECRET not in str(caught.value)

    run(scenario)


def test_a_cancel_names_the_order_by_our_id():
    async def scenario(venue, adapter):
        canceled = {**REPLY, "status": "CANCELED", "clientOrderId": "c-9", "origClientOrderId": "o-1"}
        venue.answers["/api/v3/order"] = (200, json.dumps(canceled))
        report = await adapter.cancel(CancelOrder(symbol="BTC/USDT", client_order_id="o-1", reason="stop"))
        assert (report.client_order_id, report.state) == ("o-1", "CANCELED")
        method, _, fields = venue.requests[-1]
        assert (method, fields["origClientOrderId"]) == ("DELETE", "o-1")

    run(scenario)


def test_an_unknown_order_is_none_and_has_no_fills():
    async def scenario(venue, adapter):
        venue.answers["/api/v3/order"] = (400, '{"code":-2013,"msg":"Order does not exist."}')
        assert await adapter.query("BTC/USDT", "o-1") is None
        assert await adapter.fills("BTC/USDT", "o-1") == ()

    run(scenario)


def test_a_query_that_fails_is_not_an_absent_order():
    async def scenario(venue, adapter):
        venue.answers["/api/v3/order"] = (503, "")
        with pytest.raises(AmbiguousResultError):
            await adapter.query("BTC/USDT", "o-1")

    run(scenario)


def test_fills_are_read_page_by_page():
    total = 1_500

    async def my_trades(request):
        start = int(request.query.get("fromId", 0))
        page = [
            {
                "symbol": "BTCUSDT", "id": i, "orderId": 4711, "price": "61700.25", "qty": "0.00001",
                "commission": "0.00000001", "commissionAsset": "BTC", "time": i, "isMaker": True,
            }
            for i in range(start, min(start + 1_000, total))
        ]  # fmt: skip
        return web.json_response(page)

    async def scenario(venue, adapter):
        venue.answers["/api/v3/order"] = (200, json.dumps({**REPLY, "origQty": "0.015", "status": "FILLED"}))
        venue.answers["/api/v3/myTrades"] = my_trades
        fills = await adapter.fills("BTC/USDT", "o-1")
        assert len({fill.trade_id for fill in fills}) == total
        assert sum(fill.last_lots for fill in fills) == total
        assert fills[-1].state == "FILLED"

    run(scenario)


def test_balances_are_whole_atoms_free_and_locked():
    async def scenario(venue, adapter):
        held = [{"asset": "BTC", "free": "0.10000001", "locked": "0.20000000"}]
        venue.answers["/api/v3/account"] = (200, json.dumps({"balances": held}))
        assert await adapter.balances() == {"BTC": 30_000_001}
        assert await adapter.server_time_ns() == 1_700_000_000_123_000_000

    run(scenario)


def test_an_unknown_symbol_names_near_ones():
    async def scenario(venue, adapter):
        with pytest.raises(InvalidInputError, match="did you mean: BTC/USDT"):
            await adapter.instrument("BTC/USD")

    run(scenario)


EXECUTION = {
    "e": "executionReport", "E": 1, "s": "BTCUSDT", "c": "o-1", "S": "BUY", "q": "0.05", "p": "61700.25",
    "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 4711, "l": "0.01", "z": "0.01", "L": "61699.99",
    "n": "0.00001", "N": "BTC", "T": 5, "t": 9, "C": "", "r": "NONE", "m": False,
}  # fmt: skip


async def accept_user_stream(venue):
    socket, request = await venue.sockets.get()
    assert request["method"] == "userDataStream.subscribe.signature"
    assert request["params"]["apiKey"] == KEY
    await socket.send_json({"id": request["id"], "status": 200, "result": {"subscriptionId": 0}})
    return socket


def wrapped(event):
    return {"subscriptionId": 0, "event": event}


def test_reports_arrive_raw_and_a_reconnection_is_a_gap():
    async def scenario(venue, adapter):
        got = asyncio.Queue()
        stream = asyncio.create_task(
            adapter.stream_reports("BTC/USDT", got.put_nowait, lambda: got.put_nowait("gap"))
        )
        socket = await accept_user_stream(venue)
        assert await got.get() == "gap"
        await socket.send_json(wrapped(EXECUTION))
        report = await got.get()
        assert (report.trade_id, report.last_lots, report.fee_atoms) == ("9", 1_000, 1_000)
        await socket.send_json(wrapped({"e": "outboundAccountPosition", "E": 1, "B": []}))
        await socket.send_json(wrapped({**EXECUTION, "L": "1.005"}))  # cannot be read: ask
        assert await got.get() == "gap"
        await socket.close(code=1001)
        socket = await accept_user_stream(venue)
        assert await got.get() == "gap"
        await socket.send_json(wrapped({"e": "eventStreamTerminated", "E": 1}))
        socket = await accept_user_stream(venue)
        assert await got.get() == "gap"
        await socket.send_json(wrapped({**EXECUTION, "t": 10}))
        assert (await got.get()).trade_id == "10"
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)
        assert stream.cancelled()
        assert got.empty()

    run(scenario)


def test_a_refused_key_ends_the_report_stream():
    async def scenario(venue, adapter):
        stream = asyncio.create_task(adapter.stream_reports("BTC/USDT", print, print))
        socket, request = await venue.sockets.get()
        error = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
        await socket.send_json({"id": request["id"], "status": 401, "error": error})
        with pytest.raises(AuthenticationError, match="check the API key"):
            await stream

    run(scenario)

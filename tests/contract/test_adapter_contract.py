"""What every TradingAdapter and MarketDataAdapter must do, against a venue on real sockets.

An adapter joins the suite by an entry in TRADING and MARKET_DATA.
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from openoutcry.domain.errors import (
    AmbiguousResultError,
    AuthenticationError,
    InvalidInputError,
    VenueRejectedError,
)
from openoutcry.exchanges.ccxt_market_data import CcxtMarketData
from openoutcry.exchanges.ccxt_trading import CcxtTrading
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.local.faults import Fault
from openoutcry.exchanges.local.server import LocalExchange
from openoutcry.exchanges.local.settings import LocalExchangeSettings
from openoutcry.exchanges.venue_settings import VenueSettings
from openoutcry.execution.commands import CancelOrder, SubmitOrder

TRADING = {"ccxt": CcxtTrading}
MARKET_DATA = {"ccxt": CcxtMarketData}
PATIENCE_S = 30
SYMBOL = "BTC/USDT"
LOTS = 2_000

pytestmark = pytest.mark.parametrize("make_trading", TRADING.values(), ids=TRADING)


def venue_settings(exchange, **changes):
    urls = {name: getattr(exchange, name) for name in ("rest_url", "stream_url", "ws_api_url")}
    return VenueSettings(**urls, limit_request_rate=False, backoff_first_ms=1, backoff_max_ms=10, **changes)


class Desk:
    """A trading adapter, the venue behind it, and every report that came."""

    def __init__(self, exchange, adapter):
        self.exchange, self.adapter = exchange, adapter
        self.reports, self.gaps = [], 0
        self.news = asyncio.Event()

    def take(self, report):
        self.reports.append(report)
        self.news.set()

    def on_gap(self):
        self.gaps += 1
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def order(self, name, side="buy", *, is_passive, lots=LOTS):
        bid_ticks, _, ask_ticks, _ = self.exchange.venue.core.top()
        away = 5_000 if is_passive else -5_000
        price = bid_ticks - away if side == "buy" else ask_ticks + away
        return SubmitOrder(
            symbol=SYMBOL,
            client_order_id=name,
            parent_id="p-1",
            side=side,
            price_ticks=price,
            size_lots=lots,
            time_in_force="GTC",
        )

    def arm(self, kind, **fields):
        self.exchange.faults.arm(Fault(kind=kind, **fields))

    def cancel(self, name):
        return self.adapter.cancel(CancelOrder(symbol=SYMBOL, client_order_id=name, reason="stop"))

    def trades_of(self, name):
        return [report for report in self.reports if report.trade_id and report.client_order_id == name]


@asynccontextmanager
async def desk(make_trading, credentials=None, **changes):
    market = LocalExchangeSettings(
        port=0, synthetic=True, duration_s=20, seed=3, speed=0, balances={"USDT": "100000", "BTC": "2"}
    )
    async with LocalExchange(market) as exchange:
        adapter = make_trading(venue_settings(exchange, **changes), credentials or exchange.credentials)
        try:
            yield Desk(exchange, adapter)
        finally:
            await adapter.close()


def run(make_trading, scenario, **options):
    async def main():
        async with desk(make_trading, **options) as running:
            await scenario(running)

    asyncio.run(main())


def run_streaming(make_trading, scenario, **options):
    async def with_stream(running):
        stream = asyncio.create_task(running.adapter.stream_reports(SYMBOL, running.take, running.on_gap))
        try:
            await running.until(lambda: running.gaps == 1)
            await scenario(running)
        finally:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    run(make_trading, with_stream, **options)


def test_the_rules_are_the_venues(make_trading):
    async def scenario(running):
        assert await running.adapter.instrument(SYMBOL) == running.exchange.source.instrument
        with pytest.raises(InvalidInputError, match="did you mean: BTC/USDT"):
            await running.adapter.instrument("BTCUSDT")

    run(make_trading, scenario)


def test_an_order_rests_is_found_and_is_withdrawn(make_trading):
    async def scenario(running):
        order = running.order("o-1", is_passive=True)
        placed = await running.adapter.submit(order)
        assert (placed.client_order_id, placed.state, placed.filled_lots) == ("o-1", "ACCEPTED", 0)
        assert (placed.side, placed.price_ticks, placed.size_lots) == ("buy", order.price_ticks, LOTS)
        found = await running.adapter.query(SYMBOL, "o-1")
        assert (found.venue_order_id, found.state) == (placed.venue_order_id, "ACCEPTED")
        assert [each.client_order_id for each in await running.adapter.open_orders(SYMBOL)] == ["o-1"]
        assert (await running.cancel("o-1")).state == "CANCELED"
        assert list(await running.adapter.open_orders(SYMBOL)) == []
        assert (await running.adapter.query(SYMBOL, "o-1")).state == "CANCELED"
        with pytest.raises(VenueRejectedError) as caught:
            await running.cancel("o-1")
        assert caught.value.code == -2011
        await running.until(lambda: running.reports and running.reports[-1].state == "CANCELED")
        assert {report.client_order_id for report in running.reports} == {"o-1"}
        assert [report.state for report in running.reports] == ["ACCEPTED", "CANCELED"]

    run_streaming(make_trading, scenario)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_fills_of_stream_query_and_balances_agree_to_the_atom(make_trading, side):
    async def scenario(running):
        before = await running.adapter.balances()
        placed = await running.adapter.submit(running.order("o-1", side, is_passive=False))
        await running.until(lambda: running.reports and running.reports[-1].state == "FILLED")
        streamed = running.trades_of("o-1")
        fetched = await running.adapter.fills(SYMBOL, "o-1")
        assert placed.state == "FILLED"
        assert placed.filled_lots == sum(report.last_lots for report in streamed) == LOTS
        fields = (
            "trade_id",
            "last_price_ticks",
            "last_lots",
            "fee_atoms",
            "fee_asset",
            "liquidity",
            "filled_lots",
        )
        assert [[getattr(report, name) for name in fields] for report in fetched] == [
            [getattr(report, name) for name in fields] for report in streamed
        ]
        instrument = await running.adapter.instrument(SYMBOL)
        sign = 1 if side == "buy" else -1
        change = {"BTC": sign * LOTS * instrument.base_atoms_per_lot, "USDT": 0}
        for report in streamed:
            change["USDT"] -= sign * instrument.notional_atoms(report.last_price_ticks, report.last_lots)
            change[report.fee_asset] -= report.fee_atoms
        after = await running.adapter.balances()
        assert {asset: after[asset] - before[asset] for asset in change} == change
        assert any(report.fee_atoms for report in streamed)

    run_streaming(make_trading, scenario)


@pytest.mark.parametrize(("kind", "fields"), [("error_5xx", {}), ("slow_ack", {"delay_ms": 30_000})])
def test_an_order_without_an_answer_is_ambiguous_and_can_be_found(make_trading, kind, fields):
    async def scenario(running):
        await running.adapter.instrument(SYMBOL)
        running.arm(kind, **fields)
        with pytest.raises(AmbiguousResultError):
            await running.adapter.submit(running.order("o-1", is_passive=True))
        assert (await running.adapter.query(SYMBOL, "o-1")).state == "ACCEPTED"
        assert len(await running.adapter.open_orders(SYMBOL)) == 1

    run(make_trading, scenario, request_timeout_ms=500)


@pytest.mark.parametrize("kind", ["error_429", "reject"])
def test_a_refused_order_left_nothing_behind(make_trading, kind):
    async def scenario(running):
        running.arm(kind)
        with pytest.raises(VenueRejectedError) as caught:
            await running.adapter.submit(running.order("o-1", is_passive=True))
        assert kind == "reject" or caught.value.code == 429
        assert await running.adapter.query(SYMBOL, "o-1") is None
        assert list(await running.adapter.fills(SYMBOL, "o-1")) == []

    run(make_trading, scenario)


def test_an_id_cannot_be_used_twice(make_trading):
    async def scenario(running):
        await running.adapter.submit(running.order("o-1", is_passive=True))
        with pytest.raises(VenueRejectedError):
            await running.adapter.submit(running.order("o-1", is_passive=True))
        assert len(await running.adapter.open_orders(SYMBOL)) == 1

    run(make_trading, scenario)


def test_what_the_rules_forbid_is_refused_with_the_venues_code(make_trading):
    async def scenario(running):
        with pytest.raises(VenueRejectedError) as caught:
            await running.adapter.submit(running.order("o-1", is_passive=True, lots=1))
        assert caught.value.code == -1013
        with pytest.raises(VenueRejectedError) as caught:
            await running.adapter.submit(running.order("o-2", "sell", is_passive=True, lots=10**6))
        assert caught.value.code == -2010

    run(make_trading, scenario)


@pytest.mark.parametrize("wrong", ["api_key", "secret"])
def test_a_wrong_key_is_named_and_has_no_effect(make_trading, wrong):
    async def scenario(running):
        right = running.exchange.credentials
        pair = {"api_key": right.api_key.reveal(), "secret": right.secret.reveal(), wrong: "wrong"}
        stranger = make_trading(venue_settings(running.exchange), Credentials(**pair))
        calls = [
            lambda: stranger.submit(running.order("o-1", is_passive=True)),
            stranger.balances,
            lambda: stranger.stream_reports(SYMBOL, running.take, running.on_gap),
        ]
        try:
            for call in calls:
                with pytest.raises(AuthenticationError, match="check the API key"):
                    await asyncio.wait_for(call(), PATIENCE_S)
        finally:
            await stranger.close()
        assert running.exchange.venue.open_orders == []

    run(make_trading, scenario)


def test_a_lost_report_stream_is_a_gap_and_goes_on(make_trading):
    async def scenario(running):
        running.arm("drop_user")
        running.exchange.replay.strike()
        await running.adapter.submit(running.order("o-1", is_passive=True))  # may fall into the hole
        await running.until(lambda: running.gaps == 2)
        assert [each.client_order_id for each in await running.adapter.open_orders(SYMBOL)] == ["o-1"]
        await running.adapter.submit(running.order("o-2", is_passive=True))
        await running.until(lambda: running.reports and running.reports[-1].client_order_id == "o-2")

    run_streaming(make_trading, scenario)


def test_a_report_told_twice_is_the_same_report(make_trading):
    async def scenario(running):
        running.arm("duplicate_report")
        await running.adapter.submit(running.order("o-1", is_passive=False))
        await running.until(lambda: running.reports and running.reports[-1].state == "FILLED")
        trades = running.trades_of("o-1")
        repeated = [report for report in trades if trades.count(report) > 1]
        assert len(repeated) == 2
        assert sum({report.trade_id: report.last_lots for report in trades}.values()) == LOTS

    run_streaming(make_trading, scenario)


def test_the_venues_clock_is_told_in_nanoseconds(make_trading):
    async def scenario(running):
        first, second = await running.adapter.server_time_ns(), await running.adapter.server_time_ns()
        assert first <= second
        assert first % 10**6 == 0
        assert first > 10**18

    run(make_trading, scenario)


@pytest.mark.parametrize("make_market_data", MARKET_DATA.values(), ids=MARKET_DATA)
def test_snapshot_and_trades_are_the_venues_own_text(make_trading, make_market_data):
    async def scenario(running):
        adapter = make_market_data(venue_settings(running.exchange))
        try:
            running.exchange.replay.start(500)
            await running.exchange.replay.wait_idle()
            assert await adapter.depth_snapshot(SYMBOL) == running.exchange.venue.core.snapshot(5_000)
            last = running.exchange.tape.last_trade_id
            page = await adapter.historical_trades(SYMBOL, last, 10)
            assert page.count(b'"id"') == 1
            assert f'"id":{last},'.encode() in page
            assert b'"price":"' in page
        finally:
            await adapter.close()

    run(make_trading, scenario)

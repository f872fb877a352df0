"""The feed through real ccxt over real sockets, from a venue that fails on purpose."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.exchanges.ccxt_market_data import CcxtMarketData
from openoutcry.exchanges.local.faults import Fault
from openoutcry.exchanges.local.server import LocalExchange
from openoutcry.exchanges.local.settings import LocalExchangeSettings
from openoutcry.exchanges.venue_settings import VenueSettings
from openoutcry.ingestion.feed import LiveFeed
from openoutcry.ingestion.settings import FeedSettings

PATIENCE_S = 60
POLL_S = 0.005
SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SYNTHETIC = {"synthetic": True, "seed": 11, "duration_s": 40}


class Session:
    def __init__(self, exchange, feed, task, messages):
        self.exchange, self.feed, self.task, self.messages = exchange, feed, task, messages

    @property
    def candles(self):
        return [message for message in self.messages if isinstance(message, CandleClosed)]

    @property
    def states(self):
        told = [message.state for message in self.messages if isinstance(message, VenueStatus)]
        return [state for state, _ in itertools.groupby(told)]

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(POLL_S)

    async def play(self, lines=None):
        """Let the market run for so many lines, then wait until it stands still."""
        self.exchange.replay.start(lines)
        await self.exchange.replay.wait_idle()
        assert self.exchange.replay.error is None

    async def strike(self, kind):
        self.exchange.faults.arm(Fault(kind=kind))
        self.exchange.replay.strike()

    async def caught_up(self):
        """Every trade is on the tape and the book is live."""
        await self.until(
            lambda: (
                self.feed.state == "live"
                and self.feed.last_trade_id == self.exchange.tape.last_trade_id
                and self.feed.snapshot()["last_update_id"] == self.exchange.venue.core.last_update_id
            )
        )


@asynccontextmanager
async def session(**market):
    async with LocalExchange(LocalExchangeSettings(port=0, speed=0, **market)) as exchange:
        settings = VenueSettings(
            rest_url=exchange.rest_url,
            stream_url=exchange.stream_url,
            ws_api_url=exchange.ws_api_url,
            limit_request_rate=False,
        )
        adapter, messages = CcxtMarketData(settings), []
        instrument = await adapter.instrument("BTC/USDT")
        # A market that runs as fast as it can and then stands still is not to be judged by age here.
        feed_settings = FeedSettings(
            symbol="BTC/USDT",
            candle_interval_ns=10**9,
            depth_stale_ms=10**6,
            trade_stale_ms=10**6,
            book_ticker_stale_ms=10**6,
        )
        feed = LiveFeed(feed_settings, instrument, messages.append)
        task = asyncio.create_task(feed.run(adapter))
        running = Session(exchange, feed, task, messages)
        try:
            await running.until(lambda: feed.state == "syncing")
            yield running
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await adapter.close()


def run(scenario, **market):
    async def main():
        async with session(**market) as running:
            await scenario(running)
        return running

    return asyncio.run(main())


def last_book_ticker(running):
    ticker = running.exchange.tape.book_ticker
    instrument = running.feed.instrument
    return (
        instrument.price_ticks(ticker["b"]),
        instrument.size_lots(ticker["B"]),
        instrument.price_ticks(ticker["a"]),
        instrument.size_lots(ticker["A"]),
    )


async def unbroken(running):
    await running.play()
    await running.caught_up()


def test_an_unbroken_run_ends_on_the_last_book_ticker():
    running = run(unbroken, **SYNTHETIC)
    assert running.feed.counters.faults == 0
    assert len(running.candles) > 30
    assert running.feed.counters.snapshots == 1


def test_a_dropped_connection_changes_no_candle():
    async def scenario(running):
        third = running.exchange.replay.source.lines_total // 3
        await running.play(third)
        await running.until(lambda: running.feed.state == "live")
        await running.strike("drop")
        await running.play(third)  # while nobody listens
        await running.until(lambda: running.feed.counters.reconnects == 1)
        await unbroken(running)
        assert running.feed.snapshot()["top"] == last_book_ticker(running)

    broken, whole = run(scenario, **SYNTHETIC), run(unbroken, **SYNTHETIC)
    assert broken.candles == whole.candles
    counters = broken.feed.counters
    assert counters.backfilled_trades > 0
    assert (counters.faults, counters.recovered_faults, counters.gaps) == (1, 1, 0)
    assert broken.states == ["connecting", "syncing", "live", "down", "syncing", "live", "down"]


@pytest.mark.parametrize(("kind", "counter"), [("gap", "gaps"), ("malformed", "decode_errors")])
def test_a_lost_or_broken_depth_frame_is_seen_and_repaired(kind, counter):
    async def scenario(running):
        await running.play(1_000)
        await running.until(lambda: running.feed.state == "live")
        await running.strike(kind)
        await unbroken(running)
        assert running.feed.snapshot()["top"] == last_book_ticker(running)

    broken, whole = run(scenario, **SYNTHETIC), run(unbroken, **SYNTHETIC)
    assert broken.candles == whole.candles
    counters = broken.feed.counters.as_dict()
    assert (counters[counter], counters["faults"], counters["recovered_faults"]) == (1, 1, 1)
    assert counters["resyncs"] == 1
    assert broken.states[2:] == ["live", "syncing", "live", "down"]


@pytest.mark.data
def test_a_recording_with_every_fault_ends_on_its_last_book_ticker():
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")

    async def scenario(running):
        for kind in ("drop", "gap", "malformed", "drop"):
            await running.play(5_000)
            await running.until(lambda: running.feed.state == "live")
            await running.strike(kind)
            if kind == "drop":
                await running.play(3_000)  # while nobody listens
                await running.until(lambda: running.feed.state == "syncing")
        await unbroken(running)
        assert running.feed.snapshot()["top"] == last_book_ticker(running)

    market = {"data": SHARED_DATA / "binance_l2_2024"}
    broken, whole = run(scenario, **market), run(unbroken, **market)
    assert broken.candles == whole.candles
    assert (broken.feed.counters.faults, broken.feed.counters.recovered_faults) == (4, 4)

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingestion.venue_script import BTC, CHANNELS, START_MS, ManualClock, VenueScript

from openoutcry.domain.errors import AuthenticationError, ConfigurationError, VenueError, VenueRejectedError
from openoutcry.domain.market import CandleClosed, MarketAlert, VenueStatus
from openoutcry.ingestion.feed import LiveFeed
from openoutcry.ingestion.settings import FeedSettings

SETTINGS = FeedSettings(
    symbol="BTC/USDT",
    candle_interval_ns=10**9,
    repair_backoff_first_ms=1,
    repair_backoff_max_ms=2,
    repair_attempts=4,
)
MAX_TURNS = 100_000  # of the event loop; the repairs wait a millisecond or two


class Session:
    """A feed running on a scripted venue."""

    def __init__(self, settings=SETTINGS, **options):
        self.venue, self.clock, self.messages = VenueScript(), ManualClock(), []
        self.feed = LiveFeed(settings, BTC, self.messages.append, self.clock, **options)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.feed.run(self.venue))
        await self.venue.sinks.get()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def send(self, *frames):
        return [self.feed.on_frame(frame, self.clock.wall_ns()) for frame in frames]

    def connect(self):
        for channel in CHANNELS:
            self.feed.on_connected(channel)

    def disconnect(self):
        for channel in CHANNELS:
            self.feed.on_disconnected(channel, "closing code 1001")

    async def reach(self, state):
        await self.until(lambda: self.feed.state == state)

    async def until(self, condition):
        """Let the feed work until a condition holds."""
        for _ in range(MAX_TURNS):
            if condition():
                return
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0)
        pytest.fail(f"still {self.feed.state} ({self.messages[-1]})")

    async def go_live(self):
        self.connect()
        self.send(self.venue.depth(), self.venue.book_ticker(), self.venue.trade(0))
        await self.reach("live")

    @property
    def states(self):
        return [message.state for message in self.messages if isinstance(message, VenueStatus)]

    @property
    def alerts(self):
        return [message for message in self.messages if isinstance(message, MarketAlert)]

    @property
    def candles(self):
        return [message for message in self.messages if isinstance(message, CandleClosed)]


def run(scenario, **options):
    async def main():
        async with Session(**options) as session:
            await scenario(session)
        return session

    return asyncio.run(main())


def test_it_goes_from_connecting_over_syncing_to_live():
    async def scenario(session):
        await session.go_live()
        bid = session.venue.bid_ticks
        assert session.feed.snapshot()["top"] == (bid, 150_000, bid + 1, 50_000)
        assert session.feed.counters.resyncs == 0

    session = run(scenario)
    assert session.states == ["connecting", "syncing", "live", "down"]
    assert session.messages[-1].reason == "the feed ended"


def test_candles_carry_deterministic_ids_and_are_kept():
    async def scenario(session):
        await session.go_live()
        session.send(*(session.venue.trade(at_ms) for at_ms in (1_000, 1_400, 2_100, 5_000)))

    session = run(scenario)
    first, second = session.candles
    assert first.id == f"candle:BTC/USDT:1s:{(START_MS + 2_000) * 10**6}"
    assert (first.first_trade_id, first.last_trade_id, first.trade_count, first.volume_lots) == (
        1001,
        1002,
        2,
        200,
    )
    assert second.open_ns == (START_MS + 2_000) * 10**6
    assert list(session.feed.candles) == session.candles


def test_frames_of_others_are_given_back():
    async def scenario(session):
        assert session.send(b'{"result":null,"id":1}', b'{"e":"kline","s":"BTCUSDT"}') == [False, False]
        assert session.feed.messages()["unknown"] == 2

    run(scenario)


def test_a_gap_is_counted_and_the_book_made_anew():
    async def scenario(session):
        await session.go_live()
        session.venue.depth()  # lost on the way
        session.send(session.venue.depth())
        assert session.feed.state == "syncing"
        assert session.feed.snapshot()["top"] is None
        await session.reach("live")
        counters = session.feed.counters
        assert (counters.gaps, counters.resyncs, counters.faults, counters.recovered_faults) == (1, 1, 1, 1)
        assert session.feed.snapshot()["top"][0] == session.venue.bid_ticks

    run(scenario)


def test_a_lost_connection_is_one_fault_and_its_trades_are_fetched():
    async def scenario(session):
        await session.go_live()
        session.send(session.venue.trade(1_000))
        session.disconnect()
        assert session.feed.state == "down"
        session.venue.depth()
        lost = [session.venue.trade(at_ms) for at_ms in (1_200, 2_300, 2_400)]
        session.connect()
        session.send(session.venue.depth(), session.venue.trade(3_000), session.venue.trade(4_000))
        await session.reach("live")
        counters = session.feed.counters
        assert (counters.reconnects, counters.backfilled_trades, counters.gaps) == (1, len(lost), 0)
        assert (counters.faults, counters.recovered_faults) == (1, 1)

    session = run(scenario)
    assert [candle.trade_count for candle in session.candles] == [2, 2, 1]


@given(
    times=st.lists(st.integers(min_value=0, max_value=400), min_size=2, max_size=60).map(
        lambda steps: [sum(steps[: i + 1]) for i in range(len(steps))]
    ),
    lost=st.sets(st.integers(min_value=1, max_value=58)),
)
def test_whatever_is_lost_the_candles_are_those_of_an_unbroken_stream(times, lost):
    async def scenario(session, lost):
        await session.go_live()
        for index, at_ms in enumerate(times):
            frame = session.venue.trade(at_ms)
            if index not in lost or index == len(times) - 1:
                session.send(frame)
        await session.reach("live")

    whole = run(lambda session: scenario(session, set()))
    broken = run(lambda session: scenario(session, lost))
    assert broken.candles == whole.candles
    assert broken.feed.last_trade_id == whole.feed.last_trade_id


def test_a_restarted_feed_goes_on_behind_its_last_candle():
    times = (0, 1_000, 1_500, 2_200, 3_100, 3_900, 4_200, 5_600)

    async def whole(session):
        await session.go_live()
        session.send(*(session.venue.trade(at_ms) for at_ms in times))

    unbroken = run(whole)
    known, later = unbroken.candles[:2], unbroken.candles[2:]

    async def restarted(session):
        session.venue.trade(0)
        for at_ms in times[:-1]:
            session.venue.trade(at_ms)
        session.connect()
        session.send(session.venue.depth(), session.venue.trade(times[-1]))
        await session.reach("live")

    session = run(restarted, earlier_candles=known)
    assert session.candles == later
    assert list(session.feed.candles) == unbroken.candles


def test_a_history_that_is_behind_the_stream_is_asked_again():
    async def scenario(session):
        await session.go_live()
        known = list(session.venue.trades)
        session.venue.trade(10)
        frame = session.venue.trade(20)
        session.venue.trades, whole = known, session.venue.trades
        session.send(frame)
        await session.until(lambda: len(session.venue.requests) > 2)
        assert session.feed.state == "syncing"
        session.venue.trades = whole
        await session.reach("live")
        assert session.feed.counters.backfilled_trades == 1

    run(scenario)


def test_a_snapshot_that_comes_after_its_connection_was_lost_is_not_used():
    async def scenario(session):
        answer, ask = asyncio.Event(), session.venue.depth_snapshot

        async def late_snapshot(symbol):
            body = await ask(symbol)
            await answer.wait()
            return body

        session.venue.depth_snapshot = late_snapshot
        session.connect()
        session.send(session.venue.depth())
        await session.until(lambda: session.venue.requests)
        session.disconnect()
        session.venue.depth()  # lost on the way
        answer.set()
        await session.until(lambda: not session.feed._book_is_broken.is_set())
        await asyncio.sleep(0)
        session.connect()
        session.send(session.venue.depth())
        await session.reach("live")
        assert session.feed.counters.gaps == 0

    run(scenario)


def test_alerts_have_ids_of_the_market_alone():
    def prices(session):
        for second in range(100):
            session.venue.bid_ticks = 6_000_000 + (500_000 if second in {70, 80} else 10 * (second % 3))
            session.send(session.venue.trade(second * 1_000))

    async def scenario(session):
        await session.go_live()
        prices(session)

    first, second = run(scenario), run(scenario)
    assert first.alerts
    assert len({alert.id for alert in first.alerts}) == len(first.alerts)
    assert first.alerts == second.alerts
    assert first.alerts[0].id == f"alert:BTC/USDT:return_robust_z:{(START_MS + 71_000) * 10**6}"


def test_a_hole_too_large_to_fill_starts_the_tape_anew():
    async def scenario(session):
        await session.go_live()
        session.venue.depth()
        session.send(session.venue.depth())
        await session.reach("live")
        for at_ms in range(20):
            session.venue.trade(at_ms)
        session.send(session.venue.depth(), session.venue.trade(1_000))
        await session.until(lambda: session.feed.counters.tape_restarts)
        session.send(session.venue.depth(), *(session.venue.trade(at_ms) for at_ms in (1_500, 2_000, 3_000)))
        await session.reach("live")
        assert session.feed.messages()["trade"] == 5
        assert session.feed.counters.gaps == 1

    session = run(
        scenario, settings=FeedSettings(symbol="BTC/USDT", candle_interval_ns=10**9, max_backfill_trades=10)
    )
    assert [candle.open_ns for candle in session.candles] == [(START_MS + 2_000) * 10**6]
    assert not any(request[0] == "trades" for request in session.venue.requests)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"e":"depthUpdate","E":17000000000',
        b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["NaN","1"]],"a":[]}',
        b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["100.00","-1"]],"a":[]}',
        b'{"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"100.005","q":"1","T":1,"m":true}',
    ],
    ids=["truncated", "nan", "negative", "off-grid"],
)
def test_a_malformed_frame_is_counted_named_and_repaired(frame, caplog):
    async def scenario(session):
        await session.go_live()
        assert session.send(frame) == [True]
        assert session.feed.state == "syncing"
        session.send(session.venue.depth())
        await session.reach("live")
        counters = session.feed.counters
        assert (counters.decode_errors, counters.resyncs, counters.faults, counters.recovered_faults) == (
            1,
            1,
            1,
            1,
        )

    run(scenario)
    assert f"frame of {len(frame)} bytes cannot be read" in caplog.text


def test_every_channel_goes_stale_by_itself_and_comes_back():
    async def scenario(session):
        await session.go_live()
        session.clock.advance_ms(SETTINGS.depth_stale_ms + 1)
        session.send(session.venue.book_ticker(), session.venue.trade(10))
        session.feed.check_staleness()
        assert session.feed.state == "stale"
        assert session.messages[-1].reason == "no depth frame for more than 5000 ms"
        session.send(session.venue.depth())
        assert session.feed.state == "live"

    run(scenario)


def test_updates_that_tell_nothing_new_do_not_keep_the_book_fresh():
    async def scenario(session):
        await session.go_live()
        repeated = session.venue.depth()
        session.send(repeated)
        session.clock.advance_ms(SETTINGS.depth_stale_ms + 1)
        session.send(repeated, session.venue.book_ticker())
        assert session.feed.state == "stale"
        session.send(session.venue.depth())
        assert session.feed.state == "live"

    run(scenario)


def test_a_venue_that_is_late_is_asked_again():
    async def scenario(session):
        session.venue.failures = [VenueRejectedError("busy", code=429), VenueRejectedError("busy", code=429)]
        await session.go_live()
        assert session.venue.requests == ["depth"] * 3

    run(scenario)


def test_a_repair_that_never_succeeds_ends_the_feed_with_the_venues_error():
    async def scenario(session):
        session.venue.failures = [VenueRejectedError("depth is closed")] * 10
        session.connect()
        session.send(session.venue.depth())
        with pytest.raises(VenueError, match="depth is closed"):
            await session.task
        assert session.feed.state == "down"
        assert len(session.venue.requests) == SETTINGS.repair_attempts

    run(scenario)


def test_a_refused_key_ends_the_feed_at_once():
    async def scenario(session):
        session.venue.failures = [AuthenticationError("bad key")]
        session.connect()
        session.send(session.venue.depth())
        with pytest.raises(AuthenticationError):
            await session.task
        assert session.venue.requests == ["depth"]

    run(scenario)


def test_only_a_whole_valid_fresh_feed_is_live():
    async def scenario(session):
        await session.go_live()
        session.feed.on_disconnected("book_ticker", "lost")
        session.send(session.venue.depth(), session.venue.trade(10))
        assert session.feed.state == "down"

    run(scenario)


def test_settings_of_another_symbol_are_refused():
    with pytest.raises(ConfigurationError, match="ETH/USDT"):
        LiveFeed(FeedSettings(symbol="ETH/USDT"), BTC, lambda _: None)

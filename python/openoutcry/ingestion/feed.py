"""One symbol's live feed: frames into the compiled core; candles, alerts and states out."""

import asyncio
import logging
from array import array
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed, FeedState, MarketAlert, VenueStatus
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs
from openoutcry.ingestion.books import PublishedBooks
from openoutcry.ingestion.candles import CandleValues, candle_of
from openoutcry.ingestion.clock import Clock, SystemClock
from openoutcry.ingestion.health import CHANNELS, ChannelHealth, FeedCounters
from openoutcry.ingestion.repair import repair
from openoutcry.ingestion.settings import FeedSettings
from openoutcry.native import CoreError, MarketFeed

log = logging.getLogger(__name__)

TRADES_PER_PAGE: Final = 1_000  # the venue's maximum a request
MAX_REASON_CHARS: Final = 200


class MarketDataSource(Protocol):
    """What a feed needs of an adapter (a part of exchanges.adapter.MarketDataAdapter)."""

    async def stream(self, symbol: str, sink: "LiveFeed") -> None:
        """Deliver frames to the sink until cancelled."""
        ...

    async def depth_snapshot(self, symbol: str) -> bytes:
        """The venue's REST depth reply."""
        ...

    async def historical_trades(self, symbol: str, first_trade_id: int, limit: int) -> bytes:
        """The venue's REST reply with trades from an id on."""
        ...


class LiveFeed:
    """A feed of one instrument. It is the adapter's FeedSink; `run` drives it.

    `emit` receives CandleClosed, MarketAlert and VenueStatus, on the event loop. After a restart give the
    candles that are known already: the tape goes on exactly behind the last of them. Ids of candles and
    alerts depend only on the market, so a replay makes the same ones.
    """

    def __init__(
        self,
        settings: FeedSettings,
        instrument: Instrument,
        emit: Callable[[Message], None],
        clock: Clock | None = None,
        *,
        earlier_candles: Sequence[CandleClosed] = (),
        resume_trade_id: int = 0,
        books: PublishedBooks | None = None,
    ) -> None:
        if settings.symbol != instrument.symbol:
            raise ConfigurationError(
                f"settings are for {settings.symbol}, the instrument is {instrument.symbol}"
            )
        self.settings = settings
        self.instrument = instrument
        self.counters = FeedCounters()
        self.candles: deque[CandleClosed] = deque(earlier_candles, maxlen=settings.history_candles)
        self._emit = emit
        self._clock = clock or SystemClock()
        self._books = books
        self._feed = self._new_core(
            resume_trade_id or (self.candles[-1].last_trade_id if self.candles else 0)
        )
        self._health = ChannelHealth(
            {
                "depth": settings.depth_stale_ms,
                "trade": settings.trade_stale_ms,
                "book_ticker": settings.book_ticker_stale_ms,
            }
        )
        self._state: FeedState = "down"
        self._reason = "not started"
        self._was_lost = False
        self._earlier_frames: Counter[str] = Counter()  # of cores given up
        self._book_is_broken = asyncio.Event()
        self._tape_is_broken = asyncio.Event()

    def _new_core(self, resume_trade_id: int) -> MarketFeed:
        return MarketFeed(
            product="spot",
            symbol=self.instrument.venue_symbol,
            price_tick=self.instrument.price_tick,
            size_step=self.instrument.size_step,
            candle_interval_ns=self.settings.candle_interval_ns,
            window_ticks=self.settings.window_ticks,
            resume_trade_id=resume_trade_id,
            anomaly_window=self.settings.anomaly_window,
            anomaly_threshold=self.settings.anomaly_threshold,
        )

    # What the adapter calls

    def on_frame(self, frame: bytes, received_ns: TimestampNs) -> bool:
        """Take a raw frame; False gives it back to the client. A malformed one never raises."""
        try:
            kind = self._feed.apply(frame, received_ns)
        except CoreError as error:
            self._on_malformed(frame, error)
            return True
        if kind == "unknown":
            return False
        # An update that tells nothing new is no sign that the book is up to date.
        if kind != "depth" or self._feed.last_received_ns["depth"] == received_ns:
            self._health.newest_ns[kind] = self._clock.monotonic_ns()
        if kind == "trade":
            self._after_trades()
        elif kind == "depth":
            self._after_depth()
        self._update_state()
        return True

    def on_connected(self, channel: str) -> None:
        """A channel is subscribed (again)."""
        self._health.up(channel, self._clock.monotonic_ns())
        if self._health.is_whole and self._was_lost:
            self._was_lost = False
            self.counters.reconnects += 1
        self._update_state()

    def on_disconnected(self, channel: str, reason: str) -> None:
        """A channel was lost. What the book missed with it is unknown, so it starts anew."""
        if self._health.is_whole:
            self._was_lost = True
            self.counters.faults += 1
        if channel == "depth":
            self._feed.reset()
        self._health.down(channel, reason[:MAX_REASON_CHARS])
        self._update_state()

    # What drives it

    async def run(self, source: MarketDataSource) -> None:
        """Stream until cancelled, repairing book and tape on the way.

        Raises:
            VenueError: the stream was refused, or a repair failed for good.
        """
        self.check_staleness()
        work = [
            asyncio.create_task(source.stream(self.settings.symbol, self)),
            asyncio.create_task(
                self._keep_repaired(self._book_is_broken, "snapshot", self._join_snapshot, source)
            ),
            asyncio.create_task(
                self._keep_repaired(self._tape_is_broken, "backfill", self._fill_tape, source)
            ),
            asyncio.create_task(self._watch_staleness()),
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            for channel in CHANNELS:
                self._health.down(channel, "the feed ended")
            self._feed.reset()
            self._update_state()

    async def _watch_staleness(self) -> None:
        while True:
            await asyncio.sleep(self.settings.staleness_check_ms * NS_PER_MS / NS_PER_S)
            self.check_staleness()

    def check_staleness(self) -> None:
        """Judge the age of every channel now."""
        if self._books is not None:
            self._books.keep(self._clock.monotonic_ns())
        self._update_state()

    async def _keep_repaired(
        self,
        broken: asyncio.Event,
        what: str,
        attempt: Callable[[MarketDataSource], Awaitable[bool]],
        source: MarketDataSource,
    ) -> None:
        while True:
            await broken.wait()
            broken.clear()
            await repair(
                f"{what} of {self.settings.symbol}",
                lambda: attempt(source),
                attempts=self.settings.repair_attempts,
                backoff_first_ms=self.settings.repair_backoff_first_ms,
                backoff_max_ms=self.settings.repair_backoff_max_ms,
            )

    async def _join_snapshot(self, source: MarketDataSource) -> bool:
        if not self.needs_snapshot:
            return True
        return self.join_snapshot(await source.depth_snapshot(self.settings.symbol))

    def join_snapshot(self, body: bytes) -> bool:
        """Join the book with a REST depth reply; False if it is too old or cannot be read: fetch another."""
        if not self.needs_snapshot:  # the connection was lost meanwhile
            return True
        try:
            is_joined = self._feed.apply_snapshot(body, self._clock.wall_ns())
        except CoreError as error:
            self._note_unreadable("snapshot", len(body), error)
            return False
        if is_joined:
            self.counters.snapshots += 1
        self._after_depth()
        self._update_state()
        return is_joined

    async def _fill_tape(self, source: MarketDataSource) -> bool:
        while (missing := self._feed.missing_trades) is not None:
            first_id, last_id = missing
            count = last_id - first_id + 1
            if count > self.settings.max_backfill_trades:
                self.restart_tape()
                return True
            body = await source.historical_trades(self.settings.symbol, first_id, min(count, TRADES_PER_PAGE))
            try:
                used = self._feed.apply_trades(body, self._clock.wall_ns())
            except CoreError as error:
                self._note_unreadable("page of trades", len(body), error)
                return False
            self.counters.backfilled_trades += used
            self._after_trades()
            self._update_state()
            if not used:
                return False  # the venue's history is behind its stream
        return True

    def restart_tape(self) -> None:
        """Give the missing trades up: the candles that they belong to are never told."""
        first_id, last_id = self._feed.missing_trades or (1, 0)
        log.warning(
            "%s: %d trades are missing that cannot be fetched; the tape starts anew",
            self.settings.symbol,
            last_id - first_id + 1,
        )
        self.counters.tape_restarts += 1
        self._earlier_frames.update(self._feed.counts)
        self._feed = self._new_core(0)
        self._update_state()

    # What follows from a frame

    def _after_depth(self) -> None:
        for frame, _, kind, what in self._feed.take_violations():
            self.counters.faults += 1
            self.counters.gaps += kind == "gap"
            log.warning(
                "%s: frame %d breaks the book (%s: %s); it starts anew",
                self.settings.symbol,
                frame,
                kind,
                what,
            )
        if self._feed.needs_snapshot:
            self._book_is_broken.set()
        self._tell_alerts()

    def _after_trades(self) -> None:
        if self._feed.missing_trades is not None:
            self._tape_is_broken.set()
        for candle in self._feed.take_candles():
            self._close_candle(candle)
        self._tell_alerts()

    def _tell_alerts(self) -> None:
        for alert in self._feed.take_alerts():
            self._raise_alert(*alert)

    def _on_malformed(self, frame: bytes, error: CoreError) -> None:
        self.counters.faults += 1
        self._note_unreadable("frame", len(frame), error)
        self._feed.reset()
        self._update_state()

    def _note_unreadable(self, what: str, size: int, error: CoreError) -> None:
        self.counters.decode_errors += 1
        log.warning(
            "%s: a %s of %d bytes cannot be read: %s",
            self.settings.symbol,
            what,
            size,
            str(error)[:MAX_REASON_CHARS],
        )

    def _close_candle(self, values: CandleValues) -> None:
        candle = candle_of(self.settings.symbol, self.settings.candle_interval_ns, values)
        self.candles.append(candle)
        self._emit(candle)

    def _raise_alert(self, at_ns: int, detector: str, score: float, evidence: str) -> None:
        self._emit(
            MarketAlert(
                id=f"alert:{self.settings.symbol}:{detector}:{at_ns}",
                symbol=self.settings.symbol,
                at_ns=TimestampNs(at_ns),
                detector=detector,
                score=score,
                evidence=evidence,
            )
        )

    def _update_state(self) -> None:
        if self._books is not None:
            self._books.publish(self.settings.symbol, self._feed, self._clock.wall_ns())
        state, reason = self._health.state(
            self._clock.monotonic_ns(),
            book_is_valid=self._feed.is_valid,
            missing_trades=self._feed.missing_trades,
        )
        if state == "live":
            self.counters.recovered_faults = self.counters.faults
        if (state, reason) == (self._state, self._reason):
            return
        self._state, self._reason = state, reason
        at_ns = self._clock.wall_ns()
        self._emit(
            VenueStatus(
                id=f"venue_status:{self.instrument.venue}:{self.settings.symbol}:{at_ns}:{state}",
                venue=self.instrument.venue,
                symbol=self.settings.symbol,
                state=state,
                reason=reason,
                at_ns=at_ns,
            )
        )

    # What it shows

    @property
    def state(self) -> FeedState:
        """The state last told."""
        return self._state

    @property
    def last_trade_id(self) -> int:
        """Id of the last trade on the tape."""
        return self._feed.last_trade_id

    @property
    def needs_snapshot(self) -> bool:
        """The book waits for a snapshot."""
        return self._feed.needs_snapshot

    @property
    def misses_trades(self) -> bool:
        """The tape waits for trades that did not come."""
        return self._feed.missing_trades is not None

    def features(self) -> dict[str, float]:
        """All features of the core by name, as of the newest event; what is not known is NaN."""
        names = self._feed.feature_names()
        values = array("d", bytes(8 * len(names)))
        self._feed.feature_vector(values)
        return dict(zip(names, values.tolist(), strict=True))

    def snapshot(self) -> dict[str, object]:
        """The feed for a live screen: plain values only. Prices are in ticks, sizes in lots."""
        bids, asks = self._feed.levels(self.settings.screen_levels)
        return {
            "symbol": self.settings.symbol,
            "state": self._state,
            "reason": self._reason,
            "top": self._feed.top(),
            "bids": bids,
            "asks": asks,
            "price_tick": self.instrument.price_tick,
            "size_step": self.instrument.size_step,
            "features": self._feed.features(),
            "last_event_ns": self._feed.last_event_ns,
            "last_trade_id": self._feed.last_trade_id,
            "last_update_id": self._feed.last_update_id,
            "silent_ms": self._health.ages_ms(self._clock.monotonic_ns()),
            "messages": self.messages(),
            "counters": self.counters.as_dict(),
            "candles_kept": len(self.candles),
        }

    def messages(self) -> dict[str, int]:
        """Frames by kind: depth, trade, book_ticker, unknown (left to the client), snapshot, stale."""
        return dict(self._earlier_frames + Counter(self._feed.counts))

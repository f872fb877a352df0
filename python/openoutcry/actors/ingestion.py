"""The ingestion actor: a venue's market data in; candles, alerts and the state of the feed out."""

from typing import Final

from openoutcry.actors.figures import feed_gauges
from openoutcry.actors.history import ask_for_history, is_answer_to
from openoutcry.actors.loop_actor import LoopActor
from openoutcry.assembly import factory
from openoutcry.assembly.topology import INGESTION
from openoutcry.domain.control import CandleHistory
from openoutcry.domain.market import CandleClosed, MarketAlert, VenueStatus
from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs
from openoutcry.exchanges.ccxt_market_data import CcxtMarketData
from openoutcry.ingestion.books import PublishedBooks
from openoutcry.ingestion.feed import LiveFeed

_COUNTED: Final = {
    CandleClosed: "candles",
    MarketAlert: "alerts",
}


class IngestionActor(LoopActor):
    """One a venue. It starts when memory has said what went before, so that no candle is missed or cut."""

    role = INGESTION

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, LiveFeed] = {}
        self._statuses: dict[str, VenueStatus] = {}
        self._adapter: CcxtMarketData
        self._books: PublishedBooks | None = None

    def configure(self) -> dict[str, str]:
        """Read the venue's rules."""
        self.instruments = factory.instruments(self.run_dir)
        factory.load_venue_client()
        return {}

    def start(self) -> None:
        """Ask for the candles of before."""
        self._adapter = factory.market_data(self.settings)
        self._books = factory.published_books(self.settings, self.run_dir, self.settings.symbols)
        ask_for_history(self)

    def handle_CandleHistory(self, message: CandleHistory, now_ns: TimestampNs) -> None:  # noqa: N802  found by name
        """Go on behind the last candle."""
        del now_ns
        if not is_answer_to(self, message) or message.symbol in self.feeds or self.state != "running":
            return
        feed = factory.live_feed(
            self.settings, self.instruments[message.symbol], self._emit, message.candles, self._books
        )
        self.feeds[message.symbol] = feed
        self.spawn(feed.run(self._adapter))

    def _emit(self, message: Message) -> None:
        if isinstance(message, VenueStatus):
            self._statuses[message.symbol] = message
        elif (name := _COUNTED.get(type(message))) is not None:
            self.count(name)
        self.publish(message)

    def rewired_on_loop(self) -> None:
        """Tell whoever is new how the feeds are."""
        for status in self._statuses.values():
            self.publish(status)

    async def finish(self, reason: str) -> int:
        """Close the connections."""
        del reason
        self.cancel_work()
        if hasattr(self, "_adapter"):
            await self._adapter.close()
        if self._books is not None:
            self._books.close()
        return 0

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """What each feed has seen, for the screen and the metrics."""
        counters: dict[str, float] = {}
        for feed in self.feeds.values():
            for name, value in feed.counters.as_dict().items():
                counters[name] = counters.get(name, 0) + value
            for kind, frames in feed.messages().items():
                key = f"frames:{kind}"
                counters[key] = counters.get(key, 0) + frames
        feeds = {symbol: feed.snapshot() for symbol, feed in self.feeds.items()}
        return counters, feed_gauges(feeds), {"feeds": feeds}

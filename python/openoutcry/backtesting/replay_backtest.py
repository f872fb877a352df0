"""One strategy over a recording: the live feed and the live deciders, in the recording's own time."""

from collections.abc import Callable, Iterable
from typing import Final

from openoutcry.assembly import factory
from openoutcry.assembly.settings import Settings
from openoutcry.assembly.topology import CLASSIFICATION, RISK, STRATEGY, Role
from openoutcry.backtesting.candle_backtest import Chronicle
from openoutcry.backtesting.floor import TradingFloor
from openoutcry.backtesting.replayed_venue import ReplayedVenue
from openoutcry.backtesting.traded import end_text, refusal_text
from openoutcry.domain.decider import Decider
from openoutcry.domain.errors import MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.orders import Done, Refused, intent_of
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs
from openoutcry.execution.desk import ExecutionDesk
from openoutcry.execution.record_store import RecordsInMemory
from openoutcry.ingestion.feed import LiveFeed
from openoutcry.ingestion.health import CHANNELS
from openoutcry.plugins.loader import Plugins
from openoutcry.risk_management.officer import RiskOfficer
from openoutcry.strategies.desk import StrategyDesk
from openoutcry.strategies.strategy import Strategy

SETTLE_NS: Final = 45 * NS_PER_S  # so long may orders go on when the recording has ended, as in a replay

Frame = tuple[int, bytes]  # when it came, and what the venue sent
Witness = Callable[[Message], None]


class MarketClock:
    """Both clocks of a feed: the recording's time."""

    def __init__(self) -> None:
        self.now_ns = TimestampNs(0)

    def wall_ns(self) -> TimestampNs:
        """UTC nanoseconds."""
        return self.now_ns

    def monotonic_ns(self) -> int:
        """The same: a recording's times never go back."""
        return self.now_ns


class ReplayBacktest:
    """One strategy over one instrument's recording.

    Each frame reaches the venue and then the feed. What the feed tells reaches the deciders at once; their
    orders reach the venue a latency later. A broken book is joined with the venue's own at once; trades that
    the recording lacks are given up.
    """

    def __init__(
        self,
        instrument: Instrument,
        strategy: Strategy,
        settings: Settings,
        *,
        run_id: str,
        plugins: Plugins | None = None,
        witness: Witness | None = None,
    ) -> None:
        """Wire the floor for one run. `settings` are in market time; `witness` is shown every message."""
        self.candles: list[CandleClosed] = []
        self.chronicle = Chronicle()
        self.unfilled: dict[str, str] = {}  # by intent, why it did not trade
        self.end_ns = TimestampNs(0)
        self._witness = witness
        self._instrument = instrument
        self._clock = MarketClock()
        self._check_ns = settings.feed.staleness_check_ms * NS_PER_MS
        self._next_check_ns = 0
        self._news: list[Message] = []
        symbol, rules, costs = instrument.symbol, {instrument.symbol: instrument}, settings.backtest
        self.feed = LiveFeed(settings.feed_of(symbol), instrument, self._news.append, self._clock)
        self.venue = ReplayedVenue(
            instrument, costs.cash_atoms, maker_ppm=costs.maker_fee_ppm, taker_ppm=costs.taker_fee_ppm
        )
        self.execution = ExecutionDesk(
            deployment_id=factory.deployment_of_run(settings, run_id),
            venue=settings.venue.venue,
            instruments=rules,
            journal=RecordsInMemory(),
            opening_balances={instrument.quote: costs.cash_atoms},
            settings=settings.execution,
        )
        self.floor = TradingFloor(
            deciders=self._deciders(strategy, settings, plugins or Plugins()),
            execution=self.execution,
            venue=self.venue,
            order_latency_ns=costs.order_latency_ns,
            report_latency_ns=costs.report_latency_ns,
            remember=self._remember,
        )

    def _deciders(self, strategy: Strategy, settings: Settings, loaded: Plugins) -> dict[Role, Decider]:
        symbol, features = self._instrument.symbol, self.feed.features
        return {
            CLASSIFICATION: factory.ensemble(settings, symbol, loaded),
            STRATEGY: StrategyDesk(
                symbol=symbol,
                strategy=strategy,
                settings=settings.strategy.intents,
                features=(lambda _symbol: features()) if strategy.needs.features else None,
            ),
            RISK: RiskOfficer({symbol: self._instrument}, settings.risk, vetoes=factory.vetoes(loaded)),
        }

    def run(self, frames: Iterable[Frame]) -> None:
        """Trade a whole recording. The book is joined in silence up to its snapshot; then the market begins.

        Raises:
            MissingDataError: no snapshot comes.
            DecodeError: a frame is malformed.
            OpenOutcryError: the strategy failed.
        """
        is_open = False
        for received_ns, frame in frames:
            now_ns = TimestampNs(received_ns)
            if is_open:
                self._pass_time(now_ns)
            reports = self.venue.apply(frame, now_ns)
            if is_open:
                self.floor.hear(reports)
                self._show(frame, now_ns)
            elif self.venue.has_book:
                is_open = True
                self._open(now_ns)
            self.end_ns = now_ns
        if not is_open:
            raise MissingDataError(
                "no depth snapshot is in the recording; give the folder with its first file too"
            )
        self.floor.settle(self.end_ns + SETTLE_NS)
        self.floor.close()

    def _open(self, now_ns: TimestampNs) -> None:
        self._clock.now_ns = now_ns
        self._next_check_ns = now_ns + self._check_ns
        self.floor.open((), self._instrument.venue, now_ns)
        for channel in CHANNELS:
            self.feed.on_connected(channel)
        self._tell()

    def _pass_time(self, now_ns: TimestampNs) -> None:
        """Let happen what is due, and judge the age of the feed's channels whenever it is time."""
        while self._next_check_ns <= now_ns:
            self._at(TimestampNs(self._next_check_ns))
            self.feed.check_staleness()
            self._tell()
            self._next_check_ns += self._check_ns
        self._at(now_ns)

    def _at(self, now_ns: TimestampNs) -> None:
        self.floor.run_until(now_ns)
        self._clock.now_ns = now_ns

    def _show(self, frame: bytes, now_ns: TimestampNs) -> None:
        self.feed.on_frame(frame, now_ns)
        if self.feed.needs_snapshot:
            self.feed.join_snapshot(self.venue.depth())
        if self.feed.misses_trades:
            self.feed.restart_tape()
        self._tell()

    def _tell(self) -> None:
        if self._news:
            news = self._news.copy()
            self._news.clear()
            self.floor.tell(news)

    def _remember(self, message: Message) -> None:
        self.chronicle.remember(message)
        match message:
            case CandleClosed():
                self.candles.append(message)
            case Refused():
                self.unfilled[message.intent_id] = refusal_text(message)
            case Done(filled_lots=0):
                self.unfilled[intent_of(message.parent_id)] = end_text(message)
        if self._witness is not None:
            self._witness(message)

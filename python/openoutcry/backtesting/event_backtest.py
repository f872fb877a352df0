"""One strategy over market events: the live deciders on their floor, with the simulator as the venue."""

from collections.abc import Mapping, Sequence
from typing import Final

from openoutcry.assembly import factory
from openoutcry.assembly.settings import Settings
from openoutcry.assembly.topology import CLASSIFICATION, RISK, STRATEGY, Role
from openoutcry.backtesting.candle_backtest import Chronicle
from openoutcry.backtesting.floor import TradingFloor
from openoutcry.backtesting.funding_flows import funding_atoms
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.marks import Marks, mark_interval_ns
from openoutcry.backtesting.simulated_market import Progress, simulator_of
from openoutcry.backtesting.simulated_venue import SimulatedVenue
from openoutcry.domain.decider import Decider
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.domain.units import NS_PER_MS, Atoms, PriceTicks, SizeLots, TimestampNs
from openoutcry.execution.commands import FundingSettled
from openoutcry.execution.desk import ExecutionDesk
from openoutcry.execution.record_store import RecordsInMemory
from openoutcry.ingestion.candles import interval_text
from openoutcry.plugins.loader import Plugins
from openoutcry.risk_management.officer import RiskOfficer
from openoutcry.strategies.desk import StrategyDesk
from openoutcry.strategies.strategy import Strategy

TIMER: Final = 1  # the simulator's reasons to wake
REPORT: Final = 2
CANDLE: Final = 4


class EventBacktest:
    """One strategy over one instrument or several, in the order of their events.

    The simulator knows the time: it wakes the floor for reports, closed candles, marks and whatever the floor
    has due. Latencies are the simulator's; between the deciders nothing takes time.
    """

    def __init__(
        self,
        datasets: Sequence[EventsDataset],
        strategy: Strategy,
        settings: Settings,
        *,
        run_id: str,
        funding: Mapping[str, Funding] | None = None,
        plugins: Plugins | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Wire the floor for one run; the strategy's own symbol is the first dataset's.

        Raises:
            InvalidInputError: the strategy needs what events do not give here, or a setting is unfit.
        """
        self._instruments = tuple(dataset.instrument for dataset in datasets)
        self._interval_ns = settings.simulation.candle_ms * NS_PER_MS
        self.simulator = simulator_of(datasets, settings, progress)
        self.marks = Marks(
            self.simulator,
            self._instruments,
            mark_interval_ns([dataset.record for dataset in datasets], self._interval_ns),
        )
        self.chronicle = Chronicle()
        self.funding: list[FundingSettled] = []
        self.candles = 0  # that were shown
        self._settlements = _settlements(self._instruments, funding or {})
        self.venue = SimulatedVenue(self.simulator, self._instruments)
        rules = {each.symbol: each for each in self._instruments}
        if len(rules) < len(self._instruments):
            raise InvalidInputError("two datasets are of one symbol; give one for each symbol")
        self.execution = ExecutionDesk(
            deployment_id=factory.deployment_of_run(settings, run_id),
            venue=self._instruments[0].venue,
            instruments=rules,
            journal=RecordsInMemory(),
            opening_balances={self._instruments[0].settlement: settings.backtest.cash_atoms},
            settings=settings.execution,
        )
        self.floor = TradingFloor(
            deciders=self._deciders(strategy, settings, rules, plugins or Plugins()),
            execution=self.execution,
            venue=self.venue,
            order_latency_ns=0,
            report_latency_ns=0,
            remember=self.chronicle.remember,
        )
        for number in range(len(self._instruments)):
            self.simulator.subscribe(
                number,
                reports=True,
                candle_interval_ns=self._interval_ns,
                features=strategy.needs.features and not number,
            )
        self.simulator.every(self.marks.interval_ns)

    def _deciders(
        self, strategy: Strategy, settings: Settings, rules: Mapping[str, Instrument], plugins: Plugins
    ) -> dict[Role, Decider]:
        symbol, *others = rules
        deciders: dict[Role, Decider] = {
            STRATEGY: StrategyDesk(
                symbol=symbol,
                strategy=strategy,
                settings=settings.strategy.intents,
                others=others,
                features=lambda _symbol: self.simulator.features(0),
            ),
            RISK: RiskOfficer(rules, settings.risk, vetoes=factory.vetoes(plugins)),
        }
        if strategy.needs.opinions:
            deciders[CLASSIFICATION] = factory.ensemble(settings, symbol, plugins)
        return deciders

    def run(self) -> list[CandleSeries]:
        """Trade the whole history; the marks of each instrument.

        Raises:
            MissingDataError: a book never had two sides.
            OpenOutcryError: the strategy failed, or orders are unaccounted for.
        """
        is_open = False
        while (wake := self._advance()) is not None:
            if not is_open:
                self._open(TimestampNs(wake[0]))
                is_open = True
            self._live_through(*wake)
        if not is_open:
            raise MissingDataError("nothing happens in the data; give longer data")
        self._catch_up()
        self.floor.stop()
        self._catch_up()
        while (wake := self._advance()) is not None:
            self._live_through(*wake)
        end_ns = self.floor.now_ns
        self.floor.close()
        if self.execution.unreconciled():
            raise OpenOutcryError(f"orders are unaccounted for: {self.execution.unreconciled()[0]}")
        self.marks.take_last(end_ns)
        if not len(self.marks):
            raise MissingDataError("a book never had two sides; the data needs a snapshot, or quotes")
        return self.marks.series()

    def _catch_up(self) -> None:
        """The data may have gone on after the last wake: what was due on the floor by then comes first."""
        now_ns = self.simulator.now_ns
        self.floor.run_until(self.floor.now_ns if now_ns is None else TimestampNs(now_ns))

    def _advance(self) -> tuple[int, int, int] | None:
        """To the next wake; what the floor has due is one."""
        due_ns = self.floor.next_ns
        if self._settlements:
            settled_ns = self._settlements[-1][0]
            due_ns = settled_ns if due_ns is None else min(due_ns, settled_ns)
        if due_ns is not None:
            self.simulator.wake_at(due_ns)
        return self.simulator.advance()

    def _open(self, now_ns: TimestampNs) -> None:
        self.floor.open((), self._instruments[0].venue, now_ns)
        self.floor.tell(
            VenueStatus(
                id=f"status:{each.symbol}",
                venue=each.venue,
                symbol=each.symbol,
                state="live",
                reason="",
                at_ns=now_ns,
            )
            for each in self._instruments
        )
        while self._settlements and self._settlements[-1][0] < now_ns:
            self._settlements.pop()

    def _live_through(self, at_ns: int, reasons: int, number: int) -> None:
        """What is due comes first, then what the venue reports, then the market."""
        now_ns, floor = TimestampNs(at_ns), self.floor
        floor.run_until(now_ns)
        if reasons & TIMER:
            self.marks.take(now_ns)
            self._settle(now_ns)
        if reasons & REPORT:
            floor.hear(self.venue.reports(number))
        floor.run_until(now_ns)
        if reasons & CANDLE and not floor.halt_reason:
            for candle in self.simulator.candles(number):
                self.candles += not number
                floor.tell((self._closed(number, candle),))
        floor.run_until(now_ns)

    def _settle(self, now_ns: TimestampNs) -> None:
        """Funding on what is held as far as we know, at the mid."""
        while self._settlements and self._settlements[-1][0] <= now_ns:
            at_ns, number, rate = self._settlements.pop()
            held, mid = self.simulator.position_lots(number), self.marks.mid_ticks(number)
            if not held or not mid:
                continue
            instrument = self._instruments[number]
            settled = FundingSettled(
                symbol=instrument.symbol,
                settlement_id=f"f{at_ns}",
                amount_atoms=Atoms(funding_atoms(instrument, mid, held, rate)),
                at_ns=now_ns,
            )
            self.funding.append(settled)
            self.floor.hear((settled,))

    def _closed(self, number: int, candle: tuple[int, ...]) -> CandleClosed:
        open_ns, close_ns, opens, high, low, close, volume, bought, trades = candle
        symbol = self._instruments[number].symbol
        return CandleClosed(
            id=f"candle:{symbol}:{interval_text(self._interval_ns)}:{close_ns}",
            symbol=symbol,
            open_ns=TimestampNs(open_ns),
            close_ns=TimestampNs(close_ns),
            open_ticks=PriceTicks(opens),
            high_ticks=PriceTicks(high),
            low_ticks=PriceTicks(low),
            close_ticks=PriceTicks(close),
            volume_lots=SizeLots(volume),
            buy_volume_lots=SizeLots(bought),
            notional=0,  # not told, as by candle data
            trade_count=trades,
            first_trade_id=0,
            last_trade_id=0,
        )


def _settlements(
    instruments: Sequence[Instrument], funding: Mapping[str, Funding]
) -> list[tuple[int, int, float]]:
    """When which instrument pays what rate, the next one last."""
    found = [
        (int(at_ns), number, float(rate))
        for number, instrument in enumerate(instruments)
        if instrument.symbol in funding
        for at_ns, rate in zip(
            funding[instrument.symbol].times_ns, funding[instrument.symbol].rates, strict=True
        )
    ]
    return sorted(found, reverse=True)

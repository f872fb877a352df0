"""One strategy over candles: the floor, its market, and what happened on it."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from openoutcry.assembly import factory
from openoutcry.assembly.settings import Settings
from openoutcry.assembly.topology import CLASSIFICATION, RISK, STRATEGY, Role
from openoutcry.backtesting.candle_markets import CandleMarket, in_order, in_step
from openoutcry.backtesting.candle_venue import CandleVenue
from openoutcry.backtesting.floor import TradingFloor
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.joint_venue import JointVenue
from openoutcry.domain.decider import Decider
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Signal
from openoutcry.domain.orders import Accepted, Approved, Done, Fill, OrderIntent, Refused, Rejected
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs
from openoutcry.execution.desk import ExecutionDesk
from openoutcry.execution.record_store import RecordsInMemory
from openoutcry.ingestion.candles import interval_text
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.memory.history_window import HistoryWindow
from openoutcry.plugins.loader import Plugins
from openoutcry.risk_management.officer import RiskOfficer
from openoutcry.strategies.desk import StrategyDesk
from openoutcry.strategies.outlook import Outlook
from openoutcry.strategies.strategy import Shares, Strategy

SHARE_TOLERANCE: Final = 1e-9  # between a strategy's `observe` and its `exposures`
CANDLES_A_STEP: Final = 2_000  # between two calls of `progress`

Progress = Callable[[int, int], None]
"""Called with the candles done and their number."""

_COUNTED: Final[dict[type[Message], str]] = {
    OrderIntent: "intents",
    Approved: "orders",
    Refused: "refusals",
    Accepted: "child_orders_accepted",
    Rejected: "child_orders_rejected",
    Fill: "fills",
}


class Chronicle:
    """What memory would have journaled, as far as the result needs it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.fills: list[Fill] = []
        self.signal: Signal | None = None

    def remember(self, message: Message) -> None:
        """Take a message."""
        name = _COUNTED.get(type(message))
        if name is not None:
            self.counts[name] += 1
        if isinstance(message, Fill):
            self.fills.append(message)
        elif isinstance(message, Signal):
            self.signal = message
        elif isinstance(message, Refused):
            self.refusals[message.check] += 1
        elif isinstance(message, Done):
            self.ends[f"orders_{message.reason}"] += 1


class CandleBacktest:
    """One strategy over the candles of one instrument, or of several that lie `together`."""

    def __init__(
        self,
        markets: Sequence[CandleMarket],
        strategy: Strategy,
        settings: Settings,
        *,
        run_id: str = "",
        plugins: Plugins | None = None,
    ) -> None:
        """Wire the floor for one run, whose id begins its orders' ids.

        The first symbol is the strategy's own.

        Raises:
            InvalidInputError: the strategy looks at another number of symbols.
        """
        self._all = tuple(market.series for market in markets)
        self._series = self._all[0]
        self._symbol, *others = (market.symbol for market in markets)
        shown = {market.symbol: frozen_columns(market.series) for market in in_step(markets)}
        self.columns = shown[self._symbol]
        windows = [HistoryWindow(symbol=symbol, history=columns) for symbol, columns in shown.items()]
        self.chronicle = Chronicle()
        self.desk = StrategyDesk(
            symbol=self._symbol,
            strategy=strategy,
            settings=settings.strategy.intents,
            windows=windows,
            others=others,
        )
        rules, costs = {market.symbol: market.series.instrument for market in markets}, settings.backtest
        deciders: dict[Role, Decider] = {
            STRATEGY: self.desk,
            RISK: RiskOfficer(rules, settings.risk, vetoes=factory.vetoes(plugins) if plugins else ()),
        }
        if strategy.needs.opinions:
            deciders[CLASSIFICATION] = factory.ensemble(settings, self._symbol, plugins or Plugins())
        self.execution = ExecutionDesk(
            deployment_id=factory.deployment_of_run(settings, run_id),
            venue=self._series.instrument.venue,
            instruments=rules,
            journal=RecordsInMemory(),
            opening_balances={self._series.instrument.settlement: costs.cash_atoms},
            settings=settings.execution,
        )
        self.venues = {market.symbol: CandleVenue(market.series, costs, market.funding) for market in markets}
        self.floor = TradingFloor(
            deciders=deciders,
            execution=self.execution,
            venue=JointVenue(self.venues) if others else self.venues[self._symbol],
            order_latency_ns=costs.order_latency_ns,
            report_latency_ns=costs.report_latency_ns,
            remember=self.chronicle.remember,
        )

    def run(self, shares: Shares | None, progress: Progress | None) -> None:
        """Trade the whole history. With `shares` the desk is asked only where it would act.

        Raises:
            OpenOutcryError: the strategy failed, or its `exposures` are not what it observes.
        """
        first_ns = min(int(series.open_ns[0]) for series in self._all)
        last_ns = max(int(series.close_ns[-1]) for series in self._all)
        rows = sum(len(series) for series in self._all)
        self.floor.open(list(self.venues), self._series.instrument.venue, TimestampNs(first_ns))
        if len(self._all) > 1:
            self._show_together(rows, progress)
        else:
            self._show(rows, shares, progress)
        self.floor.run_until(TimestampNs(last_ns))
        self.floor.close()
        if progress is not None:
            progress(rows, rows)
        if self.execution.unreconciled():
            raise OpenOutcryError(f"orders are unaccounted for: {self.execution.unreconciled()[0]}")

    def _show(self, rows: int, shares: Shares | None, progress: Progress | None) -> None:
        """The candles of one instrument, all or those at which the desk acts."""
        row = told = 0
        closes_ns = self._series.close_ns
        outlook = None if shares is None else Outlook(self._warm(shares))
        candle_at = _candles(self._series)
        while True:
            if outlook is not None and row < rows:
                self.floor.settle(int(closes_ns[row]))  # how an order ends may be a reason to act
                if self.execution.is_settled:
                    row = self.desk.skip(outlook, row)
            if row >= rows or not self.floor.show(candle_at(row)):
                break
            if shares is not None:
                self._compare(shares, row)
            row += 1
            if progress is not None and row - told >= CANDLES_A_STEP:
                told = row
                progress(row, rows)

    def _show_together(self, rows: int, progress: Progress | None) -> None:
        """The candles of several instruments, in the order of their closes."""
        candles = [_candles(series) for series in self._all]
        for shown, (number, row) in enumerate(zip(*in_order(self._all), strict=True)):
            if not self.floor.show(candles[number](row)):
                break
            if progress is not None and shown % CANDLES_A_STEP == 0:
                progress(shown, rows)

    def _warm(self, shares: Shares) -> Shares:
        """Before the desk's own warm-up there are no wishes."""
        if shares.shape != (len(self._series),):
            raise InvalidInputError(
                f"`exposures` answered {shares.shape} for {len(self._series)} candles; give a share for each"
            )
        warm = shares.astype(np.float64)
        warm[: self.desk.warmup - 1] = np.nan
        return warm

    def _compare(self, shares: Shares, row: int) -> None:
        """What the strategy observed must be what it foretold."""
        signal = self.chronicle.signal
        foretold = float(shares[row])
        if signal is None:
            is_same = math.isnan(foretold)
        else:
            is_same = abs(signal.exposure - foretold) <= SHARE_TOLERANCE
        if not is_same:
            observed = "nothing" if signal is None else signal.exposure
            raise InvalidInputError(
                f"{self._symbol} at candle {row}: `exposures` says {shares[row]}, `observe` {observed}; "
                "correct `exposures`, or leave it out"
            )
        self.chronicle.signal = None


def _candles(series: CandleSeries) -> Callable[[int], CandleClosed]:
    """Makes the message of one candle. What candle data do not tell (trades, their sides) is 0."""
    symbol = series.instrument.symbol
    opens_ns, opens, highs, lows, closes, volumes = series.views()
    interval_ns = series.interval_ns
    name = f"candle:{symbol}:{interval_text(interval_ns)}"  # as live, so that runs can be compared by cause

    def candle_at(row: int) -> CandleClosed:
        open_ns = opens_ns[row]
        return CandleClosed(
            id=f"{name}:{open_ns + interval_ns}",
            symbol=symbol,
            open_ns=TimestampNs(open_ns),
            close_ns=TimestampNs(open_ns + interval_ns),
            open_ticks=PriceTicks(opens[row]),
            high_ticks=PriceTicks(highs[row]),
            low_ticks=PriceTicks(lows[row]),
            close_ticks=PriceTicks(closes[row]),
            volume_lots=SizeLots(volumes[row]),
            buy_volume_lots=SizeLots(0),
            notional=0,
            trade_count=0,
            first_trade_id=0,
            last_trade_id=0,
        )

    return candle_at


def frozen_columns(series: CandleSeries) -> CandleColumns:
    """The whole history as a strategy sees it: floats, read-only."""
    prices = (series.open_ticks, series.high_ticks, series.low_ticks, series.close_ticks, series.volume_lots)
    opens, highs, lows, closes, volumes = (column.astype(np.float64) for column in prices)
    columns = CandleColumns(opens, highs, lows, closes, volumes, series.close_ns)
    for column in (opens, highs, lows, closes, volumes, columns.close_ns):
        column.flags.writeable = False
    return columns

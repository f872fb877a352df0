"""A strategy that quotes one instrument of the simulator, under a mandate."""

from collections import Counter, deque
from typing import Final

import numpy as np

from openoutcry.assembly.settings import Settings
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.marks import Marks, mark_interval_ns
from openoutcry.backtesting.simulated_market import Progress, simulator_of
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import NS_PER_MS, Atoms, PriceTicks, Side, SizeLots, TimestampNs, atoms_to_text
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.risk_management.mandate import Mandate, mandate_of
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.strategy import Market, Quotes, Strategy, Touch

TIMER: Final = 1  # the simulator's reason to wake
NO_QUOTES: Final = (0, 0, 0, 0)
_NONE: Final = np.zeros(0)
NO_CANDLES: Final = CandleColumns(_NONE, _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.int64))

SimulatedFill = tuple[int, Side, int, int, int, bool, int, int, int]


class QuotingSession:
    """One strategy and one instrument, from the first touch to the end of the data."""

    def __init__(
        self, dataset: EventsDataset, strategy: Strategy, settings: Settings, progress: Progress | None
    ) -> None:
        """Set up the market.

        Raises:
            InvalidInputError: a setting is unfit, or does not go with the data.
        """
        self.simulator = simulator_of([dataset], settings, progress)
        self.decisions = 0
        self.refusals: Counter[str] = Counter()
        self.halt_reason = ""
        self._instrument = dataset.instrument
        self._symbol = dataset.instrument.symbol
        self._strategy = strategy
        self._settings = settings
        self._mids: deque[tuple[int, float]] = deque(maxlen=strategy.warmup)
        self._curve_ns = mark_interval_ns([dataset.record], settings.simulation.candle_ms * NS_PER_MS)
        self._marks = Marks(self.simulator, [self._instrument], self._curve_ns)
        self.simulator.subscribe(0, candle_interval_ns=self._curve_ns)
        self.simulator.every(strategy.every_ns)

    def run_in_core(self, strategy: MarketMaker) -> None:
        """Let the core decide: the strategy's formula, without a call of Python's at each decision.

        Raises:
            MissingDataError: the book never had two sides.
            InvalidInputError: the strategy wants more than the mandate.
        """
        self._approve(strategy)
        decided, _ = self.simulator.run_avellaneda_stoikov(
            size_lots=strategy.quote_lots,
            max_position_lots=strategy.max_position_lots,
            risk_aversion=strategy.risk_aversion,
            arrival_decay=strategy.arrival_decay,
            horizon_ns=strategy.horizon_ns,
            window=max(strategy.warmup - 1, 1),
        )
        self.decisions += decided

    def run_in_python(self) -> None:
        """Ask the strategy at each timer. Raises as `run_in_core`; OpenOutcryError if the strategy fails."""
        mandate = self._approve(self._strategy)
        while (wake := self.simulator.advance()) is not None:
            if wake[1] & TIMER:
                self._marks.take(wake[0])
                if not self.halt_reason:
                    self._decide(wake[0], mandate)
        now_ns = self.simulator.now_ns
        assert now_ns is not None
        self._marks.take_last(now_ns)

    def _approve(self, strategy: Strategy) -> Mandate:
        """Wait for the first timer at which the book has two sides; the mandate is made at its price."""
        while (wake := self.simulator.advance()) is not None:
            touch = self.simulator.touch(0)
            if wake[1] & TIMER and touch is not None:
                limits, cash_atoms = self._settings.risk, self._settings.backtest.cash_atoms
                mandate = mandate_of(limits, self._instrument, cash_atoms, touch[2], 1)
                if isinstance(strategy, MarketMaker):
                    mandate.check(strategy.quote_lots, strategy.max_position_lots)
                return mandate
        raise MissingDataError("the book never had two sides; the data needs a snapshot, or quotes")

    def _decide(self, now_ns: int, mandate: Mandate) -> None:
        self.decisions += 1
        touch = self.simulator.touch(0)
        if touch is None:
            return
        bid, bid_lots, ask, ask_lots = touch
        self._mids.append((now_ns, (bid + ask) / 2))
        cash_atoms, _, position, _ = self.simulator.account(0)
        net_atoms = cash_atoms + self._instrument.worth_atoms((bid + ask) // 2, position)
        if mandate.is_exhausted(net_atoms):
            self._stop(net_atoms)
            return
        shown = Touch(PriceTicks(bid), SizeLots(bid_lots), PriceTicks(ask), SizeLots(ask_lots))
        at_ns = TimestampNs(now_ns)
        market = Market(self._symbol, NO_CANDLES, at_ns, None, {}, shown, position, self._mids)
        wish = self._ask(market)
        if wish is None:
            return
        quotes: tuple[int, int, int, int] = (wish.bid_ticks, wish.bid_lots, wish.ask_ticks, wish.ask_lots)
        refusal = mandate.refusal(quotes, (bid, ask), position)
        if refusal is not None:
            self.refusals[refusal] += 1
        self.simulator.set_quotes(0, *(NO_QUOTES if refusal is not None else quotes))

    def _stop(self, net_atoms: int) -> None:
        """Withdraw the quotes for good; what is held stays."""
        self.simulator.set_quotes(0, *NO_QUOTES)
        lost = atoms_to_text(-net_atoms)
        self.halt_reason = f"the mandate ended: {lost} {self._instrument.settlement} were lost"

    def _ask(self, market: Market) -> Quotes | None:
        try:
            wish = self._strategy.observe(market)
        except Exception as error:
            raise OpenOutcryError(
                f"strategy {self._strategy.name} failed at {market.now_ns}: {type(error).__name__}: {error}; "
                "repair the strategy"
            ) from error
        if wish is None or isinstance(wish, Quotes):
            return wish
        raise InvalidInputError(
            f"{self._strategy.name} answered {type(wish).__name__}; a maker answers Quotes"
        )

    def series(self) -> CandleSeries | None:
        """Candles of the trades, and at the end one that is not complete, at the last mid.

        Where nothing traded they are the mids at the decisions, if Python took them; else None.
        """
        closed = np.array(self.simulator.candles(0), np.int64).reshape(-1, 9)
        touch, now_ns = self.simulator.touch(0), self.simulator.now_ns
        if not len(closed) or touch is None or now_ns is None:
            return self._marks.series()[0] if len(self._marks) else None
        mid = (touch[0] + touch[2]) // 2
        last_ns = max(int(closed[-1, 1]), now_ns - self._curve_ns + 1)
        rows = np.column_stack([closed[:, 0], closed[:, 2:6], closed[:, 6]])
        rows = np.vstack([rows, [last_ns, mid, mid, mid, mid, 0]])
        return CandleSeries.of_rows(self._instrument, self._curve_ns, rows)

    def fills(self, run_id: str) -> list[Fill]:
        """All fills, in the order of their times at the venue."""
        instrument = self._instrument
        fills = []
        for number, each in enumerate(sorted(self.simulator.fills(0), key=_at_venue), start=1):
            order_id, side, price, size, _, is_maker, fee_atoms, at_ns, _ = each
            fills.append(
                Fill(
                    id=f"{run_id}:{number}",
                    cause_id=f"{run_id}:order:{order_id}",
                    symbol=instrument.symbol,
                    parent_id=f"{run_id}:order:{order_id}",
                    client_order_id=f"{run_id}-{order_id}",
                    venue_order_id=str(order_id),
                    trade_id=str(number),
                    side=side,
                    price_ticks=PriceTicks(price),
                    size_lots=SizeLots(size),
                    fee_atoms=Atoms(fee_atoms),
                    fee_asset=instrument.settlement,
                    liquidity="maker" if is_maker else "taker",
                    at_ns=TimestampNs(at_ns),
                )
            )
        return fills


def _at_venue(fill: SimulatedFill) -> int:
    return fill[7]

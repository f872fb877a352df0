"""A backtest on market events: quotes against the simulator's books, from settings to its result."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.account_curve import account_curve
from openoutcry.backtesting.candle_backtest import Progress
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.runner import parameters_of, run_id_of
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import NS_PER_MS, Atoms, PriceTicks, Side, SizeLots, TimestampNs
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.native import Simulator
from openoutcry.risk_management.mandate import Mandate, mandate_of
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.strategy import Market, Quotes, Strategy, Touch

TIMER: Final = 1  # the simulator's reason to wake
RATE_OF_PPM: Final = 100  # its rates are in 10^-8
RATE_ONE: Final = 100_000_000
_NONE: Final = np.zeros(0)
NO_CANDLES: Final = CandleColumns(_NONE, _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.int64))


def run_events(
    dataset: EventsDataset,
    strategy: Strategy,
    settings: Settings,
    *,
    progress: Progress | None = None,
    in_python: bool = False,
) -> BacktestResult:
    """Let a quoting strategy decide every `every_ns`, and account for its fills to the last atom.

    The shipped market maker decides in the core, unless `in_python`; its fills are the same.

    Raises:
        MissingDataError: nothing ever traded, or there was no touch.
        InvalidInputError: the strategy does not quote, or wants more than the mandate.
        OpenOutcryError: the strategy failed.
    """
    began_s = time.perf_counter()
    if not strategy.needs.book or strategy.every_ns <= 0:
        raise InvalidInputError(f"{strategy.name} does not quote; give it candles, or use market-maker")
    instrument, parameters = dataset.instrument, parameters_of(strategy)
    run_id = run_id_of([config_hash(settings), strategy.name, parameters, dataset.record.sha256, "events"])
    session = QuotingSession(dataset, strategy, settings, progress)
    if isinstance(strategy, MarketMaker) and not in_python:
        session.run_in_core(strategy)
    else:
        session.run_in_python()
    series, fills = session.candles(), session.fills(run_id)
    curve = account_curve(series, settings.backtest.cash_atoms, fills, [], settings.backtest.taker_fee_ppm)
    cash_atoms, fees_atoms, position, _ = session.simulator.account(0)
    worth = instrument.notional_atoms(int(series.close_ticks[-1]), position)
    if settings.backtest.cash_atoms + cash_atoms + worth != int(curve.equity_atoms[-1]):
        raise OpenOutcryError(
            f"the simulator's account and the curve of its fills differ ({run_id}); "
            "this is an error of openoutcry, please report it with the settings and the data"
        )
    return BacktestResult(
        run_id=run_id,
        strategy=strategy.name,
        parameters=parameters,
        instruments={instrument.symbol: instrument},
        datasets=(dataset.record,),
        seed=settings.seed,
        settings=msgspec.to_builtins(settings),
        config_hash=config_hash(settings),
        versions=versions(),
        opening_atoms=settings.backtest.cash_atoms,
        curve=curve,
        fills=tuple(fills),
        fees_atoms=fees_atoms,
        funding_atoms=0,
        counts={"decisions": session.decisions, "fills": len(fills)},
        refusals=dict(sorted(session.refusals.items())),
        assumptions=assumptions(settings, instrument),
        wall_s=time.perf_counter() - began_s,
    )


class QuotingSession:
    """One strategy that quotes one instrument of the simulator."""

    def __init__(
        self,
        dataset: EventsDataset,
        strategy: Strategy,
        settings: Settings,
        progress: Progress | None,
    ) -> None:
        self.simulator = Simulator(seed=settings.seed)
        self.decisions = 0
        self.refusals: Counter[str] = Counter()
        self._instrument = dataset.instrument
        self._strategy = strategy
        self._settings = settings
        self._mids: deque[tuple[int, float]] = deque(maxlen=strategy.warmup)
        self._mandate: Mandate | None = None
        self._first_ns = 0
        self._candle_ns = settings.simulation.candle_ms * NS_PER_MS
        costs, rules = settings.backtest, settings.simulation
        takes_exponent = rules.queue_model in {"power", "power2", "power3"}
        self.simulator.add_instrument(
            price_tick=self._instrument.price_tick,
            size_step=self._instrument.size_step,
            fill_mode=rules.fill_mode,
            queue_model=rules.queue_model,
            queue_exponent=rules.queue_exponent if takes_exponent else None,
            entry_ns=costs.order_latency_ns,
            response_ns=costs.report_latency_ns,
            maker_rate=costs.maker_fee_ppm * RATE_OF_PPM,
            taker_rate=costs.taker_fee_ppm * RATE_OF_PPM,
            reject_probability=rules.reject_probability,
        )
        self.simulator.add_stream(0, _counted(dataset, progress))
        self.simulator.subscribe(0, candle_interval_ns=self._candle_ns)
        self.simulator.every(strategy.every_ns)

    def run_in_core(self, strategy: MarketMaker) -> None:
        """Let the core decide: the strategy's formula, without a call of Python's at each decision."""
        self._wait_for_touch()
        assert self._mandate is not None
        self._mandate.check(strategy.quote_lots, strategy.max_position_lots)
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
        """Ask the strategy at each timer."""
        self._wait_for_touch()
        while (wake := self.simulator.advance()) is not None:
            now_ns, reasons, _ = wake
            if reasons & TIMER:
                self._decide(now_ns)

    def _wait_for_touch(self) -> None:
        """The first timer at which the book has two sides; the mandate is made at its price."""
        while (wake := self.simulator.advance()) is not None:
            touch = self.simulator.touch(0)
            if wake[1] & TIMER and touch is not None:
                limits, cash_atoms = self._settings.risk, self._settings.backtest.cash_atoms
                self._mandate = mandate_of(limits, self._instrument, cash_atoms, touch[2], 1)
                return
        raise MissingDataError("the book never had two sides; the data needs a snapshot, or quotes")

    def _decide(self, now_ns: int) -> None:
        self.decisions += 1
        touch = self.simulator.touch(0)
        if touch is None:
            return
        bid, bid_lots, ask, ask_lots = touch
        self._mids.append((now_ns, (bid + ask) / 2))
        position = self.simulator.position_lots(0)
        market = Market(
            self._instrument.symbol,
            NO_CANDLES,
            TimestampNs(now_ns),
            book=Touch(PriceTicks(bid), SizeLots(bid_lots), PriceTicks(ask), SizeLots(ask_lots)),
            position_lots=position,
            mids=self._mids,
        )
        wish = self._ask(market)
        if wish is None:
            return
        assert self._mandate is not None
        quotes = (wish.bid_ticks, wish.bid_lots, wish.ask_ticks, wish.ask_lots)
        refusal = self._mandate.refusal(quotes, (bid, ask), position)
        if refusal is not None:
            self.refusals[refusal] += 1
            quotes = (PriceTicks(0), SizeLots(0), PriceTicks(0), SizeLots(0))
        self.simulator.set_quotes(0, *quotes)

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

    def candles(self) -> CandleSeries:
        """Candles of the trades, and at the end one that is not complete, at the last mid.

        Raises:
            MissingDataError: nothing traded.
        """
        closed = np.array(self.simulator.candles(0), np.int64).reshape(-1, 9)
        touch, now_ns = self.simulator.touch(0), self.simulator.now_ns
        if not len(closed) or touch is None or now_ns is None:
            raise MissingDataError("no candle of trades closed; give data with trades, or smaller candles")
        mid = (touch[0] + touch[2]) // 2
        last_ns = max(int(closed[-1, 1]), now_ns - self._candle_ns + 1)
        rows = np.column_stack([closed[:, 0], closed[:, 2:6], closed[:, 6]])
        rows = np.vstack([rows, [last_ns, mid, mid, mid, mid, 0]])
        return CandleSeries.of_rows(self._instrument, self._candle_ns, rows)

    def fills(self, run_id: str) -> list[Fill]:
        """All fills, in the order of their times at the venue."""
        costs, instrument = self._settings.backtest, self._instrument
        fills = []
        for number, each in enumerate(sorted(self.simulator.fills(0), key=_at_venue), start=1):
            _, _, price, size, _, is_maker, _, _ = each
            rate = (costs.maker_fee_ppm if is_maker else costs.taker_fee_ppm) * RATE_OF_PPM
            fee = -(-instrument.notional_atoms(price, size) * rate // RATE_ONE)  # rounded up, against us
            fills.append(_fill(instrument, f"{run_id}:{number}", each, fee))
        return fills


SimulatedFill = tuple[int, Side, int, int, int, bool, int, int]


def _at_venue(fill: SimulatedFill) -> int:
    return fill[6]


def _fill(instrument: Instrument, fill_id: str, fill: SimulatedFill, fee_atoms: int) -> Fill:
    order_id, side, price, size, _, is_maker, at_ns, _ = fill
    run_id, _, number = fill_id.partition(":")
    return Fill(
        id=fill_id,
        cause_id=f"{run_id}:order:{order_id}",
        symbol=instrument.symbol,
        parent_id=f"{run_id}:order:{order_id}",
        client_order_id=f"{run_id}-{order_id}",
        venue_order_id=str(order_id),
        trade_id=number,
        side=side,
        price_ticks=PriceTicks(price),
        size_lots=SizeLots(size),
        fee_atoms=Atoms(fee_atoms),
        fee_asset=instrument.quote,
        liquidity="maker" if is_maker else "taker",
        at_ns=TimestampNs(at_ns),
    )


def _counted(dataset: EventsDataset, progress: Progress | None) -> Iterator[Any]:
    """The rows as they are pulled, and how far that is."""
    done = 0
    for rows in dataset.rows():
        yield rows
        done += len(rows)
        if progress is not None:
            progress(done, dataset.record.rows)


def candles_of_trades(dataset: EventsDataset, interval_ns: int, progress: Progress | None) -> CandleSeries:
    """Candles of a dataset's trades, for strategies that look at candles.

    Raises:
        MissingDataError: no candle closed.
    """
    simulator = Simulator()
    instrument = dataset.instrument
    simulator.add_instrument(price_tick=instrument.price_tick, size_step=instrument.size_step)
    simulator.add_stream(0, _counted(dataset, progress))
    simulator.subscribe(0, candle_interval_ns=interval_ns)
    closed: list[tuple[int, ...]] = []
    while simulator.advance() is not None:
        closed += simulator.candles(0)
    if not closed:
        raise MissingDataError("no candle of trades closed; give longer data, or a smaller candle_ms")
    rows = np.array(closed, np.int64)[:, [0, 2, 3, 4, 5, 6]]
    return CandleSeries.of_rows(instrument, interval_ns, rows)


def assumptions(settings: Settings, instrument: Instrument) -> tuple[str, ...]:
    """What the simulation takes for granted, a sentence each."""
    costs, rules = settings.backtest, settings.simulation
    queue = f"others' cancellations move an order forward by the {rules.queue_model} model"
    if rules.queue_model == "risk-averse":
        queue = "only trades move an order forward in its queue: others cancel behind it"
    fills = "an order is filled whole, at once"
    if rules.fill_mode == "partial":
        fills = "fills are partial, and what was taken stays gone until the data shows another size"
    order_ms, report_ms = costs.order_latency_ns / 1e6, costs.report_latency_ns / 1e6
    taker_bps, maker_bps = costs.taker_fee_ppm / 100, costs.maker_fee_ppm / 100
    sentences = [
        f"an order reaches the venue after {order_ms:g} ms, its answer takes {report_ms:g} ms",
        queue,
        fills,
        "the market does not react to our orders (no impact)",
        f"fees are {taker_bps:g} bps for a taker, {maker_bps:g} bps for a maker",
        "no funding is paid",
    ]
    if rules.reject_probability:
        sentences.append(f"the venue rejects {rules.reject_probability:.2%} of the orders, by the seed")
    if instrument.kind == "spot":
        sentences.append("what is sold short is borrowed without cost: a maker on spot needs an inventory")
    return tuple(sentences)

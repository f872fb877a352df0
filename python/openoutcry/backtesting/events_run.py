"""A backtest on market events, from settings to its result."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec
import numpy as np

from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.assumptions import NO_LIQUIDATION, TOGETHER
from openoutcry.backtesting.event_backtest import CANDLE, EventBacktest
from openoutcry.backtesting.funding_cover import funding_sentences, with_cover
from openoutcry.backtesting.funding_flows import CashFlow, funding_of_fills
from openoutcry.backtesting.history.candles import CandleSeries, Funding, record_funding
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.history.findings_within import of_the_whole
from openoutcry.backtesting.history.instruments import settled_as
from openoutcry.backtesting.idleness import with_idle_reason
from openoutcry.backtesting.marks import joint_curve
from openoutcry.backtesting.quoting import QuotingSession
from openoutcry.backtesting.result import BacktestResult, Curve, DatasetRecord, Integers
from openoutcry.backtesting.runner import parameters_of, run_id_of
from openoutcry.backtesting.simulated_market import (
    QUOTES,
    Progress,
    simulated_assumptions,
    simulator_of,
)
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import BASIS_POINTS, TimestampNs
from openoutcry.native import DecodeError
from openoutcry.plugins.loader import Plugins
from openoutcry.risk_management.limits import NO_COLLAR_BPS
from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.strategy import Strategy

TRADES: Final = "trades"  # a kind of dataset: no book to trade against
NEARLY_ALL_BPS: Final = BASIS_POINTS - 1  # a loss of it is the end of the account


def run_events(
    datasets: Sequence[EventsDataset],
    strategy: Strategy,
    settings: Settings,
    *,
    funding: Mapping[str, Funding] | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
    in_python: bool = False,
) -> BacktestResult:
    """Trade a strategy against the simulator's books, and account for it to the last atom.

    One that needs the book quotes the first dataset's instrument every `every_ns`; any other is shown the
    candles of the trades and trades through risk and execution, as live. The shipped market maker decides in
    the core where its mandate cannot interfere, unless `in_python`; its fills are the same. `funding` is by
    symbol.

    Raises:
        MissingDataError: there was no touch.
        InvalidInputError: the data is no book's, a row is damaged, or the strategy does not fit.
        OpenOutcryError: the strategy failed.
    """
    began_s = time.perf_counter()
    for dataset in datasets:
        if dataset.kind == TRADES:
            raise InvalidInputError(
                f"{dataset.record.name} has trades alone, and no book to trade against; give data with books"
            )
        if dataset.kind == QUOTES and not strategy.needs.book:
            raise InvalidInputError(
                f"{dataset.record.name} has quotes alone, and {strategy.name} looks at candles of trades; "
                "give data with trades"
            )
    datasets = _settled(datasets, settings)
    paid_by = funding or {}
    parameters = parameters_of(strategy)
    code = own_source_sha256(strategy)
    run_id = run_id_of([config_hash(settings), strategy.name, code, parameters, _identity(datasets, paid_by)])
    run = _Run(run_id, datasets, strategy, settings, paid_by, progress)
    try:
        result = _quote(run, in_python=in_python) if strategy.needs.book else _trade(run, plugins)
    except DecodeError as error:
        raise InvalidInputError(
            f"{datasets[0].record.path} cannot be replayed ({error}); look at it with `openoutcry data check`"
        ) from error
    return replace(result, wall_s=time.perf_counter() - began_s)


def _settled(datasets: Sequence[EventsDataset], settings: Settings) -> list[EventsDataset]:
    """The same, of the contracts that the settings say, for one account."""
    lot = settings.backtest.inverse_lot
    settled = [replace(each, instrument=settled_as(each.instrument, lot)) for each in datasets]
    assets = sorted({each.instrument.settlement for each in settled})
    if len(assets) > 1:
        raise InvalidInputError(
            f"the data are settled in {' and '.join(assets)}, and there is one account; run them apart"
        )
    return settled


@dataclass(frozen=True, slots=True)
class _Run:
    """What is to be traded on what."""

    run_id: str
    datasets: Sequence[EventsDataset]
    strategy: Strategy
    settings: Settings
    funding: Mapping[str, Funding]
    progress: Progress | None


def _identity(datasets: Sequence[EventsDataset], funding: Mapping[str, Funding]) -> object:
    """What tells the data of two runs apart."""
    return [
        *([each.record.sha256, each.instrument.symbol, each.record.last_ns] for each in datasets),
        *([symbol, each.sha256] for symbol, each in sorted(funding.items())),
    ]


def _trade(run: _Run, plugins: Plugins | None) -> BacktestResult:
    """Through the deciders' floor."""
    settings = run.settings
    backtest = EventBacktest(
        run.datasets,
        run.strategy,
        settings,
        run_id=run.run_id,
        funding=run.funding,
        plugins=plugins,
        progress=run.progress,
    )
    series = backtest.run()
    chronicle, costs, ledger = backtest.chronicle, settings.backtest, backtest.execution.ledger
    fills = sorted(chronicle.fills, key=lambda fill: fill.at_ns)
    paid: dict[str, list[CashFlow]] = {each.instrument.symbol: [] for each in series}
    for settled in backtest.funding:
        paid[settled.symbol].append((settled.at_ns, settled.amount_atoms))
    curve = joint_curve(series, costs.cash_atoms, fills, paid, costs.taker_fee_ppm, rates=run.funding)
    worth = [
        each.instrument.worth_atoms(int(each.close_ticks[-1]), ledger.position_lots(each.instrument.symbol))
        for each in series
    ]
    _check_account(run.run_id, ledger.cash_atoms(series[0].instrument.symbol) + sum(worth), curve)
    plain = _result(run, curve, fills)
    result = replace(
        plain,
        funding_atoms=-sum(each.amount_atoms for each in backtest.funding),
        counts=dict(sorted({**chronicle.counts, **chronicle.ends}.items())),
        refusals=dict(sorted(chronicle.refusals.items())),
        assumptions=(
            *simulated_assumptions(settings, run.datasets),
            "a candle is known with the first trade after it; deciding takes no time",
            "the feed is never stale, and nothing is alerted",
            *_funding_sentences(plain, "funding is paid on what we know to hold, at the mid"),
            *(TOGETHER if len(series) > 1 else ()),
        ),
        marks={each.instrument.symbol: int(each.close_ticks[-1]) for each in series},
        halt_reason=backtest.floor.halt_reason,
    )
    warmup = max(run.strategy.warmup, settings.strategy.intents.volatility_candles + 1)
    return with_idle_reason(result, warmup=warmup, candles=backtest.candles)


def _quote(run: _Run, *, in_python: bool) -> BacktestResult:
    """By quotes under a mandate."""
    if len(run.datasets) > 1 or run.strategy.every_ns <= 0:
        raise InvalidInputError(
            f"{run.strategy.name} must quote one instrument, and say how often: "
            "give it one dataset, and an `every_ns` above 0"
        )
    is_native = not in_python and _may_decide_in_core(run)
    quoted = _quoted(run, is_native=is_native)
    if quoted is None or (is_native and _is_loss_near(quoted.curve, run.settings)):
        # The core neither takes marks nor stops at a loss: what it did does not count then.
        quoted = _quoted(run, is_native=False) if is_native else None
    if quoted is None:
        raise MissingDataError("nothing traded and no decision was made; give longer data")
    session, instrument = quoted.session, run.datasets[0].instrument
    received = sum(amount for _, amount in quoted.paid)
    cash_atoms, _, position, _ = session.simulator.account(0)
    worth = instrument.worth_atoms(int(quoted.curve.price_ticks[-1]), position)
    total = run.settings.backtest.cash_atoms + cash_atoms + received + worth
    _check_account(run.run_id, total, quoted.curve)
    plain = _result(run, quoted.curve, quoted.fills)
    sentences = [
        *simulated_assumptions(run.settings, run.datasets),
        *_funding_sentences(
            plain, "funding is paid on what is held, at the price before; it ends no mandate"
        ),
    ]
    if instrument.kind == "spot":
        sentences.append("what is sold short is borrowed without cost: a maker on spot needs an inventory")
        sentences.append(NO_LIQUIDATION)
    result = replace(
        plain,
        funding_atoms=-received,
        counts={"decisions": session.decisions, "fills": len(quoted.fills)},
        refusals=dict(sorted(session.refusals.items())),
        assumptions=tuple(sentences),
        halt_reason=session.halt_reason,
    )
    return with_idle_reason(result, warmup=0, candles=0)


class _Quoted(NamedTuple):
    session: QuotingSession
    fills: list[Fill]
    paid: list[CashFlow]
    curve: Curve


def _quoted(run: _Run, *, is_native: bool) -> _Quoted | None:
    """One session over the whole data; None if there is nothing to value its account at."""
    dataset, costs = run.datasets[0], run.settings.backtest
    session = QuotingSession(dataset, run.strategy, run.settings, run.progress)
    if is_native:
        assert isinstance(run.strategy, MarketMaker)
        session.run_in_core(run.strategy)
    else:
        session.run_in_python()
    series, fills = session.series(), session.fills(run.run_id)
    if series is None:
        return None
    symbol = dataset.instrument.symbol
    paid = funding_of_fills(series, fills, run.funding.get(symbol))
    curve = joint_curve(
        [series], costs.cash_atoms, fills, {symbol: paid}, costs.taker_fee_ppm, rates=run.funding
    )
    return _Quoted(session, fills, paid, curve)


def _may_decide_in_core(run: _Run) -> bool:
    """Whether the core's formula is the strategy's, and its mandate leaves every quote alone."""
    limits, cash_atoms = run.settings.risk, run.settings.backtest.cash_atoms
    return (
        type(run.strategy) is MarketMaker  # another class may observe something else
        and run.strategy.warmup > 1
        and run.datasets[0].kind != QUOTES  # without trades there is nothing to value the account at
        and limits.quote_collar_bps >= NO_COLLAR_BPS
        and limits.max_drawdown_bps >= NEARLY_ALL_BPS
        and limits.max_daily_loss_atoms >= cash_atoms
    )


def _is_loss_near(curve: Curve, settings: Settings) -> bool:
    """Whether half of the cash was lost at some time: then a mandate might have ended between the marks."""
    return int(curve.equity_atoms.min()) * 2 < settings.backtest.cash_atoms


def _check_account(run_id: str, account_atoms: int, curve: Curve) -> None:
    """The account and the curve count the same fills apart from each other."""
    if account_atoms != int(curve.equity_atoms[-1]):
        raise OpenOutcryError(
            f"{run_id}: the account holds {account_atoms} atoms, the curve {curve.equity_atoms[-1]}; "
            "this is an error of openoutcry, please report it with the settings and the data"
        )


def _result(run: _Run, curve: Curve, fills: Sequence[Fill]) -> BacktestResult:
    """What both ways have in common."""
    settings = run.settings
    records = (record for dataset in run.datasets for record in _records(dataset, run.funding))
    return BacktestResult(
        run_id=run.run_id,
        strategy=run.strategy.name,
        parameters=parameters_of(run.strategy),
        instruments={dataset.instrument.symbol: dataset.instrument for dataset in run.datasets},
        datasets=tuple(with_cover(records, run.funding, curve.times_ns)),
        seed=settings.seed,
        settings=msgspec.to_builtins(settings),
        config_hash=config_hash(settings),
        versions=versions(),
        opening_atoms=settings.backtest.cash_atoms,
        curve=curve,
        fills=tuple(fills),
        fees_atoms=sum(fill.fee_atoms for fill in fills),
        funding_atoms=0,
        source_sha256=own_source_sha256(run.strategy),
    )


def _funding_sentences(result: BacktestResult, paid: str) -> Iterator[str]:
    """What is assumed of funding."""
    return funding_sentences(result.instruments.values(), result.datasets, paid)


def _records(dataset: EventsDataset, funding: Mapping[str, Funding]) -> Iterator[DatasetRecord]:
    """The record of a dataset, and that of its instrument's funding."""
    yield dataset.record
    paid = funding.get(dataset.instrument.symbol)
    if paid is not None:
        yield record_funding(paid, dataset.instrument)


def candles_of_trades(dataset: EventsDataset, settings: Settings, interval_ns: int) -> CandleSeries:
    """Candles of a dataset's trades, where there is no book to trade against.

    Raises:
        MissingDataError: no candle closed.
    """
    simulator = simulator_of([dataset], settings)
    simulator.subscribe(0, candle_interval_ns=interval_ns)
    closed: list[tuple[int, ...]] = []
    while (wake := simulator.advance()) is not None:
        if wake[1] & CANDLE:
            closed += simulator.candles(0)
    if not closed:
        raise MissingDataError("no candle of trades closed; give longer data, or a smaller candle_ms")
    rows = np.array(closed, np.int64)[:, [0, 2, 3, 4, 5, 6]]
    return CandleSeries.of_rows(dataset.instrument, interval_ns, rows)


def ending_at(dataset: EventsDataset, end_ns: int) -> EventsDataset:
    """A dataset up to a moment: its book needs all that came before.

    Raises:
        MissingDataError: there is nothing before it.
    """
    record = dataset.record
    if end_ns <= record.first_ns:
        raise MissingDataError(
            f"{record.name} has nothing before the end that was asked for; give a later one"
        )
    if end_ns > record.last_ns:
        return dataset

    def stream(from_ns: int, to_ns: int) -> Iterator[Integers]:
        return dataset.stream(from_ns, min(to_ns, end_ns))

    cut = msgspec.structs.replace(
        record, last_ns=TimestampNs(end_ns - 1), findings=of_the_whole(record.findings)
    )
    return replace(dataset, record=cut, stream=stream)

"""A backtest on candles, from settings to its result."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.assumptions import assumptions, shorts_left_out
from openoutcry.backtesting.candle_backtest import CandleBacktest, Progress
from openoutcry.backtesting.candle_markets import CandleMarket, side_by_side, together
from openoutcry.backtesting.funding_cover import with_cover
from openoutcry.backtesting.funding_flows import CashFlow
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.history.instruments import settled_as
from openoutcry.backtesting.idleness import with_idle_reason
from openoutcry.backtesting.marks import joint_curve
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.strategy import Needs, Strategy

RUN_ID_CHARS: Final = 12


def run_candles(
    series: CandleSeries,
    strategy: Strategy,
    settings: Settings,
    *,
    dataset: DatasetRecord | None = None,
    funding: Funding | None = None,
    plugins: Plugins | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    asks_each_candle: bool = False,
) -> BacktestResult:
    """Trade a strategy on the candles of one instrument, as `run_candle_markets` does."""
    return run_candle_markets(
        [CandleMarket(series, dataset, funding)],
        strategy,
        settings,
        plugins=plugins,
        parameters=parameters,
        progress=progress,
        asks_each_candle=asks_each_candle,
    )


def run_candle_markets(
    given: Sequence[CandleMarket],
    strategy: Strategy,
    settings: Settings,
    *,
    plugins: Plugins | None = None,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    asks_each_candle: bool = False,
) -> BacktestResult:
    """Trade a strategy on candles, as it would trade live, and account for it to the last atom.

    Several instruments are traded in the time that all have candles of, from one account; the first is the
    strategy's own. A strategy of one with `exposures` is asked only at the candles where the desk acts,
    unless `asks_each_candle`; the result is the same. `plugins` may veto orders, as live. Funding is paid on
    what is held, by the benchmark too. `parameters` are those that the strategy was made with, if not its
    fields.

    Raises:
        MissingDataError: there are no candles, or none of the same time.
        InvalidInputError: the strategy needs more than candles, or another number of symbols, or contradicts
            itself; or the data do not go together.
        OpenOutcryError: the strategy failed.
    """
    began_s = time.perf_counter()
    check_candles_serve(strategy, len(given))
    markets = together([_settled(each, settings) for each in given])
    parameters = parameters_of(strategy) if parameters is None else parameters
    code = own_source_sha256(strategy)
    run_id = run_id_of([config_hash(settings), strategy.name, code, parameters, _identities(markets)])
    backtest = CandleBacktest(markets, strategy, settings, run_id=run_id, plugins=plugins)
    is_foretold = not asks_each_candle and len(markets) == 1 and foretells(strategy, len(markets[0].series))
    shares = strategy.exposures(backtest.columns) if is_foretold else None
    backtest.run(shares, progress)
    costs, chronicle = settings.backtest, backtest.chronicle
    paid = _paid(backtest)
    marks = side_by_side([market.series for market in markets])
    rates = {each.symbol: each.funding for each in markets if each.funding is not None}
    curve = joint_curve(marks, costs.cash_atoms, chronicle.fills, paid, costs.taker_fee_ppm, rates=rates)
    _check_account(backtest, int(curve.equity_atoms[-1]), marks)
    instruments = {market.symbol: market.series.instrument for market in markets}
    records = (record for market in markets for record in market.records)
    datasets = tuple(with_cover(records, rates, curve.times_ns))
    result = BacktestResult(
        run_id=run_id,
        strategy=strategy.name,
        parameters=parameters,
        instruments=instruments,
        datasets=datasets,
        seed=settings.seed,
        settings=msgspec.to_builtins(settings),
        config_hash=config_hash(settings),
        versions=versions(),
        opening_atoms=costs.cash_atoms,
        curve=curve,
        fills=tuple(chronicle.fills),
        fees_atoms=sum(fill.fee_atoms for fill in chronicle.fills),
        funding_atoms=-sum(amount for flows in paid.values() for _, amount in flows),
        counts=dict(sorted({**chronicle.counts, **chronicle.ends}.items())),
        refusals=dict(sorted(chronicle.refusals.items())),
        assumptions=(
            *assumptions(settings, list(instruments.values()), datasets),
            *shorts_left_out(shares, settings),
        ),
        halt_reason=backtest.floor.halt_reason,
        marks={each.instrument.symbol: int(each.close_ticks[-1]) for each in marks},
        source_sha256=code,
        wall_s=time.perf_counter() - began_s,
    )
    return with_idle_reason(result, warmup=backtest.desk.warmup, candles=len(backtest.columns.close))


def _paid(backtest: CandleBacktest) -> Mapping[str, Sequence[CashFlow]]:
    """The funding by symbol."""
    return {
        symbol: [(each.at_ns, each.amount_atoms) for each in venue.funding]
        for symbol, venue in backtest.venues.items()
    }


def foretells(strategy: Strategy, candles: int) -> bool:
    """Whether `exposures` may be asked: the strategy needs candles alone, and there are enough to warm up."""
    return strategy.needs == Needs() and candles >= strategy.warmup


def parameters_of(strategy: Strategy) -> Mapping[str, Any]:
    """A strategy's parameters by name."""
    return {field.name: getattr(strategy, field.name) for field in msgspec.structs.fields(type(strategy))}


def _settled(market: CandleMarket, settings: Settings) -> CandleMarket:
    """The same, of the contract that the settings say."""
    instrument = settled_as(market.series.instrument, settings.backtest.inverse_lot)
    return replace(market, series=replace(market.series, instrument=instrument))


def _identities(markets: Sequence[CandleMarket]) -> list[object]:
    """What tells the data of two runs apart."""
    return [
        [
            [record.sha256 for record in market.records],
            market.symbol,
            market.series.open_ns[[0, -1]].tolist(),
        ]
        for market in markets
    ]


def check_candles_serve(strategy: Strategy, symbols: int) -> None:
    """Refuse a strategy that candles of so many symbols cannot serve.

    Raises:
        InvalidInputError: it needs more than candles, or another number of symbols.
    """
    needs = strategy.needs
    if needs.features or needs.book:
        raise InvalidInputError(
            f"{strategy.name} needs more than candles; give it data with books (market events)"
        )
    if needs.symbols != symbols:
        raise InvalidInputError(
            f"{strategy.name} looks at {_symbols(needs.symbols)}, and there are candles of {symbols}; "
            f"give --data {'once' if needs.symbols == 1 else f'{needs.symbols} times'}, once for each symbol"
        )


def _symbols(count: int) -> str:
    return "one symbol" if count == 1 else f"{count} symbols"


def run_id_of(what: object) -> str:
    """An id that is the same for the same settings, strategy and data."""
    return f"b-{hashlib.sha256(msgspec.json.encode(what, order='sorted')).hexdigest()[:RUN_ID_CHARS]}"


def _check_account(backtest: CandleBacktest, equity_atoms: int, marks: Sequence[CandleSeries]) -> None:
    """The desk's ledger and the curve count the same fills apart from each other."""
    ledger = backtest.execution.ledger
    worth = sum(
        each.instrument.worth_atoms(int(each.close_ticks[-1]), ledger.position_lots(each.instrument.symbol))
        for each in marks
    )
    total = ledger.cash_atoms(marks[0].instrument.symbol) + worth
    if total != equity_atoms:
        raise OpenOutcryError(
            f"the ledger holds {total} atoms, the curve {equity_atoms}; "
            "this is an error of openoutcry, please report it with the settings and the data"
        )

"""A backtest on candles, from settings to its result."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from openoutcry.assembly.settings import Settings, config_hash
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.account_curve import account_curve
from openoutcry.backtesting.assumptions import assumptions
from openoutcry.backtesting.candle_backtest import CandleBacktest, Progress
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.history.instruments import settled_as
from openoutcry.backtesting.result import BacktestResult, DatasetRecord
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.plugins.loader import Plugins
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
    """Trade a strategy on candles, as it would trade live, and account for it to the last atom.

    A strategy with `exposures` is asked only at the candles where the desk acts, unless `asks_each_candle`;
    the result is the same. `plugins` may veto orders, as live. `funding` is paid on what is held, by the
    benchmark never. `parameters` are those that the strategy was made with, if not its fields.

    Raises:
        MissingDataError: there are no candles.
        InvalidInputError: the strategy needs more than candles of one symbol, or contradicts itself.
        OpenOutcryError: the strategy failed.
    """
    began_s = time.perf_counter()
    _check(series, strategy)
    series = replace(series, instrument=settled_as(series.instrument, settings.backtest.inverse_lot))
    parameters = parameters_of(strategy) if parameters is None else parameters
    data = [dataset and dataset.sha256, series.instrument.symbol, *series.open_ns[[0, -1]].tolist()]
    rates = b"" if funding is None else funding.times_ns.tobytes() + funding.rates.tobytes()
    run_id = run_id_of([config_hash(settings), strategy.name, parameters, data, rates])
    backtest = CandleBacktest(series, strategy, settings, run_id=run_id, funding=funding, plugins=plugins)
    is_foretold = not asks_each_candle and foretells(strategy, len(series))
    shares = strategy.exposures(backtest.columns) if is_foretold else None
    backtest.run(shares, progress)
    costs, chronicle = settings.backtest, backtest.chronicle
    paid = [(each.at_ns, each.amount_atoms) for each in backtest.venue.funding]
    curve = account_curve(series, costs.cash_atoms, chronicle.fills, paid, costs.taker_fee_ppm)
    _check_account(backtest, int(curve.equity_atoms[-1]), series)
    return BacktestResult(
        run_id=run_id,
        strategy=strategy.name,
        parameters=parameters,
        instruments={series.instrument.symbol: series.instrument},
        datasets=(dataset,) if dataset is not None else (),
        seed=settings.seed,
        settings=msgspec.to_builtins(settings),
        config_hash=config_hash(settings),
        versions=versions(),
        opening_atoms=costs.cash_atoms,
        curve=curve,
        fills=tuple(chronicle.fills),
        fees_atoms=sum(fill.fee_atoms for fill in chronicle.fills),
        funding_atoms=-sum(amount for _, amount in paid),
        counts=dict(sorted({**chronicle.counts, **chronicle.ends}.items())),
        refusals=dict(sorted(chronicle.refusals.items())),
        assumptions=assumptions(settings),
        halt_reason=backtest.floor.halt_reason,
        wall_s=time.perf_counter() - began_s,
    )


def foretells(strategy: Strategy, candles: int) -> bool:
    """Whether `exposures` may be asked: the strategy needs candles alone, and there are enough to warm up."""
    return strategy.needs == Needs() and candles >= strategy.warmup


def parameters_of(strategy: Strategy) -> Mapping[str, Any]:
    """A strategy's parameters by name."""
    return {field.name: getattr(strategy, field.name) for field in msgspec.structs.fields(type(strategy))}


def _check(series: CandleSeries, strategy: Strategy) -> None:
    if not len(series):
        raise MissingDataError("there are no candles in this span; give a wider one, or other data")
    needs = strategy.needs
    if needs.features or needs.book or needs.symbols > 1:
        raise InvalidInputError(
            f"{strategy.name} needs more than candles of one symbol; give it data with books (events)"
        )


def run_id_of(what: object) -> str:
    """An id that is the same for the same settings, strategy and data."""
    return f"b-{hashlib.sha256(msgspec.json.encode(what, order='sorted')).hexdigest()[:RUN_ID_CHARS]}"


def _check_account(backtest: CandleBacktest, equity_atoms: int, series: CandleSeries) -> None:
    """The desk's ledger and the curve count the same fills apart from each other."""
    instrument, ledger = series.instrument, backtest.execution.ledger
    held = ledger.position_lots(instrument.symbol)
    worth = instrument.worth_atoms(int(series.close_ticks[-1]), held)
    total = ledger.cash_atoms(instrument.symbol) + worth
    if total != equity_atoms:
        raise OpenOutcryError(
            f"the ledger holds {total} atoms, the curve {equity_atoms}; "
            "this is an error of openoutcry, please report it with the settings and the data"
        )

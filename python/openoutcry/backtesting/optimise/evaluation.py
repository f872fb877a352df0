"""From proposed parameters to an outcome: what every worker does, on data that it holds once."""

from collections.abc import Sequence

import msgspec
import numpy as np

from openoutcry.assembly.settings import Settings
from openoutcry.assembly.versions import versions
from openoutcry.backtesting.candle_backtest import frozen_columns
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.optimise.quick_account import quick_account
from openoutcry.backtesting.optimise.trial import Outcome, Parameters
from openoutcry.backtesting.result import DatasetRecord, Integers
from openoutcry.backtesting.run_store import PACKAGE, dataset_hash, settings_hash, summed_up
from openoutcry.backtesting.runner import foretells, run_candle_markets
from openoutcry.backtesting.statistics.returns import returns_of
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.instrument import Instrument
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.locate import located
from openoutcry.strategies.strategy import Strategy

COLUMNS = ("open_ns", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What all trials of a study share, but for the candles themselves.

    `found_at` finds the strategy where a trial runs. `fixed` are the parameters that are not searched.
    `instruments`, `datasets` and `fundings` are of the symbols in their order, whose candles lie row by row
    side by side. `period_ns`: returns are measured over such periods. With `is_exact` every trial runs
    through the deciders, else those of strategies of one symbol with `exposures` by the quick account.
    """

    strategy: str
    found_at: str
    fixed: Parameters
    settings: Settings
    instruments: tuple[Instrument, ...]
    interval_ns: int
    datasets: tuple[DatasetRecord, ...]
    fundings: tuple[Funding | None, ...]
    period_ns: int
    study: str
    is_exact: bool = False

    @property
    def data_sha256(self) -> str:
        """The hash of all the data, as the run store has it."""
        return dataset_hash(
            sha256
            for dataset, funding in zip(self.datasets, self.fundings, strict=True)
            for sha256 in (dataset.sha256, *(() if funding is None else (funding.sha256,)))
        )


def columns_of(markets: Sequence[CandleMarket]) -> Integers:
    """The candles as one array of int64 to be shared, shape (6 · symbols, candles)."""
    return np.concatenate(
        [np.stack([getattr(market.series, name) for name in COLUMNS]) for market in markets]
    )


def markets_of(problem: Problem, columns: Integers) -> tuple[CandleMarket, ...]:
    """The markets again, their candles as views of the shared array."""
    each = zip(
        problem.instruments,
        problem.datasets,
        problem.fundings,
        np.split(columns, len(problem.instruments)),
        strict=True,
    )
    return tuple(
        CandleMarket(CandleSeries(instrument, problem.interval_ns, *part), dataset, funding)
        for instrument, dataset, funding, part in each
    )


class Evaluator:
    """Runs trials of one problem in this process."""

    def __init__(self, problem: Problem, columns: Integers) -> None:
        """Take the candles as `columns_of` gives them; they are not copied."""
        self._problem = problem
        self.markets = markets_of(problem, columns)
        self._series = self.markets[0].series
        self._candles = frozen_columns(self._series)
        self.plugins = Plugins()
        self.plugins.load_installed()
        self._found = located(problem.found_at, self.plugins)
        self._settings_hash = settings_hash(msgspec.to_builtins(problem.settings))
        self._version = versions()[PACKAGE]

    def strategy(self, parameters: Parameters) -> Strategy:
        """The strategy with these parameters. Raises InvalidInputError if it cannot have them."""
        return self._found.create({**self._problem.fixed, **parameters})

    def evaluate(self, parameters: Parameters) -> Outcome:
        """Run one trial.

        Raises:
            OpenOutcryError: the strategy failed in another way than by refusing its parameters.
        """
        try:
            strategy = self.strategy(parameters)
        except InvalidInputError as error:
            return Outcome(refused=str(error))
        try:
            return self._run(strategy, self._found.filled({**self._problem.fixed, **parameters}))
        except InvalidInputError as error:
            return Outcome(refused=str(error))
        except OpenOutcryError:
            raise
        except Exception as error:
            raise OpenOutcryError(
                f"strategy {strategy.name} failed with {parameters}: {type(error).__name__}: {error}; "
                "repair it, or let it refuse such parameters with an InvalidInputError"
            ) from error

    def _run(self, strategy: Strategy, parameters: Parameters) -> Outcome:
        problem, series = self._problem, self._series
        opening = problem.settings.backtest.cash_atoms
        is_quick = not problem.is_exact and len(self.markets) == 1 and foretells(strategy, len(series))
        shares = strategy.exposures(self._candles) if is_quick else None
        if shares is None:
            result = run_candle_markets(
                self.markets, strategy, problem.settings, plugins=self.plugins, parameters=parameters
            )
            equity, fills = result.curve.equity_atoms, len(result.fills)
        else:
            account = quick_account(series, shares, problem.settings, problem.fundings[0])
            equity, fills = account.equity_atoms, account.trades
        times = series.close_ns
        returns = returns_of(times, equity, opening, problem.period_ns)
        row = summed_up(
            strategy.name,
            parameters,
            returns,
            dataset_sha256=problem.data_sha256,
            settings_hash=self._settings_hash,
            seed=problem.settings.seed,
            span_ns=(int(times[0]), int(times[-1])),
            net_atoms=int(equity[-1]) - opening,
            fills=fills,
            source_sha256=own_source_sha256(strategy),
            version=self._version,
        )
        row = msgspec.structs.replace(row, study=problem.study)
        return Outcome(returns=returns.values.tobytes(), row=row)

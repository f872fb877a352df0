"""The whole of an optimisation: search, choose in each window, judge out of sample."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.assembly.settings import Settings
from openoutcry.backtesting.candle_markets import CandleMarket, in_step, together
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.optimise.engine import EngineName, engine_of
from openoutcry.backtesting.optimise.evaluation import Evaluator, Problem, columns_of
from openoutcry.backtesting.optimise.objective import Objective, score
from openoutcry.backtesting.optimise.space import search_space
from openoutcry.backtesting.optimise.study import Plan, choose, search, source_sha256
from openoutcry.backtesting.optimise.study_store import StudyStore
from openoutcry.backtesting.optimise.trial import Trial
from openoutcry.backtesting.optimise.walk_forward import Piece, walk
from openoutcry.backtesting.report.command import repeat_command
from openoutcry.backtesting.result import BacktestResult, Integers
from openoutcry.backtesting.run_store import RunStore, canonical
from openoutcry.backtesting.runner import check_candles_serve
from openoutcry.backtesting.statistics.bootstrap import total_returns
from openoutcry.backtesting.statistics.cross_validation import Split, walk_forward_windows
from openoutcry.backtesting.statistics.overfitting import Selection, selection_of
from openoutcry.backtesting.statistics.performance import Performance, annual_sharpe, performance_of
from openoutcry.backtesting.statistics.returns import (
    Returns,
    natural_period_ns,
    returns_of,
    returns_of_curve,
)
from openoutcry.backtesting.statistics.verdict import Trials, Verdict, judge
from openoutcry.domain.errors import InterruptedSearchError
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.authorship import own_source_sha256
from openoutcry.strategies.locate import located

HELD_OUT: Final = 0.3  # of the history, where there is no walk-forward
TRAIN_SHARE: Final = 0.5  # of the history before the first window of a walk-forward


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `ranges` are texts as `fast=5:50`; without `study` its name follows from the rest.

    `windows` 1 holds the last part of the history out; more walk forward over its second half.
    """

    strategy: str
    ranges: tuple[str, ...] = ()
    trials: int = 100
    windows: int = 1
    is_anchored: bool = False
    objective: Objective = "sharpe"
    seed: int = 0
    study: str = ""
    jobs: int = 1
    engine: EngineName = "local"
    is_exact: bool = False


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window: what was chosen in its training, and what that did after it. Sharpe ratios are annual.

    Both ends of a span are moments in ns. `search_return` is what the search's own account would have made
    out of sample, `net_return` what the deciders made.
    """

    train_ns: tuple[int, int]
    test_ns: tuple[int, int]
    trial: int
    parameters: dict[str, Any]
    in_sample_score: float
    in_sample_sharpe: float | None
    out_of_sample_sharpe: float | None
    net_return: float
    search_return: float


class Optimisation(msgspec.Struct, frozen=True, kw_only=True):
    """What an optimisation found: out of sample first. Sharpe ratios are annual, in `selection` a period's.

    `tried` is how often this strategy was ever tried on this data, by anybody who shares the state folder.
    `best` are the parameters that were best over the last window's training: those to go on with. `command`
    backtests them over all of the data, with the same costs.
    """

    study: str
    strategy: str
    verdict: Verdict
    out_of_sample: Performance
    out_of_sample_sharpe: float | None
    in_sample_sharpe: float | None
    windows: tuple[Window, ...]
    selection: Selection
    trials: int
    refused: int
    tried: int
    best: dict[str, Any]
    run_id: str
    command: str


def optimise(
    request: Request,
    given: Sequence[CandleMarket],
    settings: Settings,
    *,
    state: Path,
    tell: Callable[[Trial, float], None],
) -> Optimisation:
    """Search, choose and judge; `tell` is called with each trial and its score in the last window's training.

    Of several symbols, candles without counterpart are left out.

    Raises:
        MissingDataError: there are no candles, or none of the same time.
        InvalidInputError: the strategy, a range or the study's name cannot be used, the data do not go
        together, or the history is too short. ConfigurationError: the engine cannot be had.
        InterruptedSearchError: Ctrl-C came; the message says how the study goes on.
        OpenOutcryError: a strategy failed.
    """
    markets = in_step(together(given))
    plan, times_ns = plan_of(request, markets, settings)
    train = plan.splits[-1].train
    known = 0

    def told(trial: Trial) -> None:
        nonlocal known
        known += 1
        tell(trial, math.nan if trial.is_refused else score(trial.returns[train], plan.objective))

    try:
        return _searched(request, plan, times_ns, markets, settings, state=state, tell=told)
    except KeyboardInterrupt:
        raise InterruptedSearchError(
            f"interrupted: study {plan.problem.study} is kept with {known} of {request.trials} trials; run "
            "the same command again, and it goes on from there"
        ) from None


def _searched(
    request: Request,
    plan: Plan,
    times_ns: Integers,
    markets: Sequence[CandleMarket],
    settings: Settings,
    *,
    state: Path,
    tell: Callable[[Trial], None],
) -> Optimisation:
    series, columns = markets[0].series, columns_of(markets)
    with RunStore(state) as runs, StudyStore(state) as studies:
        engine = engine_of(request.engine, plan.problem, columns, request.jobs)
        try:
            trials = search(plan, request.trials, engine=engine, studies=studies, runs=runs, tell=tell)
        finally:
            engine.close()
        chosen = [choose(plan, trials, window) for window in range(len(plan.splits))]
        evaluator = Evaluator(plan.problem, columns)
        pieces = [
            Piece(*_candles(split.test, times_ns, series), evaluator.strategy(trial.parameters))
            for split, trial in zip(plan.splits, chosen, strict=True)
        ]
        result = walk(pieces, markets, settings, plugins=evaluator.plugins)
        return _judged(plan, trials, chosen, result, times_ns=times_ns, runs=runs)


def plan_of(request: Request, markets: Sequence[CandleMarket], settings: Settings) -> tuple[Plan, Integers]:
    """The plan, and when each period of the trials' returns ends. The markets are `in_step`.

    Raises:
        InvalidInputError: the strategy or a range cannot be used, or the history is too short.
    """
    series = markets[0].series
    plugins = Plugins()
    plugins.load_installed()
    found = located(request.strategy, plugins)
    strategy = found.create()
    check_candles_serve(strategy, len(markets))
    space = search_space(found.parameters, request.ranges)
    period_ns = natural_period_ns(series.close_ns)
    times_ns = returns_of(series.close_ns, np.ones(len(series), dtype=np.int64), 1, period_ns).times_ns
    warmup = int(space.highest("warmup")) or strategy.warmup
    purge_rows = -(-warmup * series.interval_ns // period_ns)
    splits = walk_forward_windows(
        len(times_ns),
        request.windows,
        train_share=TRAIN_SHARE if request.windows > 1 else 1.0 - HELD_OUT,
        anchored=request.is_anchored,
        purge_rows=purge_rows,
    )
    problem = Problem(
        strategy=strategy.name,
        found_at=found.text,
        fixed=space.fixed,
        settings=settings,
        instruments=tuple(market.series.instrument for market in markets),
        interval_ns=series.interval_ns,
        datasets=tuple(market.dataset for market in markets if market.dataset is not None),
        fundings=tuple(market.funding for market in markets),
        period_ns=period_ns,
        study=request.study,
        is_exact=request.is_exact,
    )
    code = source_sha256(strategy) + own_source_sha256(strategy)
    plan = Plan(problem, space, splits, request.objective, request.seed, code)
    if not request.study:
        problem = msgspec.structs.replace(problem, study=plan.name)
        plan = Plan(problem, space, splits, request.objective, request.seed, plan.source_sha256)
    return plan, times_ns


def _candles(rows: Integers, times_ns: Integers, series: CandleSeries) -> tuple[int, int]:
    """The candles of some periods: those that close after the period before them ended."""
    ends = (times_ns[rows[0] - 1], times_ns[rows[-1]])
    start, stop = np.searchsorted(series.close_ns, ends, side="right").tolist()
    return start, stop


def _judged(
    plan: Plan,
    trials: Sequence[Trial],
    chosen: Sequence[Trial],
    result: BacktestResult,
    *,
    times_ns: Integers,
    runs: RunStore,
) -> Optimisation:
    problem = plan.problem
    performance = performance_of(result)
    windows = tuple(
        _window(plan, split, trial, result, times_ns)
        for split, trial in zip(plan.splits, chosen, strict=True)
    )
    fit = {canonical(trial.parameters): trial.returns for trial in trials if not trial.is_refused}
    tried = len(runs.trials_of(result.strategy, problem.data_sha256))
    selection = selection_of(np.column_stack(list(fit.values())), tried)
    inside = [window.in_sample_sharpe or 0.0 for window in windows]
    in_sample = math.fsum(inside) / len(inside)
    # Beside the one in sample it is compared, and so told even where the time is too short for a year's.
    outside = annual_sharpe(returns_of_curve(result.curve, result.opening_atoms))
    verdict = judge(result, performance, Trials.of(selection, in_sample, outside))
    folder = runs.save(result, "walk-forward", verdict=verdict.line, study=problem.study)
    return Optimisation(
        study=problem.study,
        strategy=result.strategy,
        verdict=verdict,
        out_of_sample=performance,
        out_of_sample_sharpe=outside,
        in_sample_sharpe=in_sample,
        windows=windows,
        selection=selection,
        trials=len(trials),
        refused=sum(trial.is_refused for trial in trials),
        tried=tried,
        best={**problem.fixed, **chosen[-1].parameters},
        run_id=folder.name,
        command=repeat_command(result),
    )


def _window(plan: Plan, split: Split, trial: Trial, result: BacktestResult, times_ns: Integers) -> Window:
    period_ns = plan.problem.period_ns
    trained = trial.returns[split.train]
    begin_ns, end_ns = int(times_ns[split.test[0] - 1]), int(times_ns[split.test[-1]])
    curve = result.curve
    first, stop = np.searchsorted(curve.times_ns, (begin_ns, end_ns), side="right").tolist()
    opening = int(curve.equity_atoms[first - 1]) if first else result.opening_atoms
    equity = curve.equity_atoms[first:stop]
    tested = returns_of(curve.times_ns[first:stop], equity, opening, period_ns)
    return Window(
        train_ns=(int(times_ns[max(split.train[0] - 1, 0)]), int(times_ns[split.train[-1]])),
        test_ns=(begin_ns, end_ns),
        trial=trial.number,
        parameters={**plan.problem.fixed, **trial.parameters},
        in_sample_score=score(trained, plan.objective),
        in_sample_sharpe=annual_sharpe(Returns(times_ns[split.train], trained, period_ns)),
        out_of_sample_sharpe=annual_sharpe(tested),
        net_return=int(equity[-1]) / opening - 1.0,
        search_return=float(total_returns(trial.returns[split.test])),
    )

"""A backtest with all that is said about it: figures, round trips, bands and the verdict."""

from dataclasses import dataclass, field

import msgspec

from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.statistics.bootstrap import FEWEST_RETURNS, Bands, bands_of
from openoutcry.backtesting.statistics.performance import Performance, performance_of
from openoutcry.backtesting.statistics.returns import returns_of_curve
from openoutcry.backtesting.statistics.round_trips import RoundTrip, round_trips
from openoutcry.backtesting.statistics.verdict import Trials, Verdict, judge


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the report and the terminal show. `bands` is None where the time is too short for a bootstrap,
    that of the Sharpe ratio also where the ratio is withheld.

    `trials` is what is known of other tries.
    """

    result: BacktestResult
    trips: tuple[RoundTrip, ...]
    performance: Performance
    verdict: Verdict
    bands: Bands | None
    trials: Trials = field(default_factory=Trials)


def judgement_of(result: BacktestResult, trials: Trials | None = None) -> Judgement:
    """Judge a backtest; the bands are drawn with the result's own seed.

    Raises:
        InvalidInputError: its curve is empty or goes back in time, or it opened without money.
    """
    trips = tuple(round_trips(result.fills, result.instruments))
    performance = performance_of(result, trips=trips)
    returns = returns_of_curve(result.curve, result.opening_atoms)
    bands = (
        bands_of(returns.values, returns.periods_per_year, seed=result.seed)
        if len(returns) >= FEWEST_RETURNS
        else None
    )
    if bands is not None and performance.sharpe is None:
        bands = msgspec.structs.replace(bands, sharpe=None)
    trials = trials or Trials()
    return Judgement(result, trips, performance, judge(result, performance, trials), bands, trials)

"""Returns of an account, per period; periods end on UTC boundaries."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.result import Curve, Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S

Floats = npt.NDArray[np.float64]

MINUTE_NS: Final = 60 * NS_PER_S
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
YEAR_NS: Final = 365 * DAY_NS  # markets without holidays
FEWEST_PERIODS: Final = 60  # below it a longer period would leave too little to measure


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """Simple returns, `values[i]` of the period that ends at `times_ns[i]`."""

    times_ns: Integers
    values: Floats
    period_ns: int

    def __len__(self) -> int:
        return len(self.values)

    @property
    def periods_per_year(self) -> float:
        """How many such periods a year of 365 days has."""
        return YEAR_NS / self.period_ns


def simple_returns(equity: npt.ArrayLike) -> Floats:
    """The returns between consecutive values of an account: one fewer than values.

    An account that falls to 0 or below is ruined: that period's return is all it had and what it owes (-1 or
    less), and those after are 0.

    Raises:
        InvalidInputError: a value is not finite, or the first is not positive.
    """
    values = np.asarray(equity, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InvalidInputError("an account needs one row of finite values; look for a hole in its curve")
    if len(values) and values[0] <= 0:
        raise InvalidInputError(f"returns on {values[0]:g} mean nothing; open the account with money")
    solvent = np.minimum.accumulate(values) > 0
    before = solvent[:-1]
    returns = np.zeros(max(len(values) - 1, 0))
    returns[before] = values[1:][before] / values[:-1][before] - 1.0
    return returns


def own_period_ns(times_ns: Integers) -> int:
    """The usual distance between the moments of a curve: the median."""
    return max(int(np.median(np.diff(times_ns))), 1) if len(times_ns) > 1 else DAY_NS


def natural_period_ns(times_ns: Integers) -> int:
    """The period to measure by: the longest of day, hour and minute of which the curve has at least 60.

    Never shorter than the curve's own: between its moments nothing is known.
    """
    own_ns = own_period_ns(times_ns)
    span_ns = int(times_ns[-1] - times_ns[0]) + own_ns if len(times_ns) else 0
    for period_ns in (DAY_NS, HOUR_NS, MINUTE_NS):
        if own_ns <= period_ns and span_ns >= FEWEST_PERIODS * period_ns:
            return period_ns
    return own_ns


def resample(times_ns: Integers, values: Integers, period_ns: int) -> tuple[Integers, Integers]:
    """The last value in each period, with the period's end; periods without one keep the value before.

    Periods end at whole multiples of `period_ns` since the epoch: days at midnight UTC. A value at that
    very moment belongs to the period that it ends, as a candle's close does.

    Raises:
        InvalidInputError: times go back.
    """
    if not len(times_ns):
        return times_ns, values
    if (np.diff(times_ns) < 0).any():
        row = int(np.argmax(np.diff(times_ns) < 0)) + 1
        raise InvalidInputError(f"row {row} of the curve is before the row above it; sort it by time")
    number = -(-times_ns // period_ns)
    ends = np.arange(number[0], number[-1] + 1, dtype=np.int64)
    last = np.searchsorted(number, ends, side="right") - 1
    return ends * period_ns, values[last]


def returns_of(
    times_ns: Integers, equity_atoms: Integers, opening_atoms: int, period_ns: int | None = None
) -> Returns:
    """Returns of an account that opened with `opening_atoms`; without a period the natural one is taken.

    The first period's return is from the opening to its end. The first and the last period may be parts of
    one: nothing that was won or lost is left out.

    Raises:
        InvalidInputError: times go back, or the opening is not positive.
    """
    period_ns = period_ns or natural_period_ns(times_ns)
    if period_ns <= own_period_ns(times_ns):  # the curve's own moments, wherever they lie in the day
        ends, values, period_ns = times_ns, equity_atoms, own_period_ns(times_ns)
    else:
        ends, values = resample(times_ns, equity_atoms, period_ns)
    return Returns(ends, simple_returns(np.concatenate(([opening_atoms], values))), period_ns)


def returns_of_curve(curve: Curve, opening_atoms: int, period_ns: int | None = None) -> Returns:
    """Returns of a backtest's equity; as `returns_of`."""
    return returns_of(curve.times_ns, curve.equity_atoms, opening_atoms, period_ns)


def benchmark_returns(curve: Curve, opening_atoms: int, period_ns: int | None = None) -> Returns:
    """Returns of buying and holding over the same time; as `returns_of`."""
    return returns_of(curve.times_ns, curve.benchmark_atoms, opening_atoms, period_ns)

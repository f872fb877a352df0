"""How often a strategy was tried on the same data, and what luck among so many tries explains."""

from collections.abc import Sequence

import numpy as np

from openoutcry.backtesting.run_store import RunRow, RunStore
from openoutcry.backtesting.statistics.sharpe import Moments, deflated_sharpe
from openoutcry.backtesting.statistics.verdict import Trials


def trials_with(store: RunStore, row: RunRow) -> Trials:
    """A run among all that was tried with its strategy on its data, itself among them.

    Its Sharpe ratio is deflated by their number, and by how those deviate that were measured over periods of
    the same length. The first try is not deflated. See `RunStore.trials_of` for what is a try of its own.
    """
    others = [each for each in store.trials_of(row.strategy, row.dataset_sha256) if not _is_same(each, row)]
    count = len(others) + 1
    if row.sharpe is None or row.skew is None or row.kurtosis is None or count == 1:
        return Trials(count=count)
    moments = Moments(
        periods=row.periods, mean=row.sharpe, deviation=1.0, skew=row.skew, kurtosis=row.kurtosis
    )
    return Trials(count=count, deflated=deflated_sharpe(moments, count, _deviation([row, *others])))


def _deviation(rows: Sequence[RunRow]) -> float | None:
    """How the Sharpe ratios deviate, per period of the first; None where no other is comparable."""
    period_ns = rows[0].period_ns
    known = [row.sharpe for row in rows if row.sharpe is not None and row.period_ns == period_ns]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def _is_same(one: RunRow, other: RunRow) -> bool:
    """Whether two rows are of one try."""
    return _try(one) == _try(other)


def _try(row: RunRow) -> tuple[object, ...]:
    return (row.parameters, row.settings_hash, row.from_ns, row.to_ns, row.source_sha256)

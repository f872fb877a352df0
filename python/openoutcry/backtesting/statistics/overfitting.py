"""Whether choosing the best of many trials finds skill or luck.

Combinatorially symmetric cross-validation (CSCV): the history is cut into blocks; for each choice of half of
them the best trial in sample is looked at out of sample. Source: Bailey, Borwein, Lopez de Prado and Zhu
(2017), "The Probability of Backtest Overfitting", J. of Computational Finance 20(4).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.result import Integers
from openoutcry.backtesting.statistics.cross_validation import Split
from openoutcry.backtesting.statistics.market import market_free
from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.backtesting.statistics.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    moments_of,
    sharpe_ratios,
)
from openoutcry.domain.errors import InvalidInputError

BLOCKS: Final = 16  # the authors' choice: 12,870 ways to take half
MAX_BLOCKS: Final = 20
MAX_CELLS: Final = 1 << 20  # of splits by trials in memory at once
FEWEST_TRIALS: Final = 2


class Overfitting(msgspec.Struct, frozen=True, kw_only=True):
    """What CSCV says of a choice among trials; Sharpe ratios are per period, means over the splits.

    `probability` (PBO): how often the best in sample was below the median out of sample; a tie with the
    median counts half. `slope` is of its Sharpe out of sample on that in sample (None where that does not
    vary): below 0, the better it looks, the worse it does. `loss_probability`: how often it lost out of
    sample.
    """

    probability: float
    slope: float | None
    loss_probability: float
    in_sample_sharpe: float
    out_of_sample_sharpe: float
    splits: int


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The best of all trials, judged by how many were tried. Sharpe ratios are per period.

    `deflated` is the probability that it has skill; `luck_sharpe` the best to expect from luck alone;
    `overfitting` is None for a single trial.
    """

    best: int
    sharpe: float
    trials: int
    luck_sharpe: float
    deflated: float
    overfitting: Overfitting | None


@dataclass(frozen=True, slots=True, eq=False)
class WalkForward:
    """The best in sample of each window, run on what came after. Sharpe ratios are per period.

    `chosen`: the trial of each window; `in_sample_sharpe`, `out_of_sample_sharpe`: of that trial there, NaN
    where nothing varied; `returns`: out of sample, joined.
    """

    chosen: Integers
    in_sample_sharpe: Floats
    out_of_sample_sharpe: Floats
    returns: Floats


def overfitting_of(returns: npt.ArrayLike, blocks: int = BLOCKS) -> Overfitting:
    """CSCV over returns of shape (periods, trials). A trial that does not vary has a Sharpe ratio of 0.

    Raises:
        InvalidInputError: fewer than two trials, fewer than two periods a block, an odd number of blocks or
            more than 20, or a return is not finite.
    """
    matrix = _matrix(returns)
    periods, trials = matrix.shape
    if trials < FEWEST_TRIALS or blocks % 2 or not 2 <= blocks <= min(MAX_BLOCKS, periods // 2):  # noqa: PLR2004
        raise InvalidInputError(
            f"{trials} trials over {periods} periods in {blocks} blocks say nothing of overfitting; give two "
            f"trials or more, and an even number of blocks up to {MAX_BLOCKS} with two periods each"
        )
    sums = _BlockSums.of(matrix, blocks)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    at_once = max(1, MAX_CELLS // trials)
    pieces = [sums.judge(halves[begin : begin + at_once]) for begin in range(0, len(halves), at_once)]
    inside, outside, below = (np.concatenate(column) for column in zip(*pieces, strict=True))
    spread = float(inside.var())
    covariance = float(np.mean((inside - inside.mean()) * (outside - outside.mean())))
    return Overfitting(
        probability=float(below.mean()),
        slope=covariance / spread if spread > 0 else None,
        loss_probability=float(np.mean(outside < 0)),
        in_sample_sharpe=float(inside.mean()),
        out_of_sample_sharpe=float(outside.mean()),
        splits=len(halves),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _BlockSums:
    """Sums a block and trial, from which the Sharpe ratio over any set of blocks follows."""

    counts: Floats  # (blocks,)
    sums: Floats  # (blocks, trials) of returns less their trial's mean, so that squares do not cancel
    squares: Floats
    means: Floats  # (trials,)

    @classmethod
    def of(cls, matrix: Floats, blocks: int) -> "_BlockSums":
        borders = len(matrix) * np.arange(blocks) // blocks
        means = matrix.mean(axis=0)
        centred = matrix - means
        return cls(
            np.diff(np.append(borders, len(matrix))).astype(np.float64),
            np.add.reduceat(centred, borders),
            np.add.reduceat(centred**2, borders),
            means,
        )

    def sharpe(self, taken: Floats) -> Floats:
        """Of each trial over the blocks taken: (sets, blocks) of 0 and 1 to (sets, trials)."""
        counts = (taken @ self.counts)[:, None]
        shift = taken @ self.sums / counts
        squares = taken @ self.squares
        around = squares - counts * shift**2
        varies = around > 1e-12 * np.maximum(squares, 1e-300)
        deviation = np.sqrt(np.where(varies, around, 1.0) / (counts - 1.0))
        return np.where(varies, (self.means + shift) / deviation, 0.0)

    def judge(self, halves: Integers) -> tuple[Floats, Floats, Floats]:
        """For each half: the best's Sharpe in it and outside it, and whether it ranked below the median."""
        row = np.arange(len(halves))
        taken = np.zeros((len(halves), len(self.counts)))
        taken[row[:, None], halves] = 1.0
        inside, outside = self.sharpe(taken), self.sharpe(1.0 - taken)
        best = np.argmax(inside, axis=1)
        shown = outside[row, best]
        worse = np.sum(outside < shown[:, None], axis=1)
        better = np.sum(outside > shown[:, None], axis=1)
        return inside[row, best], shown, np.where(worse == better, 0.5, worse < better)


def selection_of(
    returns: npt.ArrayLike,
    trials: int | None = None,
    blocks: int = BLOCKS,
    market: Floats | None = None,
) -> Selection:
    """The best of returns of shape (periods, trials), deflated by the trials.

    With the `market`'s returns, of buying and holding, the trials are judged by what they earned beside it.
    Give it for strategies that are long more than short: their common rise is nobody's skill, yet the
    Deflated Sharpe against cash takes it for one.

    `trials` is how many were ever tried, where that is more than are given here. The blocks are fewer where
    the periods are few.

    Raises:
        InvalidInputError: no trial varies, or as `overfitting_of`.
    """
    matrix = _matrix(returns)
    if market is not None:
        matrix = market_free(matrix, market)
    sharpe = sharpe_ratios(matrix)
    if np.isnan(sharpe).all():
        raise InvalidInputError("no trial ever won or lost, so none is best; widen the search")
    best = int(np.nanargmax(sharpe))
    moments = moments_of(matrix[:, best])
    varied = sharpe[~np.isnan(sharpe)]
    tried = max(trials or 0, matrix.shape[1])
    # Trials that resemble each other deviate less than luck would alone; that is what deflates less then.
    deviation = float(varied.std(ddof=1)) if len(varied) > 1 else 1.0 / math.sqrt(moments.periods - 1)
    fitting = min(blocks, len(matrix) // 2 // 2 * 2)
    return Selection(
        best=best,
        sharpe=moments.sharpe,
        trials=tried,
        luck_sharpe=expected_maximum_sharpe(tried, deviation),
        deflated=deflated_sharpe(moments, tried, deviation),
        overfitting=overfitting_of(matrix, fitting) if matrix.shape[1] > 1 and fitting > 1 else None,
    )


def walk_forward_of(returns: npt.ArrayLike, splits: Iterable[Split]) -> WalkForward:
    """Choose by the Sharpe ratio in each window's training rows, and join what that trial did in its test.

    Rows are those of the returns, shape (periods, trials). Ties go to the first trial.

    Raises:
        InvalidInputError: there is no window, or a training window has fewer than two rows.
    """
    matrix = _matrix(returns)
    chosen, inside, outside, joined = [], [], [], []
    for train, test in splits:
        if len(train) < 2 or not len(test):  # noqa: PLR2004  a deviation needs two
            raise InvalidInputError("a window trains on fewer than two rows; take a longer history")
        sharpe = np.nan_to_num(sharpe_ratios(matrix[train]), nan=0.0)
        best = int(np.argmax(sharpe))
        tested = matrix[test, best]
        chosen.append(best)
        inside.append(float(sharpe[best]))
        outside.append(float(sharpe_ratios(tested)) if len(tested) > 1 else math.nan)
        joined.append(tested)
    if not joined:
        raise InvalidInputError("there is no window to walk; take a longer history or shorter windows")
    return WalkForward(
        np.array(chosen, dtype=np.int64), np.array(inside), np.array(outside), np.concatenate(joined)
    )


def _matrix(returns: npt.ArrayLike) -> Floats:
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2 or not matrix.shape[1] or not np.isfinite(matrix).all():  # noqa: PLR2004
        raise InvalidInputError(
            "trials need finite returns of shape (periods, trials), two periods or more; leave out the "
            "trials that failed"
        )
    return matrix

"""Splits of a history into what is learnt from and what is judged by, without a leak between them.

Rows are in order of time. A row's label is known over a window [start, end): a signal at `start` whose
outcome is settled at `end`. Purging drops training rows whose window overlaps a test row's; the embargo drops
those that start within so much time after a test window. Source: Lopez de Prado (2018), "Advances in
Financial Machine Learning", chapters 7 and 12. Windows may be in any unit, as ns or rows.
"""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError

MAX_SPLITS: Final = 100_000


class Split(NamedTuple):
    """Row numbers to train on and to test on, ascending."""

    train: Integers
    test: Integers


class CombinatorialSplit(NamedTuple):
    """Row numbers to train on; `tests` are those of each test fold, `folds` the folds' numbers."""

    train: Integers
    tests: tuple[Integers, ...]
    folds: tuple[int, ...]


def walk_forward(
    rows: int,
    train_rows: int,
    test_rows: int,
    *,
    anchored: bool = False,
    purge_rows: int = 0,
    keep_short: bool = False,
) -> Iterator[Split]:
    """Train on a window, test on the rows after it, go on by the test's length.

    Anchored training begins at row 0 each time and grows; else it keeps `train_rows`. Between the two
    `purge_rows` are left out: as many as a label looks ahead, or as an indicator looks back. What is left
    over at the end is no window, unless `keep_short`.

    Raises:
        InvalidInputError: a length is not positive, or not one window fits.
    """
    if train_rows < 1 or test_rows < 1 or purge_rows < 0:
        raise InvalidInputError(
            f"windows of {train_rows} and {test_rows} rows cannot be; give positive lengths"
        )
    first = train_rows + purge_rows
    if rows < first + (1 if keep_short else test_rows):
        raise InvalidInputError(
            f"{rows} rows are too few to train on {train_rows}, leave out {purge_rows} and test on "
            f"{test_rows}; take a longer history or shorter windows"
        )
    return _walk(rows, train_rows, test_rows, purge_rows, anchored=anchored, keep_short=keep_short)


def _walk(
    rows: int, train_rows: int, test_rows: int, purge_rows: int, *, anchored: bool, keep_short: bool
) -> Iterator[Split]:
    for start in range(train_rows + purge_rows, rows, test_rows):
        end = min(start + test_rows, rows)
        if end - start < test_rows and not keep_short:
            return
        trained = start - purge_rows
        begin = 0 if anchored else trained - train_rows
        yield Split(np.arange(begin, trained), np.arange(start, end))


def walk_forward_windows(
    rows: int, windows: int, *, train_share: float = 0.5, anchored: bool = False, purge_rows: int = 0
) -> list[Split]:
    """So many walk-forward windows over the whole history: its first part is trained on only.

    `train_share` is that part's share of the rows. Every row after it and its purge is tested once; the last
    windows are one row longer where the rows do not divide.

    Raises:
        InvalidInputError: the history is too short for them.
    """
    tested = rows - math.floor(rows * train_share) - purge_rows
    train_rows = rows - tested - purge_rows
    if windows < 1 or train_rows < 1 or tested < windows or purge_rows < 0:
        raise InvalidInputError(
            f"{rows} rows cannot be walked in {windows} windows after training on {train_share:.0%} of them; "
            "take a longer history or fewer windows"
        )
    borders = rows - tested + tested * np.arange(windows + 1) // windows
    splits = []
    for start, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        trained = start - purge_rows
        splits.append(
            Split(np.arange(0 if anchored else trained - train_rows, trained), np.arange(start, end))
        )
    return splits


def row_windows(rows: int, horizon_rows: int = 1) -> tuple[Integers, Integers]:
    """Label windows in rows: what is decided at a row is settled `horizon_rows` later."""
    starts = np.arange(rows, dtype=np.int64)
    return starts, starts + horizon_rows


def purged_k_fold(folds: int, starts: Integers, ends: Integers, embargo: int = 0) -> Iterator[Split]:
    """Each of `folds` contiguous parts is the test once; the rest is trained on, purged and embargoed.

    Raises:
        InvalidInputError: there are fewer rows than folds, or the windows are not in order of time.
    """
    parts = _parts(folds, starts, ends, embargo)
    return (Split(_purged_train((part,), starts, ends, embargo), part) for part in parts)


def combinatorial_purged(
    folds: int, test_folds: int, starts: Integers, ends: Integers, embargo: int = 0
) -> Iterator[CombinatorialSplit]:
    """Each choice of `test_folds` of the folds is the test once: C(folds, test_folds) splits.

    Raises:
        InvalidInputError: as `purged_k_fold`, or the choice is none, or has more than 100,000 splits.
    """
    _check_choice(folds, test_folds)
    parts = _parts(folds, starts, ends, embargo)
    return (
        CombinatorialSplit(
            _purged_train(tuple(parts[fold] for fold in chosen), starts, ends, embargo),
            tuple(parts[fold] for fold in chosen),
            chosen,
        )
        for chosen in combinations(range(folds), test_folds)
    )


def backtest_paths(folds: int, test_folds: int) -> Integers:
    """Which split tests each fold on each path: shape (C(folds - 1, test_folds - 1), folds).

    A path is a whole history out of sample, joined from tests of different splits: row p has, for each fold,
    the p-th of the splits that test it, in the order of `combinatorial_purged`.
    """
    _check_choice(folds, test_folds)
    choices = list(combinations(range(folds), test_folds))
    columns = [[split for split, chosen in enumerate(choices) if fold in chosen] for fold in range(folds)]
    return np.array(columns, dtype=np.int64).T


def _check_choice(folds: int, test_folds: int) -> None:
    if not 0 < test_folds < folds or math.comb(folds, test_folds) > MAX_SPLITS:
        raise InvalidInputError(
            f"{test_folds} test folds of {folds} are no choice, or more than {MAX_SPLITS:,} splits; "
            "take some 10 folds and 2 of them"
        )


def _parts(folds: int, starts: Integers, ends: Integers, embargo: int) -> list[Integers]:
    rows = len(starts)
    if len(ends) != rows or folds < 2 or rows < folds or embargo < 0:  # noqa: PLR2004
        raise InvalidInputError(
            f"{rows} rows cannot be split into {folds} folds with an embargo of {embargo}; give a window for "
            "each row, 2 folds or more, and at least a row for each"
        )
    if (np.diff(starts) < 0).any() or (ends < starts).any():
        raise InvalidInputError("label windows go back in time; sort the rows, and end none before it starts")
    return np.array_split(np.arange(rows, dtype=np.int64), folds)


def _purged_train(tests: tuple[Integers, ...], starts: Integers, ends: Integers, embargo: int) -> Integers:
    """The rows outside the tests whose windows overlap none of a test's, and start after its embargo."""
    outside = np.ones(len(starts), dtype=bool)
    for test in tests:
        outside[test] = False
    train = np.flatnonzero(outside)
    test = np.concatenate(tests)  # ascending, and so are the starts
    test_starts = starts[test]
    # Of the test windows that start before a training window ends, the one that reaches furthest decides.
    reach = np.concatenate(([np.iinfo(np.int64).min], np.maximum.accumulate(ends[test])))
    begun = np.searchsorted(test_starts, ends[train], side="left")
    overlaps = reach[begun] > starts[train]
    if not embargo:
        return train[~overlaps]
    ended = np.sort(ends[test])
    latest = np.searchsorted(ended, starts[train], side="right")  # test windows that ended by then
    latest_end = np.concatenate(([np.iinfo(np.int64).min // 2], ended))[latest]
    return train[~overlaps & (starts[train] - latest_end >= embargo)]

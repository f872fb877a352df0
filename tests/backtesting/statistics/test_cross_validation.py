import warnings
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from openoutcry.backtesting.statistics.cross_validation import (
    backtest_paths,
    combinatorial_purged,
    purged_k_fold,
    row_windows,
    walk_forward,
    walk_forward_windows,
)
from openoutcry.domain.errors import InvalidInputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import purgedcv
    from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

DAY = 86_400_000_000_000


def rows(split):
    return [part.tolist() for part in split]


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("keep_short", [False, True])
@pytest.mark.parametrize("purge", [0, 3])
@pytest.mark.parametrize("length", [60, 67])
def test_walk_forward_is_skfolios(anchored, keep_short, purge, length):
    theirs = WalkForward(
        test_size=10, train_size=25, expand_train=anchored, reduce_test=keep_short, purged_size=purge
    ).split(np.zeros((length, 1)))
    ours = walk_forward(length, 25, 10, anchored=anchored, purge_rows=purge, keep_short=keep_short)
    assert [rows(split) for split in ours] == [rows(split) for split in theirs]


@pytest.mark.parametrize(("purge", "embargo"), [(0, 0), (2, 0), (0, 3), (2, 3)])
def test_combinatorial_splits_and_paths_are_skfolios(purge, embargo):
    """A label that is settled h rows later overlaps h - 1 rows on either side: skfolio's `purged_size`."""
    theirs = CombinatorialPurgedCV(n_folds=6, n_test_folds=2, purged_size=purge, embargo_size=embargo)
    ours = list(combinatorial_purged(6, 2, *row_windows(120, purge + 1), embargo))
    for mine, (train, tests) in zip(ours, theirs.split(np.zeros((120, 1))), strict=True):
        assert mine.train.tolist() == train.tolist()
        assert rows(mine.tests) == rows(tests)
    assert backtest_paths(6, 2).tolist() == theirs.recombined_paths.T.tolist()


def windows_of(length, seed):
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.integers(0, 400, length)) * DAY
    return starts, starts + rng.integers(1, 12, length) * DAY


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("embargo_days", [0, 5])
def test_purging_is_purgedcvs_for_labels_of_any_length(seed, embargo_days):
    """Its embargo is closed, ours half open as its own label windows are: a nanosecond makes them equal.

    With rows for time, its embargo of n would drop n + 1 rows; ours drops n, as skfolio's.
    """
    starts, ends = windows_of(203, seed)
    embargo = embargo_days * DAY
    settings = {
        "prediction_times": pd.Series(pd.to_datetime(starts)),
        "evaluation_times": pd.Series(pd.to_datetime(ends)),
        "embargo": pd.Timedelta(embargo - 1, "ns") if embargo else None,
    }
    k_fold = purgedcv.PurgedKFold(n_splits=7, **settings).split(np.zeros((203, 1)))
    assert [rows(split) for split in purged_k_fold(7, starts, ends, embargo)] == [
        rows(each) for each in k_fold
    ]
    combined = purgedcv.CombinatorialPurgedCV(n_splits=6, n_test_groups=2, **settings)
    ours = [
        (split.train.tolist(), np.concatenate(split.tests).tolist())
        for split in combinatorial_purged(6, 2, starts, ends, embargo)
    ]
    assert ours == [(train.tolist(), test.tolist()) for train, test in combined.split(np.zeros((203, 1)))]


def test_paths_are_purgedcvs():
    starts, ends = windows_of(60, 1)
    cv = purgedcv.CombinatorialPurgedCV(
        n_splits=5,
        n_test_groups=3,
        prediction_times=pd.Series(pd.to_datetime(starts)),
        evaluation_times=pd.Series(pd.to_datetime(ends)),
    )
    splits = list(combinatorial_purged(5, 3, starts, ends))
    told = [np.full(36, float(number)) for number in range(len(splits))]
    folds = cv.reconstruct_paths(told)[:, ::12]  # the split that each fold's rows come from
    assert backtest_paths(5, 3).tolist() == folds.astype(int).tolist()


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), min_size=8, max_size=60),
    st.integers(2, 6),
    st.integers(0, 10),
    st.data(),
)
def test_no_training_window_overlaps_a_test_window(labels, folds, embargo, data):
    labels.sort()
    starts = np.array([start for start, _ in labels])
    ends = starts + np.array([length for _, length in labels])
    test_folds = data.draw(st.integers(1, folds - 1))
    for split in combinatorial_purged(folds, test_folds, starts, ends, embargo):
        tested = set(np.concatenate(split.tests).tolist())
        assert not tested & set(split.train.tolist())
        kept = set(split.train.tolist())
        for row in set(range(len(labels))) - tested:
            leaks = any(starts[row] < ends[test] and starts[test] < ends[row] for test in tested) or (
                embargo and any(ends[test] <= starts[row] < ends[test] + embargo for test in tested)
            )
            assert (row in kept) != bool(leaks)


@given(st.integers(2, 7), st.data())
def test_each_path_is_a_whole_history_and_each_test_is_used_once(folds, data):
    chosen = data.draw(st.integers(1, folds - 1))
    paths = backtest_paths(folds, chosen)
    assert paths.shape == (comb(folds - 1, chosen - 1), folds)
    pairs = {(split, fold) for row in paths.tolist() for fold, split in enumerate(row)}
    splits = list(combinatorial_purged(folds, chosen, *row_windows(folds * 2)))
    assert pairs == {(number, fold) for number, split in enumerate(splits) for fold in split.folds}


@given(st.integers(4, 300), st.integers(1, 12), st.floats(0.1, 0.9), st.booleans(), st.integers(0, 5))
def test_windows_test_each_later_row_once_and_train_before_it(length, windows, share, anchored, purge):
    tested = length - int(length * share) - purge
    assume(tested >= windows and length - tested - purge >= 1)
    splits = walk_forward_windows(length, windows, train_share=share, anchored=anchored, purge_rows=purge)
    assert len(splits) == windows
    joined = np.concatenate([split.test for split in splits])
    assert joined.tolist() == list(range(length - tested, length))
    for split in splits:
        assert split.train[-1] + purge + 1 == split.test[0]
        assert split.train[0] == 0 or not anchored
        assert len(split.train) == len(splits[0].train) or anchored


@pytest.mark.parametrize(
    "build",
    [
        lambda: walk_forward(10, 8, 3),
        lambda: walk_forward(10, 0, 3),
        lambda: walk_forward_windows(10, 6),
        lambda: purged_k_fold(11, *row_windows(10)),
        lambda: purged_k_fold(2, np.array([3, 1]), np.array([4, 2])),
        lambda: purged_k_fold(2, np.array([1, 3]), np.array([2, 2])),
        lambda: purged_k_fold(2, *row_windows(10), -1),
        lambda: combinatorial_purged(5, 5, *row_windows(10)),
        lambda: combinatorial_purged(30, 15, *row_windows(100)),
        lambda: backtest_paths(3, 0),
    ],
    ids=range(10),
)
def test_what_cannot_be_split_is_refused_at_once(build):
    with pytest.raises(InvalidInputError):
        build()

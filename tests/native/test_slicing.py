from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.native import CoreError, OrderError, twap_schedule, vwap_schedule

START_NS = 1_723_161_600_000_000_000
MINUTE_NS = 60_000_000_000
INT64_MAX = 2**63 - 1


def assert_sound(children, *, total_lots, min_lots, start_ns, end_ns):
    sizes = [lots for _, lots in children]
    times = [at_ns for at_ns, _ in children]
    assert sum(sizes) == total_lots
    assert min(sizes) >= min_lots or sizes == [total_lots]
    assert all(start_ns <= at_ns < end_ns for at_ns in times)
    assert times == sorted(set(times))


@given(
    total_lots=st.integers(1, 10_000) | st.integers(INT64_MAX - 9, INT64_MAX),
    slices=st.integers(1, 200),
    min_lots=st.integers(1, 50) | st.integers(1, INT64_MAX),
    length_ns=st.integers(200, 10**12),
    jitter=st.fixed_dictionaries(
        {"jitter": st.floats(0, 1, exclude_max=True), "seed": st.integers(0, 2**64 - 1)}
    ),
)
def test_a_twap_schedule_is_exact(total_lots, slices, min_lots, length_ns, jitter):
    end_ns = START_NS + length_ns
    parent = {"total_lots": total_lots, "min_lots": min_lots, "start_ns": START_NS, "end_ns": end_ns}
    children = twap_schedule(**parent, slices=slices, **jitter)
    assert_sound(children, **parent)
    assert len(children) <= slices
    assert max(lots for _, lots in children) - min(lots for _, lots in children) <= 1
    assert children == twap_schedule(**parent, slices=slices, **jitter)


@given(
    total_lots=st.integers(1, 10_000) | st.integers(INT64_MAX - 9, INT64_MAX),
    weights=st.lists(st.floats(0, 1e300), min_size=1, max_size=100).filter(any),
    min_lots=st.integers(1, 50) | st.integers(1, INT64_MAX),
)
def test_a_vwap_schedule_is_exact(total_lots, weights, min_lots):
    parent = {"total_lots": total_lots, "min_lots": min_lots, "start_ns": 0, "end_ns": MINUTE_NS}
    assert_sound(vwap_schedule(**parent, weights=weights), **parent)


def test_jitter_needs_its_seed():
    parent = {"total_lots": 100, "slices": 10, "start_ns": 0, "end_ns": MINUTE_NS, "jitter": 0.5}
    assert twap_schedule(**parent, seed=1) != twap_schedule(**parent, seed=2)
    assert [lots for _, lots in twap_schedule(**parent, seed=1)] == [10] * 10


def test_weights_shape_the_slices():
    children = vwap_schedule(total_lots=100, weights=[1, 0, 2, 1], start_ns=0, end_ns=400)
    assert children == [(0, 25), (200, 50), (300, 25)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"total_lots": 0}, "total_lots is 0"),
        ({"total_lots": -1}, "total_lots is -1"),
        ({"min_lots": 0}, "min_lots is 0"),
        ({"slices": 0}, "0 slices"),
        ({"slices": -3}, "0 slices"),
        ({"end_ns": 0}, "is empty"),
        ({"slices": 200}, "no 200 different times"),
        ({"jitter": 1.0}, "jitter is 1"),
        ({"jitter": float("nan")}, "jitter is NaN"),
    ],
)
def test_a_parent_that_cannot_be_sliced_is_refused(change, reason):
    parent = {"total_lots": 1_000, "slices": 2, "start_ns": 0, "end_ns": 100, "min_lots": 1, "jitter": 0.0}
    with pytest.raises(OrderError, match=reason) as refusal:
        twap_schedule(**parent | change)
    assert isinstance(refusal.value, CoreError)
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize("weights", [[], [0.0], [1.0, -1.0], [float("nan")], [float("inf")]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(OrderError, match=r"weight|slices"):
        vwap_schedule(total_lots=10, weights=weights, start_ns=0, end_ns=100)


PARENT = {"total_lots": 1_003, "min_lots": 30, "start_ns": 0, "end_ns": MINUTE_NS, "jitter": 0.4, "seed": 7}


@pytest.mark.parametrize(
    ("schedule", "slots"),
    [(twap_schedule, {"slices": 40}), (vwap_schedule, {"weights": [1.0, 0.0, 2.5, 1.0] * 10})],
)
def test_rows_hold_what_the_list_would(schedule, slots):
    rows = np.full((40, 2), -1, np.int64)
    count = schedule(**PARENT, **slots, rows=rows)
    assert rows[:count].tolist() == [list(child) for child in schedule(**PARENT, **slots)]
    assert 0 < count < 40
    assert not rows[count:].any()


@pytest.mark.parametrize("weights", [np.array([1.0, 0.0, 2.5]), array("d", [1, 0, 2.5]), (1, 0, 2.5)])
def test_weights_may_be_a_buffer(weights):
    assert vwap_schedule(**PARENT, weights=weights) == vwap_schedule(**PARENT, weights=[1, 0, 2.5])


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (np.zeros((39, 2), np.int64), ValueError),
        (np.zeros((40, 3), np.int64), ValueError),
        (np.zeros(80, np.int64), ValueError),
        (np.zeros((40, 2), np.float64), BufferError),
        (np.zeros((40, 2), np.int64), BufferError),
    ],
)
def test_rows_of_another_shape_are_refused(rows, error):
    rows.flags.writeable = error is not BufferError
    with pytest.raises(error):
        twap_schedule(**PARENT, slices=40, rows=rows)

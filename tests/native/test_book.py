import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.native import L2Book

GENERATORS = Path(__file__).parents[3] / "shared" / "peers"
MIDDLE_TICKS = 1_000_000
MAX_COUNT = 2**56
# Small, so that a short run leaves the window often.
WINDOW_TICKS = 128


def matrix(rows, columns):
    """Rows as a C-contiguous int64 buffer."""
    return np.array(rows, dtype=np.int64).reshape(len(rows), columns)


class DictBook:
    """The obvious book: a dict a side."""

    def __init__(self, depth=None):
        self.sides = ({}, {})
        self.depth = depth

    def set(self, side, price_ticks, size_lots):
        if size_lots:
            self.sides[side][price_ticks] = size_lots
        else:
            self.sides[side].pop(price_ticks, None)

    def cut(self):
        if self.depth is None:
            return
        for side, levels in enumerate(self.levels()):
            for price, _ in levels[self.depth :]:
                del self.sides[side][price]

    def levels(self):
        bids, asks = self.sides
        return sorted(bids.items(), reverse=True), sorted(asks.items())

    def touch(self):
        bids, asks = self.levels()
        return (*(bids or [(0, 0)])[0], *(asks or [(0, 0)])[0])


offsets = st.one_of(st.integers(-30, 30), st.integers(-400, 400), st.integers(-900_000, 900_000))
rows_of_changes = st.lists(
    st.tuples(
        st.integers(0, 1),
        offsets.map(lambda offset: MIDDLE_TICKS + offset),
        st.one_of(st.just(0), st.integers(1, 1_000)),
    ),
    max_size=60,
)
depths = st.one_of(st.none(), st.integers(1, 12))


def check_equal(book, oracle):
    bids, asks = oracle.levels()
    assert book.levels(1_000) == (bids, asks)
    assert len(book) == len(bids) + len(asks)
    assert book.top() == (oracle.touch() if bids and asks else None)
    assert book.is_crossed == bool(bids and asks and bids[0][0] >= asks[0][0])


@settings(deadline=None)
@given(rows_of_changes, depths)
def test_single_changes_equal_a_dict(rows, depth):
    book, oracle = L2Book(window_ticks=WINDOW_TICKS, depth=depth), DictBook(depth)
    for side, price, size in rows:
        stood = oracle.sides[side].get(price, 0)
        oracle.set(side, price, size)
        oracle.cut()
        if price % 2:
            assert book.set(side, price, size) == stood
        else:
            assert book.set_top(side, price, size) == oracle.touch()
        check_equal(book, oracle)


@settings(deadline=None)
@given(st.lists(rows_of_changes, max_size=8), depths)
def test_batches_equal_a_dict(batches, depth):
    book, oracle = L2Book(window_ticks=WINDOW_TICKS, depth=depth), DictBook(depth)
    for rows in batches:
        touches = matrix([[-1] * 4] * len(rows), 4)
        assert book.apply(matrix(rows, 3), touches) == len(rows)
        for row, touch in zip(rows, touches.tolist(), strict=True):
            oracle.set(*row)
            assert tuple(touch) == oracle.touch()
        oracle.cut()
        check_equal(book, oracle)


def test_a_depth_is_cut_only_when_the_update_is_whole():
    """The best level goes and the next comes in one update: nothing in between is lost."""
    book = L2Book(depth=2)
    book.apply(matrix([(0, 10, 1), (0, 9, 1)], 3))
    book.apply(matrix([(0, 8, 1), (0, 10, 0)], 3))
    assert book.levels(10)[0] == [(9, 1), (8, 1)]
    book.set(0, 11, 5)
    assert book.levels(10)[0] == [(11, 5), (9, 1)]


def test_an_unknown_level_is_deleted_in_vain():
    book = L2Book()
    for price in (1, 5, MAX_COUNT):
        assert book.set(0, price, 0) == 0
    book.set(0, 100, 7)
    assert book.set_top(0, 1, 0) == (100, 7, 0, 0)
    assert (book.top(), len(book), book.is_crossed) == (None, 1, False)
    book.clear()
    assert len(book) == 0


WRONG_ROWS = [
    ((2, 1, 1), "side is 2"),
    ((-1, 1, 1), "side is -1"),
    ((0, 0, 1), "price_ticks is 0"),
    ((0, -5, 1), "price_ticks is -5"),
    ((0, MAX_COUNT + 1, 1), "price_ticks is"),
    ((1, 1, -1), "size_lots is -1"),
    ((1, 1, MAX_COUNT + 1), "size_lots is"),
]


@pytest.mark.parametrize(("row", "named"), WRONG_ROWS)
def test_a_row_out_of_range_is_named_and_nothing_is_applied(row, named):
    book = L2Book()
    book.set(0, 10, 1)
    touches = matrix([[-1] * 4] * 3, 4)
    with pytest.raises(ValueError, match=f"row 1: {named}"):
        book.apply(matrix([(0, 11, 1), row, (0, 12, 1)], 3), touches)
    assert touches.tolist() == [[-1] * 4] * 3
    for call in (book.set, book.set_top):
        with pytest.raises(ValueError, match=named):
            call(*row)
    assert book.levels(9) == ([(10, 1)], [])


def test_a_row_is_refused_after_many_good_ones_too():
    book = L2Book()
    rows = [(0, 10 + index % 50, 1) for index in range(20_000)]
    with pytest.raises(ValueError, match="row 20000: size_lots is -1"):
        book.apply(matrix([*rows, (0, 1, -1)], 3))
    assert len(book) == 0
    assert book.apply(matrix(rows, 3)) == 20_000


def test_a_buffer_of_another_kind_is_refused_and_nothing_is_applied():
    book = L2Book()
    good = np.array([[0, 5, 1], [1, 6, 1]], dtype=np.int64)
    for rows, named in [
        (good.astype(np.int32), "rows must be .* it is no buffer of int64"),
        (good.astype(np.uint64), "it is no buffer of int64"),
        (good.astype(np.float64), "it is no buffer of int64"),
        (good.astype(">i8"), "it is no buffer of int64"),
        (good.tolist(), "it is no buffer of int64"),
        (None, "it is no buffer of int64"),
        (memoryview(bytes(48)), "it is no buffer of int64"),
        (good.ravel(), r"it has the shape \[6\]"),
        (good[:, :2].copy(), r"it has the shape \[2, 2\]"),
        (good[None], r"it has the shape \[1, 2, 3\]"),
        (np.asfortranarray(good), "it is not contiguous"),
        (good[::-1], "it is not contiguous"),
    ]:
        with pytest.raises(ValueError, match=named):
            book.apply(rows)
    read_only = np.zeros((2, 4), dtype=np.int64)
    read_only.flags.writeable = False
    for top, named in [
        (np.zeros((3, 4), dtype=np.int64), "top has 3 rows; rows has 2"),
        (np.zeros((2, 3), dtype=np.int64), r"top must be .*\(n, 4\); it has the shape"),
        (np.zeros((2, 4)), "top must be .* it is no buffer of int64"),
        (np.zeros((2, 8), dtype=np.int64)[:, ::2], "it is not contiguous"),
        (read_only, "top is read-only"),
    ]:
        with pytest.raises(ValueError, match=named):
            book.apply(good, top)
    assert len(book) == 0
    good.flags.writeable = False
    assert book.apply(good) == 2
    assert book.apply(memoryview(good)) == 2
    assert book.top() == (5, 1, 6, 1)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"window_ticks": 0}, "window_ticks is 0"),
        ({"window_ticks": 2**23}, "window_ticks is"),
        ({"depth": 0}, "depth"),
    ],
)
def test_settings_out_of_range_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        L2Book(**parameters)


def generator(name, folder):
    """A generator of the shared folder; it makes a folder beside itself, so a copy is loaded."""
    if not GENERATORS.is_dir():
        pytest.skip(f"no generators in {GENERATORS}")
    source = GENERATORS / f"{name}.py"
    copy = folder / source.name
    copy.write_text(source.read_text())
    spec = importlib.util.spec_from_file_location(name, copy)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def test_the_book_generator_and_a_dict_agree(tmp_path):
    deltas = generator("gen", tmp_path).gen_l2(20_000)
    rows = np.stack([deltas["side"], deltas["tick"], deltas["lots"]], axis=1).astype(np.int64)
    book, oracle = L2Book(), DictBook()
    book.apply(rows)
    for row in rows.tolist():
        oracle.set(*row)
    check_equal(book, oracle)


def test_the_rows_generator_agrees_with_the_truth_it_writes(tmp_path):
    module = generator("rows", tmp_path)
    deltas, truth = module.deltas(20_000)
    rows = np.stack([deltas["side"] - 1, deltas["px"], deltas["sz"]], axis=1).astype(np.int64)
    touches = np.empty((len(rows), 4), dtype=np.int64)
    book = L2Book()
    book.apply(rows, touches)
    ends = touches[deltas["flags"] == module.F_LAST]
    assert len(ends) == truth["batches"]
    assert int((ends[:, 0] * 31 + ends[:, 2]).sum()) % 2**64 == truth["checksum"]
    best = (truth["best_bid"], truth["best_bid_size"], truth["best_ask"], truth["best_ask_size"])
    assert book.top() == best
    assert [len(side) for side in book.levels(10_000)] == [truth["bid_levels"], truth["ask_levels"]]

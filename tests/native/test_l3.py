import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.native import BookError, DecodeError, L3Book, OrderError

SIDES = ("buy", "sell")
ADD, CANCEL, REDUCE, EXECUTE, REPLACE, AMEND, HIDDEN = range(7)


def as_rows(*rows):
    flat = array.array("q", [number for row in rows for number in row])
    return memoryview(flat).cast("B").cast("q", (len(rows), 6)) if rows else memoryview(flat)


class SlowBook:
    """Orders in a dict, which keeps them in the order in which they came."""

    def __init__(self):
        self.orders = {}

    def apply(self, event):
        kind, order_id, new_id, side, price, lots = event
        if kind == HIDDEN:
            return
        if kind == ADD:
            if order_id in self.orders:
                raise KeyError(order_id)
            self.orders[order_id] = (SIDES[side], price, lots)
            return
        side, old_price, old_lots = self.orders[order_id]
        if kind in (REDUCE, EXECUTE):
            if lots > old_lots:
                raise KeyError(order_id)
            lots, price = old_lots - lots, old_price
        if kind == REPLACE and new_id != order_id and new_id in self.orders:
            raise KeyError(new_id)
        if kind == CANCEL or lots == 0:
            del self.orders[order_id]
        elif kind == REPLACE or (kind == AMEND and (price != old_price or lots > old_lots)):
            del self.orders[order_id]
            self.orders[new_id if kind == REPLACE else order_id] = (side, price, lots)
        else:
            self.orders[order_id] = (side, price, lots)

    def queues(self, side):
        queues = {}
        for order_id, (its_side, price, lots) in self.orders.items():
            if its_side == side:
                queues.setdefault(price, []).append((order_id, lots))
        return dict(sorted(queues.items(), reverse=side == "buy"))


def assert_equal(book, slow):
    assert len(book) == len(slow.orders)
    queues = [slow.queues(side) for side in SIDES]
    levels = [[(price, sum(lots for _, lots in queue)) for price, queue in of.items()] for of in queues]
    assert book.levels(1_000) == tuple(levels)
    assert book.levels(2) == tuple(side[:2] for side in levels)
    assert book.top() == ((*levels[0][0], *levels[1][0]) if all(levels) else None)
    for side, of in zip(SIDES, queues, strict=True):
        for price, queue in of.items():
            assert book.orders(side, price) == queue
            assert book.size_at(side, price) == sum(lots for _, lots in queue)
            ahead = 0
            for place, (order_id, lots) in enumerate(queue):
                assert book.queue_position(order_id) == (place, ahead)
                assert book.order(order_id) == (order_id, side, price, lots)
                ahead += lots
        first = next(iter(of.items()), None)
        front = None if first is None else (first[1][0][0], side, first[0], first[1][0][1])
        assert book.front(side) == front


events = st.tuples(
    st.sampled_from((ADD, ADD, ADD, CANCEL, REDUCE, EXECUTE, REPLACE, AMEND, HIDDEN)),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 1),
    st.integers(-5, 5) | st.integers(-3_000, 3_000),
    st.integers(1, 30),
)


def apply_one(book, event):
    kind, order_id, new_id, side, price, lots = event
    match kind:
        case 0:
            book.add(order_id, SIDES[side], price, lots)
        case 1:
            book.cancel(order_id)
        case 2:
            book.reduce(order_id, lots)
        case 3:
            book.execute(order_id, lots)
        case 4:
            book.replace(order_id, new_id, price, lots)
        case 5:
            book.amend(order_id, price, lots)


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=120))
def test_it_is_the_slow_book_and_a_failure_changes_nothing(drawn):
    one_by_one, batch, slow = L3Book(window_ticks=128), L3Book(window_ticks=128), SlowBook()
    good = []
    for event in drawn:
        try:
            slow.apply(event)
        except KeyError:
            with pytest.raises(BookError):
                apply_one(one_by_one, event)
            with pytest.raises(BookError, match=r"^row 0: "):
                batch.apply(as_rows(event))
        else:
            apply_one(one_by_one, event)
            good.append(event)
            assert batch.apply(as_rows(event)) == 1
    assert_equal(one_by_one, slow)
    assert_equal(batch, slow)
    whole = L3Book()
    if good:
        assert whole.apply(as_rows(*good)) == len(good)
    assert_equal(whole, slow)
    whole.clear()
    assert_equal(whole, SlowBook())


def test_a_batch_that_fails_names_the_row_and_keeps_those_before():
    book = L3Book()
    rows = [(ADD, number, 0, 0, number, 1) for number in range(1, 3_001)]
    with pytest.raises(BookError, match=r"^row 2500: order 7777 is unknown$"):
        book.apply(as_rows(*rows[:2_500], (CANCEL, 7_777, 0, 0, 0, 0), *rows[2_500:]))
    assert len(book) == 2_500


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((9, 1, 0, 0, 1, 1), "kind 9"),
        ((ADD, 1, 0, 2, 1, 1), "side 2"),
        ((ADD, -1, 0, 0, 1, 1), "order id -1 is negative"),
        ((ADD, 1, 0, 0, 1, 0), "size 0 lots"),
        ((ADD, 1, 0, 0, 2**56 + 1, 1), "price 72057594037927937 ticks"),
    ],
)
def test_rows_that_are_no_events(row, message):
    book = L3Book()
    with pytest.raises(OrderError, match=f"^row 0: .*{message}"):
        book.apply(as_rows(row))
    assert len(book) == 0


def test_buffers_of_another_shape():
    book = L3Book()
    flat = array.array("q", range(12))
    for rows in (flat, memoryview(flat).cast("B").cast("q", (3, 4)), as_rows(*[(1,) * 6] * 4)[::2]):
        with pytest.raises(ValueError, match="n by 6"):
            book.apply(rows)
    with pytest.raises(TypeError, match="int64"):
        book.apply(array.array("d", range(12)))
    with pytest.raises(TypeError):
        book.apply([(0, 1, 0, 0, 1, 1)])


def test_single_operations_say_what_is_left():
    book = L3Book()
    book.add(1, "buy", 100, 5)
    assert (book.reduce(1, 2), book.execute(1, 1), book.cancel(1)) == (3, 2, 2)
    with pytest.raises(BookError, match="order 1 is unknown"):
        book.cancel(1)
    with pytest.raises(OrderError, match="bid"):
        book.add(1, "bid", 100, 5)
    with pytest.raises(OrderError, match="below 2"):
        book.add(2**63, "buy", 100, 5)


def test_lobster_lines():
    book = L3Book(units_per_tick=100)
    anonymous = book.seed("buy", 57_940, 500)
    assert anonymous >= 2**63
    assert book.apply_lobster(b"34200.1,4,15,4,5794000,1\n34200.2,1,16,10,5795000,-1\n") == (2, 0)
    assert book.top() == (57_940, 496, 57_950, 10)
    unknown = b"34200.3,5,0,1,5794050,1\n34200.4,3,99,1,5796000,-1\n"
    with pytest.raises(BookError, match=r"^message 1: order 99 is unknown$"):
        book.apply_lobster(unknown)
    assert book.apply_lobster(unknown, skip_unknown=True) == (2, 1)
    with pytest.raises(DecodeError, match=r"^message 0: malformed frame at byte 0"):
        book.apply_lobster(b"34200.1,4,15,4\n")
    with pytest.raises(ValueError, match="units_per_tick"):
        L3Book(units_per_tick=0)


def itch(kind, order_id, rest, stock_locate=3):
    body = kind + stock_locate.to_bytes(2, "big") + bytes(8) + order_id.to_bytes(8, "big") + rest
    return len(body).to_bytes(2, "big") + body


def test_itch_messages():
    add = itch(b"A", 7, b"S" + (100).to_bytes(4, "big") + b"GOOG    " + (5_794_000).to_bytes(4, "big"))
    other = itch(b"D", 8, b"", stock_locate=4)
    book = L3Book(units_per_tick=100)
    assert book.apply_itch(add + other, 3) == 1
    assert book.orders("sell", 57_940) == [(7, 100)]
    with pytest.raises(BookError, match=r"^message 0: order 8 is unknown$"):
        book.apply_itch(other)
    with pytest.raises(DecodeError, match="cut off"):
        book.apply_itch(add[:-1], 3)


@pytest.mark.parametrize("window_ticks", [0, (1 << 22) + 1])
def test_a_window_out_of_range_is_refused(window_ticks):
    with pytest.raises(ValueError, match="window_ticks is"):
        L3Book(window_ticks=window_ticks)

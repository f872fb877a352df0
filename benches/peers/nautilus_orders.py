"""nautilus-trader's L3 book: `apply_deltas` of batches built before, a thousand deltas each.

A reduction or an execution is an update to the size that is left, a replacement a deletion and an addition.
An adapter has to keep every order's size for that, which is not timed.
"""

import time

import numpy as np
from nautilus_book import INSTRUMENT, PER_BATCH, SIDES, chunks
from nautilus_trader.model import (
    BookAction,
    BookOrder,
    BookType,
    OrderBook,
    OrderBookDelta,
    OrderBookDeltas,
    Price,
    Quantity,
)

ADD, CANCEL, _REDUCE, _EXECUTE, REPLACE = range(5)


def delta(action, number, side, ticks, lots):
    order = BookOrder(SIDES[side], Price.from_int(ticks), Quantity.from_int(lots), number)
    return OrderBookDelta(INSTRUMENT, action, order, 0, 0, 0, 0)


def deltas(rows):
    orders = {}
    for kind, number, new_number, side, ticks, lots in rows:
        if kind == ADD:
            orders[number] = [side, ticks, lots]
            yield delta(BookAction.ADD, number, side, ticks, lots)
        elif kind in (REPLACE, CANCEL) or orders[number][2] == lots:
            old = orders.pop(number)
            yield delta(BookAction.DELETE, number, *old)
            if kind == REPLACE:
                orders[new_number] = [old[0], ticks, lots]
                yield delta(BookAction.ADD, new_number, old[0], ticks, lots)
        else:
            orders[number][2] -= lots
            yield delta(BookAction.UPDATE, number, *orders[number])


class BuiltBefore:
    def __init__(self, folder):
        rows = np.load(folder / "orders.npy").tolist()
        self.units = len(rows)
        batches = chunks(list(deltas(rows)), PER_BATCH)
        self.batches = [OrderBookDeltas(INSTRUMENT, batch) for batch in batches]

    def round(self):
        self.book = OrderBook(INSTRUMENT, BookType.L3_MBO)
        apply = self.book.apply_deltas
        start_ns = time.thread_time_ns()
        for batch in self.batches:
            apply(batch)
        return time.thread_time_ns() - start_ns

    def state(self):
        # `best_bid_size` would be the first order's.
        bid, ask = self.book.bids(1)[0], self.book.asks(1)[0]
        return [int(each) for level in (bid, ask) for each in (level.price.as_double(), level.size())]

"""nautilus-trader's L2 book. It takes only its own objects, so two rows: with their making, and without.

Without: `apply_deltas` of batches built before, a thousand deltas each, its best. With: each message of four
updates is built from integers and applied, as an adapter does.
"""

import time

import level_loop
import nautilus_version  # noqa: F401  refuses another version
import numpy as np
from nautilus_trader.model import (
    BookAction,
    BookOrder,
    BookType,
    InstrumentId,
    OrderBook,
    OrderBookDelta,
    OrderBookDeltas,
    OrderSide,
    Price,
    Quantity,
)

INSTRUMENT = InstrumentId.from_str("BTCUSDT.BENCH")
SIDES = (OrderSide.BUY, OrderSide.SELL)
ACTIONS = (BookAction.DELETE, BookAction.UPDATE)
PER_MESSAGE = 4
PER_BATCH = 1_000


def delta(row):
    side, price, size = row
    order = BookOrder(SIDES[side], Price.from_int(price), Quantity.from_int(size), 0)
    return OrderBookDelta(INSTRUMENT, ACTIONS[size > 0], order, 0, 0, 0, 0)


def new_book():
    return OrderBook(INSTRUMENT, BookType.L2_MBP)


def touch(book):
    best = (book.best_bid_price(), book.best_bid_size(), book.best_ask_price(), book.best_ask_size())
    return [int(each.as_double()) for each in best]


def chunks(rows, size):
    return [rows[start : start + size] for start in range(0, len(rows), size)]


class BuiltBefore:
    def __init__(self, folder):
        rows = np.load(folder / "rows.npy").tolist()
        self.units = len(rows)
        self.batches = [
            OrderBookDeltas(INSTRUMENT, [delta(row) for row in chunk]) for chunk in chunks(rows, PER_BATCH)
        ]

    def round(self):
        self.book = new_book()
        apply = self.book.apply_deltas
        start_ns = time.thread_time_ns()
        for batch in self.batches:
            apply(batch)
        return time.thread_time_ns() - start_ns

    def state(self):
        return touch(self.book)


class FromIntegers:
    def __init__(self, folder):
        rows = np.load(folder / "rows.npy").tolist()
        self.units = len(rows)
        self.messages = chunks(rows, PER_MESSAGE)

    def round(self):
        self.book = new_book()
        apply = self.book.apply_deltas
        start_ns = time.thread_time_ns()
        for message in self.messages:
            apply(OrderBookDeltas(INSTRUMENT, [delta(row) for row in message]))
        return time.thread_time_ns() - start_ns

    def state(self):
        return touch(self.book)


class BuiltBeforeAndTop(level_loop.RowsAndTop):
    def prepared(self, rows):
        return [delta(row) for row in rows]

    def new_book(self):
        return new_book()

    def setter(self, book):
        return book.apply_delta

    def toucher(self, book):
        bid, ask = book.best_bid_price, book.best_ask_price
        return lambda: (bid(), ask())

    def touch(self, book):
        return touch(book)

    def state(self):
        book, touches = new_book(), 0
        for row in self.rows:
            self.setter(book)(row)
            bid, ask = book.best_bid_price(), book.best_ask_price()
            if bid is not None and ask is not None:
                touches += int(bid.as_double()) * 31 + int(ask.as_double())
        return [*touch(book), touches & level_loop.MASK]


class FromIntegersAndTop(BuiltBeforeAndTop):
    def prepared(self, rows):
        return rows

    def setter(self, book):
        apply = book.apply_delta
        return lambda row: apply(delta(row))

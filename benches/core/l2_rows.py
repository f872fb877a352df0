"""Level updates from an array of integers, in one call."""

import time
from bisect import bisect_left, insort

import numpy as np
from benches.core import inputs
from benches.work import Contender, UnavailableError, Work


def prepare(folder):
    np.save(folder / "rows.npy", inputs.level_rows())


def new_book():
    try:
        from openoutcry.native import L2Book
    except ImportError:
        raise UnavailableError("openoutcry.native has no L2Book") from None
    return L2Book()


def touches(rows):
    """The touch after each row, by a sorted list and a dict a side; None where a side is empty."""
    prices, lots = ([], []), ({}, {})
    for side, price, size in rows:
        if size and price not in lots[side]:
            insort(prices[side], price)
        if size:
            lots[side][price] = size
        elif lots[side].pop(price, 0):
            del prices[side][bisect_left(prices[side], price)]
        if prices[0] and prices[1]:
            bid, ask = prices[0][-1], prices[1][0]
            yield bid, lots[0][bid], ask, lots[1][ask]


def truth(folder):
    *_, last = touches(np.load(folder / "rows.npy").tolist())
    return list(last)


class Ours(Contender):
    def __init__(self, folder):
        self.rows = np.load(folder / "rows.npy")
        self.units = len(self.rows)
        self.book = new_book()

    def round(self):
        self.book = new_book()
        start_ns = time.thread_time_ns()
        self.book.apply(self.rows)
        return time.thread_time_ns() - start_ns

    def state(self):
        return list(self.book.top())


WORKS = [
    Work(
        name="l2_rows",
        title="L2 updates from integer arrays",
        unit="update",
        reach=20,
        prepare=prepare,
        ours=Ours,
        truth=truth,
        peers={
            "nautilus 2.0.0rc6, from integers": "nautilus_book:FromIntegers",
            "nautilus 2.0.0rc6, objects built before": "nautilus_book:BuiltBefore",
            "ccxt.pro order book": "ccxt_book:Rows",
            "sortedcontainers": "sorted_dict:Rows",
            "order_book": "order_book_c:Rows",
        },
    )
]

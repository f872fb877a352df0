"""A level update and the best bid and offer after it, one call an update."""

import time

import numpy as np
from benches.core.l2_rows import new_book, prepare, touches
from benches.work import Contender, Work

MASK = 2**64 - 1


def truth(folder):
    total = 0
    for top in touches(np.load(folder / "rows.npy").tolist()):
        total += top[0] * 31 + top[2]
    return [*top, total & MASK]


class Ours(Contender):
    def __init__(self, folder):
        self.rows = list(map(tuple, np.load(folder / "rows.npy").tolist()))
        self.units = len(self.rows)
        new_book()

    def round(self):
        set_top, rows = new_book().set_top, self.rows
        start_ns = time.thread_time_ns()
        for side, price_ticks, size_lots in rows:
            set_top(side, price_ticks, size_lots)
        return time.thread_time_ns() - start_ns

    def state(self):
        """The last touch, and a sum over the touches after all updates."""
        book, touches = new_book(), 0
        for row in self.rows:
            top = book.set_top(*row)
            if top[1] and top[3]:  # neither side is empty
                touches += top[0] * 31 + top[2]
        return [*top, touches & MASK]


WORKS = [
    Work(
        name="l2_set_top",
        title="L2 update and best bid/offer, one call",
        unit="update",
        reach=170,
        prepare=prepare,
        ours=Ours,
        truth=truth,
        peers={
            "nautilus 2.0.0rc6, from integers": "nautilus_book:FromIntegersAndTop",
            "nautilus 2.0.0rc6, objects built before": "nautilus_book:BuiltBeforeAndTop",
            "ccxt.pro order book": "ccxt_book:RowsAndTop",
            "sortedcontainers": "sorted_dict:RowsAndTop",
            "order_book": "order_book_c:RowsAndTop",
        },
    )
]

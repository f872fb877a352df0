"""A `SortedDict` a side, the usual book of a Python bot that keeps its levels sorted."""

import level_loop
from sortedcontainers import SortedDict


class Rows(level_loop.Rows):
    def new_book(self):
        return SortedDict(), SortedDict()

    def setter(self, book):
        def set_level(row):
            side, price, size = row
            if size:
                book[side][price] = size
            else:
                book[side].pop(price, None)

        return set_level

    def toucher(self, book):
        bids, asks = book
        return lambda: (bids.peekitem(-1)[0] if bids else None, asks.peekitem(0)[0] if asks else None)

    def touch(self, book):
        return [*book[0].peekitem(-1), *book[1].peekitem(0)]


class RowsAndTop(level_loop.RowsAndTop, Rows):
    pass

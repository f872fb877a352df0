"""The C extension order_book (cryptofeed's): a dict a side, sorted anew when its order is asked for."""

import level_loop
from order_book import OrderBook


class Rows(level_loop.Rows):
    def new_book(self):
        return OrderBook()

    def setter(self, book):
        sides = (book.bids, book.asks)

        def set_level(row):
            side, price, size = row
            if size:
                sides[side][price] = size
            else:
                del sides[side][price]

        return set_level

    def toucher(self, book):
        bids, asks = book.bids, book.asks
        return lambda: (bids.index(0)[0] if len(bids) else None, asks.index(0)[0] if len(asks) else None)

    def touch(self, book):
        return [*book.bids.index(0), *book.asks.index(0)]


class RowsAndTop(level_loop.RowsAndTop, Rows):
    pass

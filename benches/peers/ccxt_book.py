"""ccxt.pro's own order book, as its exchanges fill it: `store(price, size)`, the touch from each side."""

import level_loop
from ccxt.async_support.base.ws.order_book import OrderBook


class Rows(level_loop.Rows):
    def prepared(self, rows):
        return [(side, float(price), float(size)) for side, price, size in rows]

    def new_book(self):
        return OrderBook()

    def setter(self, book):
        store = (book["bids"].store, book["asks"].store)

        def set_level(row):
            store[row[0]](row[1], row[2])

        return set_level

    def toucher(self, book):
        bids, asks = book["bids"], book["asks"]
        return lambda: (bids[0][0] if bids else None, asks[0][0] if asks else None)

    def touch(self, book):
        return [int(each) for each in (*book["bids"][0], *book["asks"][0])]


class RowsAndTop(level_loop.RowsAndTop, Rows):
    pass

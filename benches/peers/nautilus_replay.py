"""nautilus-trader on the same levels and trades, no strategy; each event is a message of its own.

Making its objects is not timed. `state` runs once more with a strategy that has the book kept, which costs as
much again and is not timed either.
"""

import time

import nautilus_engine
import numpy as np
from nautilus_trader.model import (
    AggressorSide,
    BookAction,
    BookOrder,
    BookType,
    OrderBookDelta,
    OrderSide,
    TradeId,
    TradeTick,
)
from nautilus_trader.trading import Strategy

ASK = 256
TRADE = 2
LAST_OF_MESSAGE = 128
PRICE_DIGITS = 1
SIDES = (OrderSide.BUY, OrderSide.SELL)
AGGRESSORS = (AggressorSide.BUY, AggressorSide.SELL)
A_TRADE = TradeId("1")


def made(row):
    exchange_ns, local_ns, kind, ticks, lots, _ = row
    price, size = nautilus_engine.price(ticks, PRICE_DIGITS), nautilus_engine.quantity(lots)
    side = kind // ASK
    times = exchange_ns, local_ns
    if kind % ASK == TRADE:
        return TradeTick(nautilus_engine.INSTRUMENT, price, size, AGGRESSORS[side], A_TRADE, *times)
    order = BookOrder(SIDES[side], price, size, 0)
    action = BookAction.UPDATE if lots else BookAction.DELETE
    return OrderBookDelta(nautilus_engine.INSTRUMENT, action, order, LAST_OF_MESSAGE, 0, *times)


class KeepingBook(Strategy):
    """Has the book kept, so that one can read it."""

    def on_start(self):
        self.subscribe_book_deltas(nautilus_engine.INSTRUMENT, BookType.L2_MBP, managed=True)


class Replay:
    def __init__(self, folder):
        rows = np.load(folder / "rows.npy").tolist()
        self.units = len(rows)
        self.engine = nautilus_engine.new_engine(PRICE_DIGITS, BookType.L2_MBP)
        self.engine.add_data([made(row) for row in rows])
        self.has_run = False

    def ready(self):
        if self.has_run:
            self.engine.reset()
        self.has_run = True

    def round(self):
        self.ready()
        start_ns = time.thread_time_ns()
        self.engine.run()
        return time.thread_time_ns() - start_ns

    def state(self):
        self.ready()
        self.engine.add_strategy(nautilus_engine.new_strategy(KeepingBook))
        self.engine.run()
        book = self.engine.cache.order_book(nautilus_engine.INSTRUMENT)
        bid, ask = (
            nautilus_engine.ticks(each, PRICE_DIGITS)
            for each in (book.best_bid_price(), book.best_ask_price())
        )
        bid_lots, ask_lots = (
            nautilus_engine.ticks(each, nautilus_engine.SIZE_DIGITS)
            for each in (book.best_bid_size(), book.best_ask_size())
        )
        return [bid, bid_lots, ask, ask_lots]

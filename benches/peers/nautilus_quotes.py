"""nautilus-trader on quotes: a strategy in Python is called at each. Making its objects is not timed."""

import statistics
import time

import nautilus_engine
import numpy as np
from nautilus_trader.model import OrderSide

PRICE_DIGITS = 2
EACH = 10
LOTS = 1


class Counting(nautilus_engine.OnQuotes):
    def __init__(self, config):
        super().__init__(config)
        self.seen, self.last = 0, None

    def on_quote(self, quote):
        self.seen += 1
        self.last = quote


class CallbackEach:
    strategy = Counting

    def __init__(self, folder):
        rows = np.load(folder / "quotes.npy").tolist()
        self.units = len(rows)
        self.engine = nautilus_engine.new_engine(PRICE_DIGITS)
        self.engine.add_data([nautilus_engine.quote(row, PRICE_DIGITS) for row in rows])
        self.counter = nautilus_engine.new_strategy(self.strategy)
        self.engine.add_strategy(self.counter)
        self.has_run = False

    def ready(self):
        """As at the beginning; another engine in one process is not supported."""
        if self.has_run:
            self.engine.reset()
        self.has_run = True

    def round(self):
        self.ready()
        self.counter.seen = 0
        start_ns = time.thread_time_ns()
        self.engine.run()
        return time.thread_time_ns() - start_ns

    def state(self):
        last = self.counter.last
        prices = (nautilus_engine.ticks(each, PRICE_DIGITS) for each in (last.bid_price, last.ask_price))
        return [self.counter.seen, *prices]


class Ordering(nautilus_engine.OnQuotes):
    """A market order at each tenth quote; through its risk engine, as every order there."""

    def __init__(self, config):
        super().__init__(config)
        self.begin()

    def begin(self):
        self.seen, self.filled_lots, self.taken_ns = 0, 0, []

    def on_quote(self, _quote):
        start_ns = time.perf_counter_ns()
        self.seen += 1
        if self.seen % EACH == 0:
            side = OrderSide.BUY if self.seen % (2 * EACH) else OrderSide.SELL
            size = nautilus_engine.quantity(LOTS)
            self.submit_order(self.order_factory.market(nautilus_engine.INSTRUMENT, side, size))
            self.taken_ns.append(time.perf_counter_ns() - start_ns)

    def on_order_filled(self, event):
        self.filled_lots += nautilus_engine.ticks(event.last_qty, nautilus_engine.SIZE_DIGITS)


class Submitting(CallbackEach):
    strategy = Ordering

    def __init__(self, folder):
        super().__init__(folder)
        self.units = 1

    def round(self):
        self.ready()
        self.counter.begin()
        self.engine.run()
        return round(statistics.median(self.counter.taken_ns))

    def state(self):
        return [len(self.counter.taken_ns), self.counter.filled_lots]

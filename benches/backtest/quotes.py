"""Quotes, each with a call into Python; and how long an order takes from there."""

import statistics
import time

import numpy as np
from benches.backtest import inputs
from benches.work import Contender, Work

from openoutcry.native import Simulator

EACH = 10
"""So many quotes an order."""
NAUTILUS = "nautilus 2.0.0rc6"


def prepare(folder):
    np.save(folder / "quotes.npy", inputs.quote_rows(inputs.QUOTES))


def prepare_fewer(folder):
    np.save(folder / "quotes.npy", inputs.quote_rows(inputs.QUOTES)[:100_000])


def new_simulator(chunks):
    simulator = Simulator()
    simulator.add_instrument(price_tick="0.01", size_step="0.001")
    simulator.add_stream(0, chunks)
    return simulator


class CallbackEach(Contender):
    """As little as a strategy can do: count, and keep the prices."""

    def __init__(self, folder):
        self.rows = np.load(folder / "quotes.npy")
        self.units = len(self.rows)

    def round(self):
        self.seen, self.bid, self.ask = 0, 0, 0
        simulator = new_simulator([self.rows])
        start_ns = time.thread_time_ns()
        simulator.run_quotes(self.on_quote)
        return time.thread_time_ns() - start_ns

    def on_quote(self, _now_ns, bid, _bid_lots, ask, _ask_lots):
        self.seen += 1
        self.bid, self.ask = bid, ask

    def state(self):
        return [self.seen, self.bid, self.ask]


def counted(folder):
    rows = np.load(folder / "quotes.npy").tolist()
    return [len(rows), *rows[-1][1:3]]


class Submitting(CallbackEach):
    """A market order at each tenth quote, bought and sold in turn: from the call to `submit`'s end."""

    def __init__(self, folder):
        super().__init__(folder)
        self.units = 1

    def round(self):
        self.seen, self.taken_ns = 0, []
        self.simulator = new_simulator([self.rows])
        self.simulator.run_quotes(self.on_quote)
        return round(statistics.median(self.taken_ns))

    def on_quote(self, _now_ns, _bid, _bid_lots, _ask, _ask_lots):
        start_ns = time.perf_counter_ns()
        self.seen += 1
        if self.seen % EACH == 0:
            self.simulator.submit(0, "buy" if self.seen % (2 * EACH) else "sell", None, 1)
            self.taken_ns.append(time.perf_counter_ns() - start_ns)

    def state(self):
        return [len(self.taken_ns), sum(fill[3] for fill in self.simulator.fills(0))]


def ordered(folder):
    orders = len(np.load(folder / "quotes.npy")) // EACH
    return [orders, orders]


WORKS = [
    Work(
        name="quotes_python",
        title="1 M quotes, a Python function called at each",
        unit="quote",
        reach=500,
        prepare=prepare,
        ours=CallbackEach,
        truth=counted,
        peers={NAUTILUS: "nautilus_quotes:CallbackEach"},
    ),
    Work(
        name="quote_to_order",
        title="from a quote to the order sent (no review), wall time, p50",
        unit="",
        reach=3_000,
        prepare=prepare_fewer,
        ours=Submitting,
        truth=ordered,
        peers={NAUTILUS: "nautilus_quotes:Submitting"},
    ),
]

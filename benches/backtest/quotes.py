"""Quotes, each with a call into Python; and how long an order takes from there."""

import statistics
import time
from typing import ClassVar

import numpy as np
from benches.backtest import inputs
from benches.backtest.floor import CASH_ATOMS, COIN
from benches.work import Contender, Work

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.quoting import QuotingSession
from openoutcry.backtesting.result import DatasetRecord
from openoutcry.native import Simulator
from openoutcry.strategies.strategy import Candles, Needs, Quotes, Strategy

EACH = 10
"""So many quotes an order."""
DECISION_NS = 10_000_000
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


class AtTheTouch(Strategy, frozen=True):
    """Quotes a lot at each side of the touch."""

    needs: ClassVar[Needs] = Needs(book=True)
    warmup: Candles = 2

    @property
    def every_ns(self):
        return DECISION_NS

    def observe(self, market):
        return Quotes(market.book.bid_ticks, market.book.ask_ticks, 1, 1)


class TimedSession(QuotingSession):
    """Notes how long a decision takes: market shown, strategy asked, mandate kept, quotes sent."""

    def _decide(self, now_ns, mandate):
        start_ns = time.perf_counter_ns()
        super()._decide(now_ns, mandate)
        self.taken.append((now_ns, time.perf_counter_ns() - start_ns))


class Deciding(CallbackEach):
    """A strategy in Python that quotes both sides, as `openoutcry backtest` runs one; wall time."""

    def __init__(self, folder):
        super().__init__(folder)
        self.units = 1
        first_ns, last_ns = (int(self.rows[row, 0]) for row in (0, -1))
        record = DatasetRecord(
            name="quotes", path="", sha256="", kind="quotes", venue=COIN.venue, symbol=COIN.symbol,
            first_ns=first_ns, last_ns=last_ns, rows=len(self.rows),
        )  # fmt: skip
        self.dataset = EventsDataset(COIN, "quotes", record, lambda _from_ns, _to_ns: iter([self.rows]))
        self.settings = load_settings(None, backtest_defaults(COIN, CASH_ATOMS, 1_000))

    def round(self):
        self.session = TimedSession(self.dataset, AtTheTouch(), self.settings, None)
        self.session.taken = []
        self.session.run_in_python()
        return round(statistics.median(taken_ns for _, taken_ns in self.session.taken))

    def state(self):
        decided = [at_ns for at_ns, _ in self.session.taken if at_ns <= self.dataset.record.last_ns]
        return [len(decided), sum(self.session.refusals.values())]


def decided(folder):
    """One at each interval but the first, at whose end the mandate is made."""
    times_ns = np.load(folder / "quotes.npy")[:, 0]
    return [int(times_ns[-1] - times_ns[0]) // DECISION_NS - 1, 0]


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
    Work(
        name="decision_to_quotes",
        title="from a look at the touch to two quotes sent, within the mandate, wall time, p50",
        unit="",
        reach=3_000,
        prepare=prepare_fewer,
        ours=Deciding,
        truth=decided,
    ),
]

"""Levels and trades replayed: by nobody watched, under a market maker, and with partial fills.

The market maker is the one whose figures are known: every so often it quotes two ticks off a middle that
leans against what it holds, at most one unit of the asset, and never better than the touch.
"""

import time
from functools import partial
from math import ceil, floor

import numpy as np
from benches.backtest import inputs
from benches.core.l2_rows import touches
from benches.work import Contender, Work

from openoutcry.native import Simulator

MS = 1_000_000
SIZE_LOTS = 10
MAX_POSITION_LOTS = 1_000
SKEW = 0.05
HALF_SPREAD_TICKS = 2.0
LOTS_A_UNIT = 1_000
HFTBACKTEST = "hftbacktest 2.4.4"


def prepare(folder):
    np.save(folder / "rows.npy", inputs.event_rows())


def new_simulator(rows, *, fill_mode="whole"):
    """hftbacktest's rules: half a millisecond each way, a power queue, a rebate of half a basis point."""
    simulator = Simulator()
    simulator.add_instrument(
        price_tick="0.1",
        size_step="0.001",
        fill_mode=fill_mode,
        queue_model="power",
        queue_exponent=2.0,
        entry_ns=500_000,
        response_ns=500_000,
        maker_rate=-5_000,
        taker_rate=70_000,
    )
    simulator.add_stream(0, [rows])
    return simulator


class Replay(Contender):
    """Reads everything, and keeps both books."""

    fill_mode = "whole"

    def __init__(self, folder):
        self.rows = np.load(folder / "rows.npy")
        self.units = len(self.rows)

    def round(self):
        self.simulator = self.prepared(new_simulator(self.rows, fill_mode=self.fill_mode))
        start_ns = time.thread_time_ns()
        self.run(self.simulator)
        return time.thread_time_ns() - start_ns

    def prepared(self, simulator):
        return simulator

    def run(self, simulator):
        simulator.advance()

    def state(self):
        return list(self.simulator.touch(0))


def last_touch(folder):
    """Of the levels alone, by a sorted list and a dict a side."""
    rows = np.load(folder / "rows.npy")
    rows = rows[rows[:, 2] % inputs.ASK == inputs.LEVEL]
    sides_prices_lots = np.column_stack([rows[:, 2] // inputs.ASK, rows[:, 3:5]])
    *_, last = touches(sides_prices_lots.tolist())
    return list(last)


class MarketMaker(Replay):
    """The kernel in Rust; `state`: decisions, lots held, fills, and lots not explained by the fills."""

    every_ns = 10 * MS

    def prepared(self, simulator):
        simulator.every(self.every_ns)
        return simulator

    def run(self, simulator):
        self.decisions, _ = simulator.run_market_maker(
            size_lots=SIZE_LOTS,
            max_position_lots=MAX_POSITION_LOTS,
            skew=SKEW,
            half_spread_ticks=HALF_SPREAD_TICKS,
        )

    def state(self):
        held, count = self.simulator.account(0)[2:]
        filled = sum(lots if side == "buy" else -lots for _, side, _, lots, *_ in self.simulator.fills(0))
        return [self.decisions, held, count, held - filled]


class InPython(MarketMaker):
    """The same as a strategy in Python, called at each wake."""

    def run(self, simulator):
        self.decisions = simulator.run(partial(quote, simulator))


def quote(simulator, _now_ns, _reasons, _instrument):
    top = simulator.touch(0)
    if top is None:
        return
    bid, _, ask, _ = top
    held = simulator.position_lots(0)
    middle = (bid + ask) / 2 - SKEW * 100 * held / LOTS_A_UNIT
    simulator.set_quotes(
        0,
        min(floor(middle - HALF_SPREAD_TICKS), bid),
        SIZE_LOTS if held < MAX_POSITION_LOTS else 0,
        max(ceil(middle + HALF_SPREAD_TICKS), ask),
        SIZE_LOTS if held > -MAX_POSITION_LOTS else 0,
    )


class Slow(MarketMaker):
    every_ns = 100 * MS


class SlowInPython(InPython):
    every_ns = 100 * MS


class Partial(MarketMaker):
    fill_mode = "partial"


class PartialInPython(InPython):
    fill_mode = "partial"


def done_by(kind):
    """The truth of one way is another's."""

    def truth(folder):
        other = kind(folder)
        other.round()
        return other.state()

    return truth


def market_maker(name, title, ways, peer, reach=1_000 / 12):
    ours, other = ways
    return Work(
        name=name,
        title=title,
        unit="event",
        reach=reach,
        prepare=prepare,
        ours=ours,
        truth=done_by(other),
        peers={
            f"{HFTBACKTEST}, {depth}": f"hftbacktest_replay:{kind}{peer}"
            for depth, kind in (("hash map", "Map"), ("vector", "Vector"))
            if peer
        },
    )


WORKS = [
    Work(
        name="replay",
        title="2.4 M levels and trades, nothing traded",
        unit="event",
        reach=1_000 / 18,
        prepare=prepare,
        ours=Replay,
        truth=last_touch,
        peers={
            f"{HFTBACKTEST}, hash map": "hftbacktest_replay:MapReplay",
            f"{HFTBACKTEST}, vector": "hftbacktest_replay:VectorReplay",
            "nautilus 2.0.0rc6, objects built before": "nautilus_replay:Replay",
        },
    ),
    market_maker(
        "market_maker_10ms", "the same, a market maker every 10 ms", (MarketMaker, InPython), "MarketMaker"
    ),
    market_maker("market_maker_100ms", "every 100 ms", (Slow, SlowInPython), "SlowMarketMaker"),
    market_maker("market_maker_python", "every 10 ms, in Python", (InPython, MarketMaker), "", reach=None),
    market_maker(
        "market_maker_partial", "every 10 ms, partial fills", (Partial, PartialInPython), "PartialMarketMaker"
    ),
]

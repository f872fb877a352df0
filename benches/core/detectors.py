"""Anomaly detection a tick at a time. Others' detectors are not ours, so that only times are compared."""

import time

import numpy as np
from benches.core import inputs
from benches.core.l2_rows import touches
from benches.work import Contender, UnavailableError, Work

EVENTS = 50_000
NEAR_TICKS = 200
NS_PER_EVENT = 10_000_000
TRADE_EVERY = 5


def new_panel():
    try:
        from openoutcry.native import AnomalyPanel
    except ImportError:
        raise UnavailableError("openoutcry.native has no AnomalyPanel") from None
    return AnomalyPanel()


def prepare_ticks(folder):
    np.save(folder / "ticks.npy", inputs.ticks())


def prepare_rows(folder):
    np.save(folder / "rows.npy", inputs.level_rows()[: 4 * EVENTS])


def truth(folder):
    return []


class Ticks(Contender):
    """The six detectors of constant cost, on an array of ticks."""

    def __init__(self, folder):
        self.ticks = np.load(folder / "ticks.npy")
        self.out = np.empty(len(self.ticks))
        self.units = len(self.ticks)
        new_panel()

    def round(self):
        panel = new_panel()
        start_ns = time.thread_time_ns()
        panel.tick(self.ticks, self.out)
        return time.thread_time_ns() - start_ns

    def state(self):
        if not (self.out >= 0).all() or not (self.out <= 1).all():
            raise RuntimeError("a score is outside [0, 1]")
        return []


class Events(Contender):
    """The whole panel: a changed level, the book after it, now and then a trade, and the verdict."""

    units = EVENTS

    def __init__(self, folder):
        new_panel()
        rows = np.load(folder / "rows.npy").tolist()
        tops = list(touches(rows))
        lots, events = {}, []
        for (side, price, after), top in zip(rows[-len(tops) :], tops, strict=True):
            before = lots.get((side, price), 0)
            lots[side, price] = after
            distance = price - top[2] if side else top[0] - price
            if 0 <= distance <= NEAR_TICKS and before != after:
                at_ns = len(events) * NS_PER_EVENT
                level = (at_ns, ("buy", "sell")[side], price, before, after)
                events.append((level, distance, (at_ns, *top)))
        self.events = events[:EVENTS]

    def round(self):
        panel = new_panel()
        on_level, on_book, on_trade = panel.on_level, panel.on_book, panel.on_trade
        verdict, events = panel.verdict, self.events
        start_ns = time.thread_time_ns()
        for number, (level, distance, book) in enumerate(events):
            on_level(*level, distance_ticks=distance)
            on_book(*book, bid_depth_lots=50_000, ask_depth_lots=50_000)
            if not number % TRADE_EVERY:
                on_trade(book[0], book[1], 1, "sell")
            verdict()
        return time.thread_time_ns() - start_ns

    def state(self):
        return []


WORKS = [
    Work(
        name="six_detectors",
        title="six O(1) detectors on 8 features",
        unit="tick",
        reach=250,
        prepare=prepare_ticks,
        ours=Ticks,
        truth=truth,
        peers={
            "river PageHinkley, 1 feature": "river_detectors:PageHinkley",
            "river HalfSpaceTrees": "river_detectors:HalfSpaceTrees",
        },
    ),
    Work(
        name="whole_panel",
        title="the whole anomaly panel, a level, the book and the verdict",
        unit="event",
        reach=2_500,
        prepare=prepare_rows,
        ours=Events,
        truth=truth,
        peers={},
    ),
]

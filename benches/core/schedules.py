"""A parent order into slices over time, from Python. What comes out differs by design; it has to sum up."""

import json
import time
from functools import partial

import numpy as np
from benches.work import Contender, Work

from openoutcry.native import vwap_schedule

TOTAL_LOTS = 1_000_003
SLOT_NS = 60_000_000_000
REPEATS = 300


def prepare(slices, folder):
    (folder / "facts.json").write_text(json.dumps({"slices": slices, "total_lots": TOTAL_LOTS}))


def truth(folder):
    return [TOTAL_LOTS]


class Listed(Contender):
    """Slices as Python's tuples; weights and jitter as in use."""

    units = REPEATS

    def __init__(self, folder):
        slices = json.loads((folder / "facts.json").read_text())["slices"]
        self.weights = [1 + (slot * 37 % 11) / 7 for slot in range(slices)]
        self.parent = {
            "total_lots": TOTAL_LOTS,
            "start_ns": 0,
            "end_ns": slices * SLOT_NS,
            "min_lots": 10,
            "jitter": 0.3,
            "seed": 7,
        }

    def round(self):
        parent, weights = self.parent, self.weights
        start_ns = time.thread_time_ns()
        for _ in range(REPEATS):
            vwap_schedule(weights=weights, **parent)
        return time.thread_time_ns() - start_ns

    def state(self):
        return [sum(lots for _, lots in vwap_schedule(weights=self.weights, **self.parent))]


class Written(Listed):
    """Slices written into an array, from an array of weights."""

    def __init__(self, folder):
        super().__init__(folder)
        self.weights = np.array(self.weights)
        self.rows = np.empty((len(self.weights), 2), np.int64)

    def round(self):
        parent, weights, rows = self.parent, self.weights, self.rows
        start_ns = time.thread_time_ns()
        for _ in range(REPEATS):
            vwap_schedule(weights=weights, rows=rows, **parent)
        return time.thread_time_ns() - start_ns

    def state(self):
        count = vwap_schedule(weights=self.weights, rows=self.rows, **self.parent)
        return [int(self.rows[:count, 1].sum())]


def work(slices, reach_ns, ours, name, title):
    return Work(
        name=name,
        title=f"VWAP schedule of {slices} slices, {title}",
        unit="schedule",
        reach=reach_ns,
        prepare=partial(prepare, slices),
        ours=ours,
        truth=truth,
        peers={
            "nautilus's TWAP logic": "twap_logic:Nautilus",
            "Hummingbot's TWAP logic": "twap_logic:Hummingbot",
        },
    )


WORKS = [
    work(60, 3_000, Written, "schedule_60", "into an array"),
    work(390, 12_000, Written, "schedule_390", "into an array"),
    work(60, 3_000, Listed, "schedule_60_listed", "as tuples"),
    work(390, 12_000, Listed, "schedule_390_listed", "as tuples"),
]

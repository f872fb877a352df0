"""river, a tick at a time: the score or the verdict, then learning."""

import time

import numpy as np
from river import anomaly, drift

TICKS = 100_000
TREE_TICKS = 2_000


class PageHinkley:
    units = TICKS

    def __init__(self, folder):
        self.values = np.load(folder / "ticks.npy")[:TICKS, 0].tolist()

    def round(self):
        detector = drift.PageHinkley()
        start_ns = time.thread_time_ns()
        for value in self.values:
            detector.update(value)
        return time.thread_time_ns() - start_ns

    def state(self):
        return []


class HalfSpaceTrees:
    units = TREE_TICKS

    def __init__(self, folder):
        found = np.load(folder / "ticks.npy")
        low, high = found.min(axis=0), found.max(axis=0)
        scaled = (found[:TREE_TICKS] - low) / (high - low)
        self.ticks = [dict(enumerate(tick)) for tick in scaled.tolist()]

    def round(self):
        detector = anomaly.HalfSpaceTrees(n_trees=10, height=8, seed=1)
        start_ns = time.thread_time_ns()
        for tick in self.ticks:
            detector.score_one(tick)
            detector.learn_one(tick)
        return time.thread_time_ns() - start_ns

    def state(self):
        return []

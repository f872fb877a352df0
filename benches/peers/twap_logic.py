"""The arithmetic of two TWAPs, without their engines: no clock, no order, no log is timed.

nautilus-trader: equal sizes rounded down, the remainder as one more child; a size becomes a `Quantity` (of
2.0.0rc6) when its timer fires. Hummingbot: for each due order, what is left by the orders left, in `Decimal`.
"""

import json
import math
import time
from decimal import ROUND_DOWN, Decimal

import nautilus_version  # noqa: F401  refuses another version
from nautilus_trader.model import Quantity

REPEATS = 30
INTERVAL_S = 60
LOT = Decimal("0.001")
PRECISION = 3


class Logic:
    units = REPEATS

    def __init__(self, folder):
        facts = json.loads((folder / "facts.json").read_text())
        self.slices, self.total = facts["slices"], facts["total_lots"] * LOT

    def round(self):
        schedule = self.schedule
        start_ns = time.thread_time_ns()
        for _ in range(REPEATS):
            schedule()
        return time.thread_time_ns() - start_ns

    def state(self):
        sizes = [Decimal(str(size)) for _, size in self.schedule()]
        return [int(sum(sizes) / LOT)]


class Nautilus(Logic):
    def schedule(self):
        count = math.floor(self.slices * INTERVAL_S / INTERVAL_S)
        equal = (self.total / count).quantize(LOT, rounding=ROUND_DOWN)
        sizes = [equal] * count
        if rest := self.total - equal * count:
            sizes.append(rest)
        children = []
        while sizes:
            size = Quantity.from_decimal_dp(sizes.pop(0), PRECISION)
            children.append((len(children) * INTERVAL_S, size))
        return children


class Hummingbot(Logic):
    def schedule(self):
        plan = {slot * INTERVAL_S: None for slot in range(self.slices)}
        left = self.total
        for placed, at in enumerate(plan):
            last = placed == self.slices - 1
            plan[at] = left if last else left / (self.slices - placed) // LOT * LOT
            left -= plan[at]
        return list(plan.items())

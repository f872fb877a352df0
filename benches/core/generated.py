"""Our own seeded rows, for machines without the shared generator: the same shape, plainer."""

import random

import numpy as np

MIDDLE_TICKS = 600_000


def level_rows(count: int, seed: int = 7) -> np.ndarray:
    """Updates around a walking middle: never crossed, and only standing levels are deleted."""
    rng = random.Random(seed)
    middle, rows, books = MIDDLE_TICKS, [], ({}, {})
    for side, step in ((0, -1), (1, 1)):
        for distance in range(1, 401):
            books[side][middle + step * distance] = 1
            rows.append((side, middle + step * distance, 1))
    while len(rows) < count:
        if rng.random() < 0.04:
            step = rng.choice((-1, 1))
            side = 1 if step > 0 else 0
            if books[side].pop(middle + step, 0):
                rows.append((side, middle + step, 0))
            middle += step
            continue
        side = rng.randrange(2)
        far = rng.random() < 0.3
        distance = 1 + int(rng.expovariate(0.005 if far else 0.25))
        price = middle + (distance if side else -distance)
        deletes = price in books[side] and rng.random() < 0.45
        lots = 0 if deletes else rng.randrange(1, 5_000)
        if lots:
            books[side][price] = lots
        else:
            del books[side][price]
        rows.append((side, price, lots))
    return np.array(rows[:count], np.int64)


def order_rows(count: int, seed: int = 11) -> np.ndarray:
    """Adds, deletes, replacements and reductions of some thousand orders, at fixed sides of a middle."""
    rng = random.Random(seed)
    rows, orders, alive, next_id = [], {}, [], 1
    while len(rows) < count:
        chance = rng.random()
        if len(alive) < 64 or chance < (0.45 if len(alive) > 6_000 else 0.62):
            kind, number, new = 0, next_id, 0
        else:
            place = rng.randrange(len(alive))
            number, new = alive[place], 0
            side, price, lots = orders[number]
            if chance > 0.97 and lots > 1:
                orders[number] = (side, price, lots - 1)
                rows.append((2, number, 0, side, price, 1))
                continue
            alive[place] = alive[-1]
            alive.pop()
            del orders[number]
            if chance < 0.92:
                rows.append((1, number, 0, side, price, lots))
                continue
            kind, new = 4, next_id
        side = side if kind else rng.randrange(2)
        distance = 1 + int(rng.expovariate(0.05))
        price, lots = MIDDLE_TICKS + (distance if side else -distance), rng.randrange(1, 20) * 10
        orders[next_id] = (side, price, lots)
        alive.append(next_id)
        rows.append((kind, number, new, side, price, lots))
        next_id += rng.randrange(1, 9)
    return np.array(rows[:count], np.int64)


def ticks(count: int, seed: int = 23) -> np.ndarray:
    """Log return, spread, size, imbalance, order flow, message rate, cancel ratio, trade size."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = np.column_stack(
        [
            rng.normal(0, 0.5, count),
            rng.geometric(0.7, count),
            np.exp(rng.normal(3, 1, count)),
            np.tanh(rng.normal(0, 0.7, count)),
            rng.standard_t(5, count) * 10,
            rng.poisson(20, count),
            rng.beta(8, 3, count),
            np.exp(rng.normal(1, 1.2, count)),
        ]
    )
    found[rng.integers(0, count, count // 1_000), 0] += 12
    return found

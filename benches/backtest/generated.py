"""Our own seeded events and quotes, for machines without the shared generator: the same shape, plainer."""

import random

import numpy as np
from benches.core.generated import MIDDLE_TICKS, level_rows

START_NS = 1_700_000_000_000_000_000
FEED_LATENCY_NS = 800_000
ASK = 256
LEVEL, TRADE = 1, 2


def event_rows(count: int, seed: int = 5) -> np.ndarray:
    """Level updates around a walking middle; before some that reduce the best level, the trade."""
    rng = random.Random(seed)
    books, rows, at_ns = ({}, {}), [], START_NS
    for side, price, lots in level_rows(count, seed).tolist():
        at_ns += 1 + int(rng.expovariate(1 / 250_000))
        book = books[side]
        taken = book.get(price, 0) - lots
        if taken > 0 and len(book) > 1 and price == (min(book) if side else max(book)):
            rows.append((at_ns, TRADE + ASK * (1 - side), price, taken))
        rows.append((at_ns, LEVEL + ASK * side, price, lots))
        book.pop(price, None)
        if lots:
            book[price] = lots
    found = np.array(rows[:count], np.int64)
    columns = (found[:, 0], found[:, 0] + FEED_LATENCY_NS, *found[:, 1:].T, np.zeros(len(found), np.int64))
    return np.stack(columns, axis=1)


def quote_rows(count: int, seed: int = 42) -> np.ndarray:
    """`at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots` around a walking middle, one about every 10 ms."""
    rng = np.random.Generator(np.random.PCG64(seed))
    at_ns = START_NS + np.cumsum(rng.integers(1, 20_000_000, count))
    middle = np.maximum(MIDDLE_TICKS + np.cumsum(rng.integers(-30, 31, count)), 1_000)
    half = rng.integers(1, 60, count)
    lots = rng.integers(1, 20_000, (2, count))
    return np.stack([at_ns, middle - half, middle + half, *lots], axis=1)

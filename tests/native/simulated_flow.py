"""What a simulator is tested on: events as rows, and a seeded flow of book levels and trades."""

import numpy as np
import numpy.typing as npt

from openoutcry.native import Simulator

LEVEL, TRADE = 1, 2
ASK = 256
FEED_LATENCY_NS = 800_000


def flow(count: int, seed: int, mid_ticks: int = 10_000) -> npt.NDArray[np.int64]:
    """Rows of a book that walks at random, never crossed; one in ten is a trade at the touch."""
    random = np.random.default_rng(seed)
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    rows = []
    now_ns = 1_000_000_000
    mid = mid_ticks

    def put(kind: int, side: int, price: int, size: int) -> None:
        rows.append((now_ns, now_ns + FEED_LATENCY_NS, kind + ASK * side, price, size, 0))

    def level(side: int, price: int, size: int) -> None:
        if size:
            books[side][price] = size
        else:
            books[side].pop(price, None)
        put(LEVEL, side, price, size)

    for depth in range(5):
        level(0, mid - depth, int(random.integers(5, 50)))
        level(1, mid + 1 + depth, int(random.integers(5, 50)))
    while len(rows) < count:
        now_ns += int(random.exponential(250_000)) + 1
        side = int(random.integers(2))
        touch = max(books[0]) if side == 0 else min(books[1])
        draw = random.random()
        if draw < 0.1:
            traded = min(books[side][touch], int(random.integers(1, 20)))
            put(TRADE, 1 - side, touch, traded)
            left = books[side][touch] - traded
            if left or len(books[side]) > 3:
                level(side, touch, left)
        elif draw < 0.2 and len(books[side]) > 3:
            level(side, touch, 0)
        else:
            mid = (max(books[0]) + min(books[1])) // 2
            away = int(random.geometric(0.4)) - 1
            price = mid - away if side == 0 else mid + 1 + away
            other = min(books[1]) if side == 0 else max(books[0])
            if price < other if side == 0 else price > other:
                level(side, price, int(random.integers(1, 60)))
    return np.array(rows[:count], dtype=np.int64)


def rows(*events, start_ns=0):
    """Rows of (at_ns, kind, price, size) or with an order's id; seen when they happen."""
    full = [
        (at + start_ns, at + start_ns, kind, price, size, *(order or [0]))
        for at, kind, price, size, *order in events
    ]
    return np.array(full, dtype=np.int64).reshape(-1, 6)


BOOK = ((1, 1, 99, 10), (1, 1, 98, 20), (1, 1 + ASK, 101, 5), (1, 1 + ASK, 102, 30))


def simulator(*chunks, **settings):
    simulation = Simulator(seed=settings.pop("seed", 0))
    settings = {"price_tick": "0.01", "size_step": "0.001"} | settings
    number = simulation.add_instrument(**settings)
    simulation.add_stream(number, iter(chunks))
    return simulation


def chunked(array, size):
    return (array[begin : begin + size] for begin in range(0, len(array), size))

"""The rules of whole fills with the risk-averse queue, done slowly and obviously: dicts and one heap."""

import heapq
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

ASK = 256


@dataclass
class SlowOrder:
    order_id: int
    side: int
    price: int
    size: int
    ahead: int = 0
    is_accepted: bool = False
    is_cancelling: bool = False


@dataclass
class SlowSimulator:
    """One instrument, post-only orders, constant latencies; `decide(simulator)` is called at each timer."""

    rows: npt.NDArray[np.int64]
    every_ns: int
    entry_ns: int
    response_ns: int
    seen: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    book: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    resting: dict[int, SlowOrder] = field(default_factory=dict)
    orders: dict[int, SlowOrder] = field(default_factory=dict)
    fills: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    position: int = 0
    now_ns: int = 0

    def run(self, decide) -> int:
        self.ids, self.ties = count(1), count()
        self.heap: list = []
        # Of one moment the trader sees data, then reports; the venue takes data, then requests.
        for row in self.rows.tolist():
            self.put(row[1], 0, self.see, row)
            self.put(row[0], 2, self.happen, row)
        wake_ns = self.heap[0][0] + self.every_ns
        decisions = 0
        while self.heap:
            while self.heap and self.heap[0][0] <= wake_ns:
                self.now_ns, _, _, act, what = heapq.heappop(self.heap)
                act(what)
            if not self.heap:
                break
            self.now_ns = wake_ns
            decide(self)
            decisions += 1
            wake_ns += self.every_ns
        return decisions

    def put(self, at_ns, rank, act, what):
        heapq.heappush(self.heap, (at_ns, rank, next(self.ties), act, what))

    def see(self, row):
        _, _, kind, price, size, _ = row
        if kind % ASK == 1:
            set_level(self.seen[kind // ASK], price, size)

    def happen(self, row):
        _, _, kind, price, size, _ = row
        side = kind // ASK
        if kind % ASK == 2:
            for order in [order for order in self.resting.values() if order.side != side]:
                if is_better(order.side, order.price, price):
                    self.fill(order)
                elif order.price == price:
                    order.ahead -= size
                    if order.ahead < 0:
                        self.fill(order)
            return
        set_level(self.book[side], price, size)
        for order in list(self.resting.values()):
            if order.side == side and order.price == price:
                order.ahead = min(order.ahead, size)
            if order.side != side and self.reaches(order):
                self.fill(order)

    def reaches(self, order):
        other = self.book[1 - order.side]
        if not other:
            return False
        return order.price >= min(other) if order.side == 0 else order.price <= max(other)

    def fill(self, order):
        del self.resting[order.order_id]
        self.put(self.now_ns + self.response_ns, 1, self.hear_fill, (order, self.now_ns))

    def hear_fill(self, told):
        order, exchange_ns = told
        self.orders.pop(order.order_id)
        self.position += order.size if order.side == 0 else -order.size
        self.fills.append((order.order_id, order.side, order.price, exchange_ns, self.now_ns))

    def submit(self, side, price, size):
        order = SlowOrder(next(self.ids), side, price, size)
        self.orders[order.order_id] = order
        self.put(self.now_ns + self.entry_ns, 3, self.take_order, order)

    def take_order(self, order):
        if self.reaches(order):
            self.put(self.now_ns + self.response_ns, 1, self.forget, order)
            return
        order.ahead = self.book[order.side].get(order.price, 0)
        self.resting[order.order_id] = order
        self.put(self.now_ns + self.response_ns, 1, self.accept, order)

    def cancel(self, order):
        if not order.is_cancelling:
            order.is_cancelling = True
            self.put(self.now_ns + self.entry_ns, 3, self.take_cancel, order)

    def take_cancel(self, order):
        if self.resting.pop(order.order_id, None) is not None:
            self.put(self.now_ns + self.response_ns, 1, self.forget, order)

    def accept(self, order):
        order.is_accepted = True

    def forget(self, order):
        self.orders.pop(order.order_id, None)

    def touch(self):
        bids, asks = self.seen
        return (max(bids), min(asks)) if bids and asks else None


def set_level(book, price, size):
    if size:
        book[price] = size
    else:
        book.pop(price, None)


def is_better(side, price, other):
    return price > other if side == 0 else price < other

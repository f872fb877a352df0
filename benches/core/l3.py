"""Order messages in a batch: from an array of integers, and from NASDAQ ITCH 5.0 bytes."""

import struct
import time
from collections import Counter

import numpy as np
from benches.core import inputs
from benches.work import Contender, UnavailableError, Work

UNITS_PER_TICK = 100
"""ITCH prices are in 1/10,000; a tick is a cent."""


def prepare(folder):
    rows = inputs.order_rows()
    np.save(folder / "orders.npy", rows)
    (folder / "orders.itch").write_bytes(b"".join(itch_message(*row) for row in enumerate(rows.tolist())))


def itch_message(number, row):
    """A row as ITCH 5.0 writes it, behind its length in two bytes."""
    kind, order, new_order, side, ticks, lots = row
    price = ticks * UNITS_PER_TICK
    head = struct.pack(">HH", 1, 0) + (number + 1).to_bytes(6, "big")
    match inputs.ORDER_KINDS[kind]:
        case "A":
            body = struct.pack(">QcI8sI", order, b"BS"[side : side + 1], lots, b"BENCH   ", price)
        case "E":
            body = struct.pack(">QIQ", order, lots, number)
        case "X":
            body = struct.pack(">QI", order, lots)
        case "D":
            body = struct.pack(">Q", order)
        case "U":
            body = struct.pack(">QQII", order, new_order, lots, price)
    message = inputs.ORDER_KINDS[kind].encode() + head + body
    return struct.pack(">H", len(message)) + message


def new_book(**settings):
    try:
        from openoutcry.native import L3Book
    except ImportError:
        raise UnavailableError("openoutcry.native has no L3Book") from None
    return L3Book(**settings)


class Rows(Contender):
    def __init__(self, folder):
        self.rows = np.load(folder / "orders.npy")
        self.units = len(self.rows)
        self.book = new_book()

    def round(self):
        self.book = new_book()
        start_ns = time.thread_time_ns()
        self.book.apply(self.rows)
        return time.thread_time_ns() - start_ns

    def state(self):
        return list(self.book.top())


class Bytes(Rows):
    def __init__(self, folder):
        super().__init__(folder)
        self.messages = (folder / "orders.itch").read_bytes()

    def round(self):
        self.book = new_book(units_per_tick=UNITS_PER_TICK)
        start_ns = time.thread_time_ns()
        self.book.apply_itch(self.messages)
        return time.thread_time_ns() - start_ns


def truth(folder):
    """The touch, by a dict of the orders that rest."""
    orders = {}
    for kind, order, new_order, side, ticks, lots in np.load(folder / "orders.npy").tolist():
        match inputs.ORDER_KINDS[kind]:
            case "A":
                orders[order] = [side, ticks, lots]
            case "D":
                del orders[order]
            case "U":
                orders[new_order] = [orders.pop(order)[0], ticks, lots]
            case _:
                orders[order][2] -= lots
                if not orders[order][2]:
                    del orders[order]
    levels = (Counter(), Counter())
    for side, ticks, lots in orders.values():
        levels[side][ticks] += lots
    bid, ask = max(levels[0]), min(levels[1])
    return [bid, levels[0][bid], ask, levels[1][ask]]


WORKS = [
    Work(
        name="l3_rows",
        title="L3 messages from integer arrays",
        unit="message",
        reach=35,
        prepare=prepare,
        ours=Rows,
        truth=truth,
        peers={"nautilus 2.0.0rc6, objects built before": "nautilus_orders:BuiltBefore"},
    ),
    Work(
        name="l3_itch",
        title="L3 messages from ITCH 5.0 bytes",
        unit="message",
        reach=60,
        prepare=prepare,
        ours=Bytes,
        truth=truth,
        peers={"itch-book": "itch:Book", "itch-book, with its table of touches": "itch:BookAndTouches"},
    ),
]

"""itch-book's C++ books from ITCH 5.0 bytes: the books alone, and with its table of every touch."""

import time

from itch_book._core import Session

UNITS_PER_TICK = 100
CHUNK_BYTES = 8 << 20
"""As its own reader hands them over."""


class Book:
    tables = ()

    def __init__(self, folder):
        content = (folder / "orders.itch").read_bytes()
        self.chunks = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
        self.units = self.feed(new_session()).stats()["messages"]

    def feed(self, session):
        for chunk in self.chunks:
            session.feed(chunk)
        return session

    def round(self):
        session = new_session(*self.tables)
        start_ns = time.thread_time_ns()
        self.feed(session)
        return time.thread_time_ns() - start_ns

    def state(self):
        touches = self.feed(new_session("bbo")).take_bbo()
        bid, ask = touches["bid_px"][-1], touches["ask_px"][-1]
        sizes = touches["bid_sz"][-1], touches["ask_sz"][-1]
        return [int(bid) // UNITS_PER_TICK, int(sizes[0]), int(ask) // UNITS_PER_TICK, int(sizes[1])]


def new_session(*tables):
    session = Session(tables=list(tables), depth=0, symbols=[])
    session.reserve(1_000_000)
    return session


class BookAndTouches(Book):
    tables = ("bbo",)

"""What the peers of the L2 works share: a row at a time, with or without reading the touch after it."""

import time

import numpy as np

MASK = 2**64 - 1


class Rows:
    """A peer says how it makes a book, sets a level and reads the touch (as prices)."""

    def __init__(self, folder):
        self.rows = self.prepared(np.load(folder / "rows.npy").tolist())
        self.units = len(self.rows)
        self.book = None

    def prepared(self, rows):
        return rows

    def new_book(self):
        raise NotImplementedError

    def setter(self, book):
        raise NotImplementedError

    def toucher(self, book):
        raise NotImplementedError

    def touch(self, book):
        """(bid_ticks, bid_lots, ask_ticks, ask_lots)."""
        raise NotImplementedError

    def round(self):
        self.book = self.new_book()
        set_level = self.setter(self.book)
        start_ns = time.thread_time_ns()
        for row in self.rows:
            set_level(row)
        return time.thread_time_ns() - start_ns

    def state(self):
        return self.touch(self.book)


class RowsAndTop(Rows):
    def round(self):
        self.book = self.new_book()
        set_level, read_touch = self.setter(self.book), self.toucher(self.book)
        start_ns = time.thread_time_ns()
        for row in self.rows:
            set_level(row)
            read_touch()
        return time.thread_time_ns() - start_ns

    def state(self):
        book, touches = self.new_book(), 0
        set_level, read_touch = self.setter(book), self.toucher(book)
        for row in self.rows:
            set_level(row)
            bid, ask = read_touch()
            if bid is not None and ask is not None:
                touches += int(bid) * 31 + int(ask)
        return [*self.touch(book), touches & MASK]

"""The hash of a dataset's content: the same whatever the file, its compression or the reader's chunks."""

import hashlib
import itertools
from typing import Any, Final

import numpy as np

from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S


class ContentHash:
    """Takes rows of eight-byte numbers, the time first, in the order of that time.

    The rows of a day (UTC) are hashed as little-endian int64, after the names of their columns, and the
    dataset is the hash of its days'; so days can be kept and exchanged one by one.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._start = hashlib.sha256(",".join(columns).encode())
        self._day = 0
        self._hasher: Any = None
        self.days: dict[int, str] = {}
        self.rows = 0

    def update(self, rows: Integers) -> None:
        """Take the next rows, (n, columns).

        Raises:
            InvalidInputError: a day comes after a later one.
        """
        for day, part in split_days(rows):
            if self._hasher is None or day != self._day:
                self._close_day()
                if day in self.days or day < self._day:
                    raise InvalidInputError("rows go back in time across a day; sort the file first")
                self._day = day
                self._hasher = self._start.copy()
            self._hasher.update(np.ascontiguousarray(part, "<i8").data)
            self.rows += len(part)

    def hexdigest(self) -> str:
        """The hash of everything so far; nothing may follow."""
        self._close_day()
        return of_days(self.days)

    def _close_day(self) -> None:
        if self._hasher is not None:
            self.days[self._day] = self._hasher.hexdigest()
            self._hasher = None


def of_days(days: dict[int, str]) -> str:
    """The hash of a dataset from those of its days, by number of the day since 1970."""
    text = "".join(f"{day}:{digest}\n" for day, digest in sorted(days.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def split_days(rows: Integers) -> list[tuple[int, Integers]]:
    """Rows by the day of their first column, as (day since 1970, views)."""
    if not len(rows):
        return []
    days = rows[:, 0] // DAY_NS
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(rows)]
    return [(int(days[start]), rows[start:stop]) for start, stop in itertools.pairwise(cuts)]

"""A strategy's wishes over a whole history, known at once."""

import numpy as np

from openoutcry.strategies.strategy import Shares


class Outlook:
    """The rows at which a strategy wishes something, and those at which it wishes something else than before.

    `rows` and `shares` are of the changes. It serves a desk that is asked only where it would act.
    """

    def __init__(self, shares: Shares) -> None:
        """Take the wishes at each candle, NaN for none: `Strategy.exposures` of the history."""
        self._length = len(shares)
        self._wished = np.flatnonzero(~np.isnan(shares))
        wishes = shares[self._wished]
        is_change = np.ones(len(wishes), np.bool_)
        is_change[1:] = wishes[1:] != wishes[:-1]
        self.rows: list[int] = self._wished[is_change].tolist()
        self.shares: list[float] = wishes[is_change].tolist()

    def __len__(self) -> int:
        """The number of candles."""
        return self._length

    def row_of_wish(self, start: int, count: int) -> int:
        """The row of the wish that is `count` wishes on, from `start`; the number of candles if none is."""
        index = int(np.searchsorted(self._wished, start)) + count - 1
        return int(self._wished[index]) if index < len(self._wished) else self._length

    def wishes_between(self, start: int, stop: int) -> int:
        """How many wishes there are from `start` up to `stop`."""
        first, last = np.searchsorted(self._wished, (start, stop))
        return int(last - first)

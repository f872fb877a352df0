"""The last candles of one symbol, as columns."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import NS_PER_S, TimestampNs

MAX_CANDLES: Final = 10_000  # the largest window; a day of 10-second candles is 8,640
DEFAULT_CANDLES: Final = 512
MAX_CLOCK_LEAD_NS: Final = 60 * NS_PER_S  # how far a venue's clock may run ahead of ours

Prices = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CandleColumns:
    """Candles as read-only columns, oldest first: prices in ticks, volume in lots, times in ns.

    The columns are views of memory that is never written again: what the window takes later cannot
    show up in them.
    """

    open: Prices
    high: Prices
    low: Prices
    close: Prices
    volume: Prices
    close_ns: Times

    def __len__(self) -> int:
        return len(self.close)

    def part(self, start: int, stop: int) -> "CandleColumns":
        """The candles of some rows, as views; `start` must not be negative."""
        if start < 0:
            raise InvalidInputError(f"rows {start} to {stop} reach before the oldest of {len(self)} candles")
        rows = slice(start, stop)
        return CandleColumns(
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
            self.close_ns[rows],
        )


class CandleWindow:
    """A bounded window of closed candles, in the order of their close.

    A candle that is not newer than the newest one held is a duplicate or too late, and changes nothing.
    """

    def __init__(
        self, *, symbol: str, capacity: int = DEFAULT_CANDLES, max_clock_lead_ns: int = MAX_CLOCK_LEAD_NS
    ) -> None:
        if not 1 <= capacity <= MAX_CANDLES:
            raise InvalidInputError(f"a window cannot hold {capacity} candles; choose 1 to {MAX_CANDLES}")
        self.symbol: Final = symbol
        self._max_clock_lead_ns = max_clock_lead_ns
        self._candles: deque[CandleClosed] = deque(maxlen=capacity)
        self._allocate()

    def __len__(self) -> int:
        return len(self._candles)

    @property
    def last(self) -> CandleClosed | None:
        """The newest candle."""
        return self._candles[-1] if self._candles else None

    def append(self, candle: CandleClosed, now_ns: TimestampNs) -> bool:
        """Add the newest candle; False if it is not newer than those held.

        Raises:
            InvalidInputError: as for `check`.
        """
        self.check(candle, now_ns)
        if self._candles and candle.close_ns <= self._candles[-1].close_ns:
            return False
        self._push(candle)
        return True

    def merge(self, history: Iterable[CandleClosed], now_ns: TimestampNs) -> int:
        """Add candles older or newer than those held, in any order; returns how many were new.

        Raises:
            InvalidInputError: as for `check`; nothing was added then.
        """
        held = {candle.close_ns: candle for candle in self._candles}
        known = len(held)
        for candle in history:
            self.check(candle, now_ns)
            held.setdefault(candle.close_ns, candle)
        self._candles.clear()
        self._allocate()
        for at_ns in sorted(held):
            self._push(held[at_ns])
        return len(held) - known

    def columns(self, count: int | None = None) -> CandleColumns:
        """The last `count` candles, or all of them; fewer if there are not so many."""
        length = len(self) if count is None else min(count, len(self))
        span = slice(self._end - length, self._end)
        opens, highs, lows, closes, volumes = (_frozen(row[span]) for row in self._rows)
        times = self._times[span]
        times.flags.writeable = False
        return CandleColumns(opens, highs, lows, closes, volumes, times)

    def check(self, candle: CandleClosed, now_ns: TimestampNs) -> None:
        """Refuse a candle that cannot be used, whatever is held.

        Raises:
            InvalidInputError: the candle is of another symbol, contradicts itself, or closes in the future.
        """
        if candle.symbol != self.symbol:
            raise InvalidInputError(
                f"{candle.id}: a candle of {candle.symbol} came to the window of {self.symbol}"
            )
        body = (candle.open_ticks, candle.close_ticks)
        if not 0 < candle.low_ticks <= min(body) <= max(body) <= candle.high_ticks or candle.volume_lots < 0:
            raise InvalidInputError(
                f"{candle.id} contradicts itself: low {candle.low_ticks}, open and close {body}, "
                f"high {candle.high_ticks}, volume {candle.volume_lots}; the feed is not to be trusted"
            )
        lead_ns = candle.close_ns - now_ns
        if lead_ns > self._max_clock_lead_ns or candle.close_ns <= candle.open_ns:
            raise InvalidInputError(
                f"{candle.id} opens at {candle.open_ns} and closes at {candle.close_ns}, which is "
                f"{lead_ns / NS_PER_S:.3f} s after now (at most {self._max_clock_lead_ns / NS_PER_S:g} s is "
                "accepted); check this machine's clock and the feed"
            )

    def _allocate(self) -> None:
        """Take fresh memory; columns handed out earlier keep the old."""
        assert self._candles.maxlen is not None
        self._rows = np.empty((5, 2 * self._candles.maxlen))
        self._times = np.empty(2 * self._candles.maxlen, dtype=np.int64)
        self._end = 0

    def _push(self, candle: CandleClosed) -> None:
        self._candles.append(candle)
        if self._end == len(self._times):  # once in `capacity` candles
            self._allocate()
            for kept in list(self._candles)[:-1]:
                self._write(kept)
        self._write(candle)

    def _write(self, candle: CandleClosed) -> None:
        self._rows[:, self._end] = (
            candle.open_ticks,
            candle.high_ticks,
            candle.low_ticks,
            candle.close_ticks,
            candle.volume_lots,
        )
        self._times[self._end] = candle.close_ns
        self._end += 1


def _frozen(view: Prices) -> Prices:
    view.flags.writeable = False
    return view

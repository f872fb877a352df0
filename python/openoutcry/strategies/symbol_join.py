"""Brings together the candles of several symbols that close at the same moment."""

from collections.abc import Sequence
from typing import Final

from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import TimestampNs

MIN_WAITING: Final = 8  # moments


class SymbolJoin:
    """Releases a candle of each symbol, all of one moment, oldest moment first.

    A candle without its counterparts is dropped once a later moment is complete, or when more moments wait
    than `capacity` (at least `MIN_WAITING`): what is released lies side by side, row by row. Candles that are
    dropped, or came twice or too late, are counted.
    """

    def __init__(self, symbols: Sequence[str], capacity: int) -> None:
        self._symbols = tuple(symbols)
        self._capacity = max(capacity, MIN_WAITING)
        self._waiting: dict[TimestampNs, dict[str, CandleClosed]] = {}
        self._released_ns = TimestampNs(0)
        self.counts = {"candles_without_counterpart": 0, "candles_too_late": 0}

    def take(self, candle: CandleClosed) -> tuple[CandleClosed, ...] | None:
        """Take a candle; the candles of its moment in the order of the symbols, once they are complete."""
        moment = self._waiting.setdefault(candle.close_ns, {})
        if candle.close_ns <= self._released_ns or candle.symbol in moment:
            self.counts["candles_too_late"] += 1
            if not moment:
                del self._waiting[candle.close_ns]
            return None
        moment[candle.symbol] = candle
        if len(moment) == len(self._symbols):
            self._released_ns = candle.close_ns
            del self._waiting[candle.close_ns]
            self._drop([at_ns for at_ns in self._waiting if at_ns < candle.close_ns])
            return tuple(moment[symbol] for symbol in self._symbols)
        if len(self._waiting) > self._capacity:
            self._drop([min(self._waiting)])
        return None

    def _drop(self, moments: Sequence[TimestampNs]) -> None:
        for at_ns in moments:
            self.counts["candles_without_counterpart"] += len(self._waiting.pop(at_ns))

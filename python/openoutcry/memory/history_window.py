"""A window over a whole history, for simulated time."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import TimestampNs
from openoutcry.memory.candle_window import CandleColumns


class HistoryWindow:
    """What `CandleWindow` is to a live desk, over candles that are all in memory already.

    It shows those that have been appended and nothing behind them. Nothing is copied: columns are views of
    the history. Candles may be left out; whoever skips them answers for what they would have led to.
    """

    def __init__(self, *, symbol: str, history: CandleColumns) -> None:
        """Show none of the history yet.

        Raises:
            InvalidInputError: a column of the history may be written.
        """
        self._columns = (history.open, history.high, history.low, history.close, history.volume)
        if any(column.flags.writeable for column in (*self._columns, history.close_ns)):
            raise InvalidInputError("a history that may be written shows no trustworthy past; freeze it")
        self.symbol: Final = symbol
        self._close_ns = history.close_ns
        self._closes = memoryview(history.close_ns)  # type: ignore[arg-type]  # numpy's stubs know no buffers
        self._end = 0

    def __len__(self) -> int:
        return self._end

    def append(self, candle: CandleClosed, now_ns: TimestampNs) -> bool:
        """Show the history up to a candle; False if it is shown already.

        Raises:
            InvalidInputError: as for `check`.
        """
        self.check(candle, now_ns)
        close_ns, end = candle.close_ns, self._end
        if end < len(self._closes) and self._closes[end] == close_ns:  # the next one, mostly
            self._end = end + 1
            return True
        end = bisect_right(self._closes, close_ns)
        if end <= self._end:
            return False
        if self._closes[end - 1] != close_ns:
            raise InvalidInputError(f"{candle.id} is not in the history; append the history's own candles")
        self._end = end
        return True

    def merge(self, history: Iterable[CandleClosed], now_ns: TimestampNs) -> int:
        """Show the history up to the newest of these; returns how many more are shown.

        Raises:
            InvalidInputError: as for `check`.
        """
        before = self._end
        for candle in sorted(history, key=lambda candle: candle.close_ns):
            self.append(candle, now_ns)
        return self._end - before

    def columns(self, count: int | None = None) -> CandleColumns:
        """The last `count` candles shown, or all of them; fewer if there are not so many."""
        end = self._end
        start = 0 if count is None or count > end else end - count
        opens, highs, lows, closes, volumes = self._columns
        return CandleColumns(
            opens[start:end],
            highs[start:end],
            lows[start:end],
            closes[start:end],
            volumes[start:end],
            self._close_ns[start:end],
        )

    def check(self, candle: CandleClosed, now_ns: TimestampNs) -> None:
        """Refuse a candle of another symbol, or one that has not closed.

        Raises:
            InvalidInputError: it is such a candle.
        """
        if candle.symbol != self.symbol or candle.close_ns > now_ns:
            raise InvalidInputError(
                f"{candle.id} closes at {candle.close_ns} and came to {self.symbol} at {now_ns}; a "
                " backtest shows candles of its own symbol, once they have closed"
            )

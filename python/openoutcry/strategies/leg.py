"""What a desk intends for one symbol."""

from bisect import bisect_left
from typing import Final

from openoutcry.memory.candle_window import CandleWindow
from openoutcry.memory.history_window import HistoryWindow
from openoutcry.strategies.outlook import Outlook

MAX_RETRY_CANDLES: Final = 32  # the longest pause before a refused intent is tried again


class Leg:
    """The candles of one symbol, the exposure last intended, and the pauses after refusals.

    The first wish is always worth an intent, because what is held then is not known. A refused intent is
    tried again with growing pauses (1, 2, 4 … candles).
    """

    def __init__(
        self, window: CandleWindow | HistoryWindow, *, no_trade_band: float, long_only: bool
    ) -> None:
        self.window: Final = window
        self.intended: float | None = None
        self.intent_id = ""
        self._no_trade_band = no_trade_band
        self._long_only = long_only
        self._refusals = 0
        self._pause_candles: int | None = None  # until a refused intent is tried again

    def allowed(self, exposure: float) -> float:
        """The exposure, or nothing instead of a short one where these are barred."""
        return max(0.0, exposure) if self._long_only else exposure

    def must_trade(self, exposure: float) -> bool:
        """Whether a wish is worth an intent; counts down the pause after a refusal."""
        if self.intended is None or self._leaves_band(exposure, self.intended):
            self._refusals = 0
            return True
        if self._pause_candles is None:
            return False
        self._pause_candles -= 1
        return self._pause_candles <= 0

    def intend(self, exposure: float, intent_id: str) -> float:
        """Keep what is intended now; returns by how much it changed."""
        change = abs(exposure - (self.intended or 0.0))
        self.intended, self.intent_id, self._pause_candles = exposure, intent_id, None
        return change

    def refuse(self, intent_id: str) -> None:
        """Whatever was refused is still wanted; but asking at every candle would be noise."""
        if intent_id == self.intent_id:
            self._pause_candles = min(2**self._refusals, MAX_RETRY_CANDLES)
            self._refusals = min(self._refusals + 1, MAX_RETRY_CANDLES)

    def skip(self, outlook: Outlook, start: int) -> int:
        """The first row from `start` on at which `must_trade` holds; the rows before it count as asked."""
        if self.intended is None:
            return outlook.row_of_wish(start, 1)
        found = len(outlook)
        for index in range(bisect_left(outlook.rows, start), len(outlook.rows)):
            if self._leaves_band(outlook.shares[index], self.intended):
                found = outlook.rows[index]
                break
        if self._pause_candles is not None:
            found = min(found, outlook.row_of_wish(start, self._pause_candles))
            self._pause_candles -= outlook.wishes_between(start, found)
        return found

    def _leaves_band(self, exposure: float, intended: float) -> bool:
        return abs(self.allowed(exposure) - intended) > self._no_trade_band

"""What a desk intends for one symbol."""

from bisect import bisect_left
from typing import Final

from openoutcry.domain.orders import NO_TRADE_BAND, Done, Refused, approved_id
from openoutcry.memory.candle_window import CandleWindow
from openoutcry.memory.history_window import HistoryWindow
from openoutcry.strategies.outlook import Outlook

MAX_RETRY_CANDLES: Final = 32  # the longest pause before a refused intent is tried again
_UNFULFILLED: Final = frozenset({"unfilled", "expired", "rejected"})
"""The ends after which the wish still stands; a person's word and a halt are others."""


class Leg:
    """The candles of one symbol, the exposure last intended, and the pauses after refusals.

    The first wish is always worth an intent, because what is held then is not known. What was refused, or not
    filled, is still wanted: it is tried again with growing pauses (1, 2, 4 … candles), and at the next candle
    as long as some of it is filled.
    """

    def __init__(
        self, window: CandleWindow | HistoryWindow, *, no_trade_band: float, long_only: bool
    ) -> None:
        self.window: Final = window
        self.intended: float | None = None
        self.intent_id = ""
        self._no_trade_band = no_trade_band
        self._long_only = long_only
        self._change = self._open_change = 0.0  # by the last intent, and what of it was not done
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
        """Keep what is intended now; returns by how much it changed since what was done last."""
        self._change = max(abs(exposure - (self.intended or 0.0)), self._open_change)
        self.intended, self.intent_id, self._pause_candles = exposure, intent_id, None
        self._open_change = 0.0
        return self._change

    def refuse(self, refused: Refused) -> None:
        """Whatever was refused is still wanted, unless it is as good as held."""
        if refused.intent_id == self.intent_id and refused.check != NO_TRADE_BAND:
            self._retry()

    def end(self, done: Done) -> bool:
        """An order is over; True if it was ours and lacks something that is to be tried again."""
        is_ours = done.parent_id == approved_id(self.intent_id)
        if not is_ours or done.filled_lots >= done.ordered_lots or done.reason not in _UNFULFILLED:
            return False
        if done.filled_lots:
            self._refusals = 0
        self._retry()
        return True

    def _retry(self) -> None:
        """Ask again after a pause: to do it at every candle would be noise."""
        self._open_change = self._change
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

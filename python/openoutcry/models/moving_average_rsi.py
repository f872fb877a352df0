"""Two moving averages for the trend, the relative strength index for its exhaustion."""

from typing import Final

import numpy as np
import talib

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns, Prices
from openoutcry.models.classifier import Candles, Classifier, Opinion, opinion_from_scores

NEUTRAL_RSI: Final = 50.0
FULL_RSI: Final = 100.0
MIN_RSI_PERIOD: Final = 2  # TA-Lib's own


class MovingAverageRsi(Classifier, frozen=True):
    """Expects the trend to go on, less so when the relative strength index calls it exhausted.

    The trend is the distance of the fast from the slow average in standard deviations of the window's
    closes; beyond `overbought` and below `100 - overbought` the index argues for a turn. The scales are
    judgement, not fitted: the ensemble's weight says what the vote is worth.
    Source of the index: Wilder, New Concepts in Technical Trading Systems (1978).
    """

    fast: Candles = 4
    slow: Candles = 12
    rsi_period: Candles = 9
    overbought: float = 70.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fast >= self.slow:
            raise InvalidInputError(f"{self.name}: fast {self.fast} must be less than slow {self.slow}")
        if self.rsi_period < MIN_RSI_PERIOD or not NEUTRAL_RSI < self.overbought < FULL_RSI:
            raise InvalidInputError(
                f"{self.name}: rsi_period {self.rsi_period} must be at least {MIN_RSI_PERIOD} and "
                f"overbought {self.overbought} between 50 and 100"
            )

    @property
    def name(self) -> str:
        """The voter's name."""
        return "moving-average-rsi"

    @property
    def warmup(self) -> int:
        """The slow average, or the index and the change it starts from."""
        return max(self.slow, self.rsi_period + 1)

    def classify(self, candles: CandleColumns) -> Opinion | None:
        """Judge the newest candle; abstains where the price did not move at all."""
        close = candles.close
        spread = float(close.std())
        if spread == 0.0:  # TA-Lib would report an index of 0, which reads as "fell without a pause"
            return None
        trend = float(close[-self.fast :].mean() - close[-self.slow :].mean()) / spread
        rsi = _relative_strength_index(close[-(self.rsi_period + 1) :], self.rsi_period)
        room = FULL_RSI - self.overbought
        turn = (min(max(rsi, room), self.overbought) - rsi) / room  # -1 at an index of 100, +1 at 0
        lean = float(np.tanh(trend)) + turn
        return opinion_from_scores(
            lean, 0.0, -lean, f"averages {trend:+.2f} standard deviations apart, relative strength {rsi:.0f}"
        )


def _relative_strength_index(close: Prices, period: int) -> float:
    """The index in [0, 100] over the last `period` changes; neutral if there was none."""
    if not np.diff(close).any():
        return NEUTRAL_RSI
    return float(talib.RSI(np.ascontiguousarray(close), timeperiod=period)[-1])

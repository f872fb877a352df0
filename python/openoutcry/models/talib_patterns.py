"""Candlestick patterns, as TA-Lib recognises them."""

from typing import Final, NamedTuple

import talib

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier, Opinion, opinion_from_scores

LOOKBACK_CANDLES: Final = 16  # the table's patterns need at most 15 (tested)


class Pattern(NamedTuple):
    """A TA-Lib function and how strongly it argues for its direction; the function's sign gives which."""

    function: str
    weight: float


# TA-Lib reports a pattern as positive (bullish), negative (bearish) or 0 (absent). Those of one to three
# candles with a customary direction are here; patterns of indecision (doji, spinning top) argue for "flat".
# The weights are judgement: longer patterns are rarer and count for more.
DIRECTIONAL: Final = (
    Pattern("CDL3WHITESOLDIERS", 1.0),
    Pattern("CDL3BLACKCROWS", 1.0),
    Pattern("CDL3INSIDE", 1.0),
    Pattern("CDL3OUTSIDE", 1.0),
    Pattern("CDLMORNINGSTAR", 1.0),
    Pattern("CDLEVENINGSTAR", 1.0),
    Pattern("CDLENGULFING", 0.8),
    Pattern("CDLPIERCING", 0.8),
    Pattern("CDLDARKCLOUDCOVER", 0.8),
    Pattern("CDLHARAMI", 0.5),
    Pattern("CDLHAMMER", 0.6),
    Pattern("CDLINVERTEDHAMMER", 0.4),
    Pattern("CDLHANGINGMAN", 0.4),
    Pattern("CDLSHOOTINGSTAR", 0.6),
    Pattern("CDLMARUBOZU", 0.6),
    Pattern("CDLBELTHOLD", 0.4),
)
INDECISIVE: Final = (Pattern("CDLDOJI", 0.5), Pattern("CDLSPINNINGTOP", 0.3))


class TalibPatterns(Classifier, frozen=True):
    """Reads the candlestick patterns that end in the newest candle; abstains where there is none."""

    @property
    def name(self) -> str:
        """The voter's name."""
        return "talib-patterns"

    @property
    def warmup(self) -> int:
        """What the longest pattern and its averages need."""
        return LOOKBACK_CANDLES

    def classify(self, candles: CandleColumns) -> Opinion | None:
        """Weigh the patterns that the newest candle completes."""
        found = [(pattern, sign) for pattern in DIRECTIONAL if (sign := _sign(pattern, candles))]
        indecisive = [pattern for pattern in INDECISIVE if _sign(pattern, candles)]
        if not found and not indecisive:
            return None
        lean = sum(pattern.weight * sign for pattern, sign in found)
        flat = sum(pattern.weight for pattern in indecisive)
        names = [f"{pattern.function[3:].lower()} {'+' if sign > 0 else '-'}" for pattern, sign in found]
        names += [pattern.function[3:].lower() for pattern in indecisive]
        return opinion_from_scores(lean, flat, -lean, ", ".join(names))


def _sign(pattern: Pattern, candles: CandleColumns) -> int:
    """Whether the newest candle completes the pattern: 1 bullish, -1 bearish, 0 absent."""
    strength = getattr(talib, pattern.function)(candles.open, candles.high, candles.low, candles.close)[-1]
    return int(strength > 0) - int(strength < 0)

"""What a classifier is, and what it may say."""

import math
from abc import abstractmethod
from typing import Annotated, Final

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import MAX_CANDLES, CandleColumns
from openoutcry.plugins.parameters import Parametrised

SUM_TOLERANCE: Final = 1e-6  # of probabilities that should sum to 1
MAX_RATIONALE_CHARS: Final = 300

Candles = Annotated[int, msgspec.Meta(ge=1, le=MAX_CANDLES)]  # a number of candles


class Opinion(msgspec.Struct, frozen=True):
    """Probabilities that the price goes on up, flat or down, and why.

    Raises:
        InvalidInputError: one is NaN or outside [0, 1], or they do not sum to 1.
    """

    up: float
    flat: float
    down: float
    rationale: str = ""

    def __post_init__(self) -> None:
        shares = (self.up, self.flat, self.down)
        # NaN fails every comparison, so it fails the first
        if not all(0.0 <= share <= 1.0 for share in shares) or abs(math.fsum(shares) - 1.0) > SUM_TOLERANCE:
            raise InvalidInputError(
                f"an opinion of up, flat, down = {shares} is no distribution; give shares of 1"
            )


def opinion_from_scores(up: float, flat: float, down: float, rationale: str) -> Opinion:
    """Turn three scores (log odds up to a common constant) into an opinion: their softmax.

    Raises:
        InvalidInputError: a score is NaN or infinite.
    """
    top = max(up, flat, down)
    if not all(math.isfinite(score) for score in (up, flat, down)):
        raise InvalidInputError(f"scores up, flat, down = {(up, flat, down)} are not finite")
    ups, flats, downs = (math.exp(score - top) for score in (up, flat, down))
    total = math.fsum((ups, flats, downs))
    return Opinion(ups / total, flats / total, downs / total, rationale[:MAX_RATIONALE_CHARS])


class Classifier(Parametrised, frozen=True):
    """Looks at the last `warmup` candles and says what it expects of the next ones.

    It is asked with exactly `warmup` candles, so what it says depends on these alone: not on how long the
    system runs, nor on what it said before. `name` is unique in an ensemble.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The voter's name."""

    @property
    @abstractmethod
    def warmup(self) -> int:
        """How many candles it looks at."""

    @abstractmethod
    def classify(self, candles: CandleColumns) -> Opinion | None:
        """Judge the newest candle; None to abstain."""

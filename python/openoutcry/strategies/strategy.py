"""What a strategy is: the one class a strategy developer derives from."""

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import TimestampNs
from openoutcry.memory.candle_window import MAX_CANDLES, CandleColumns, Prices
from openoutcry.plugins.parameters import Parametrised

MAX_REASON_CHARS: Final = 300
FEW: Final = 10  # candles

Candles = Annotated[int, msgspec.Meta(ge=1, le=MAX_CANDLES)]  # a number of candles
FewCandles = Annotated[int, msgspec.Meta(ge=1, le=FEW)]  # of a fast average: always fewer than
ManyCandles = Annotated[int, msgspec.Meta(ge=FEW + 1, le=MAX_CANDLES)]  # of a slow one
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]  # a probability, or a part of a whole


class Exposure(msgspec.Struct, frozen=True):
    """What to hold, and why: -1 to 1 of what risk allows; below 0 is short, or nothing where that is barred.

    Raises:
        InvalidInputError: the share is NaN or outside [-1, 1].
    """

    share: float
    reason: str

    def __post_init__(self) -> None:
        if not -1.0 <= self.share <= 1.0:  # NaN fails it too
            raise InvalidInputError(f"an exposure of {self.share} cannot be held; give a share in [-1, 1]")


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """What a strategy sees: the last `warmup` candles, and the classifiers' opinion on the newest of them.

    Prices are in ticks, volume in lots. There is no clock here and no position: two runs over the same
    candles give the same signals.
    """

    symbol: str
    candles: CandleColumns
    classification: Classification

    @property
    def now_ns(self) -> TimestampNs:
        """The market's time: when the newest candle closed."""
        return self.classification.close_ns

    @property
    def close(self) -> Prices:
        """Closing prices, oldest first."""
        return self.candles.close

    @property
    def lean(self) -> float:
        """The classifiers' up minus down, in [-1, 1]; 0 if they abstained."""
        return 0.0 if self.classification.abstained else self.classification.up - self.classification.down


class Strategy(Parametrised, frozen=True):
    """Looks at the market at the close of each candle and says what to hold.

    Fields are parameters, with types and ranges. `warmup` is how many candles `observe` is shown, no
    more and no fewer; give it the default you need. A strategy is immutable: what it wants depends on
    what it is shown, so a restart changes nothing.
    """

    warmup: Candles = 20

    @property
    def name(self) -> str:
        """Its name in ids, journals and settings: the class's, as `moving-average-cross`."""
        return strategy_name(type(self))

    @abstractmethod
    def observe(self, market: Market) -> Exposure | None:
        """Say what to hold now (see `hold`), or None for no opinion: what is held then stays."""

    def hold(self, share: float, reason: str) -> Exposure:
        """Want to hold `share` of what risk allows, from -1 to 1, for a reason people can read.

        Raises:
            InvalidInputError: the share is NaN or outside [-1, 1].
        """
        return Exposure(float(share), reason[:MAX_REASON_CHARS])


def strategy_name(kind: type[Strategy]) -> str:
    """The name of a strategy class: `MovingAverageCross` is `moving-average-cross`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()

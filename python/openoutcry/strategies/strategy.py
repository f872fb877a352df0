"""What a strategy is: the one class a strategy developer derives from."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

import msgspec
import numpy as np
import numpy.typing as npt

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs
from openoutcry.memory.candle_window import MAX_CANDLES, CandleColumns, Prices
from openoutcry.plugins.parameters import Parametrised
from openoutcry.plugins.source import dashed

MAX_REASON_CHARS: Final = 300
FEW: Final = 10  # candles

Candles = Annotated[int, msgspec.Meta(ge=1, le=MAX_CANDLES)]  # a number of candles
FewCandles = Annotated[int, msgspec.Meta(ge=1, le=FEW)]  # of a fast average: always fewer than
ManyCandles = Annotated[int, msgspec.Meta(ge=FEW + 1, le=MAX_CANDLES)]  # of a slow one
Shares = npt.NDArray[np.float64]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]  # a probability, or a part of a whole


class Exposure(msgspec.Struct, frozen=True):
    """What to hold, and why: -1 to 1 of what risk allows; below 0 is short, or nothing where that is barred.

    `others` are shares of the other symbols that the strategy looks at, by symbol.

    Raises:
        InvalidInputError: the share is NaN or outside [-1, 1].
    """

    share: float
    reason: str
    others: Mapping[str, float] = {}

    def __post_init__(self) -> None:
        for share in (self.share, *self.others.values()):
            if not -1.0 <= share <= 1.0:  # NaN fails it too
                raise InvalidInputError(f"an exposure of {share} cannot be held; give a share in [-1, 1]")


class Quotes(msgspec.Struct, frozen=True):
    """Two-sided quotes that replace those before: a price of 0 quotes nothing on that side.

    Prices are in ticks, sizes in lots. What rests at another price is withdrawn, what rests at it stays.

    Raises:
        InvalidInputError: a price or a size is negative, or the bid is not below the ask.
    """

    bid_ticks: PriceTicks
    ask_ticks: PriceTicks
    bid_lots: SizeLots
    ask_lots: SizeLots
    reason: str = ""

    def __post_init__(self) -> None:
        is_crossed = 0 < self.ask_ticks <= self.bid_ticks
        if is_crossed or min(self.bid_ticks, self.ask_ticks, self.bid_lots, self.ask_lots) < 0:
            raise InvalidInputError(
                f"{self} cannot be quoted; give a bid below the ask, and sizes of 0 or more"
            )


Wish = Exposure | Quotes


class Needs(msgspec.Struct, frozen=True):
    """What a strategy must be shown beside its own symbol's candles, and when it is asked.

    `opinions`: the classifiers' opinion on the candle. `features`: the core's feature vector at that moment.
    `book`: the touch of the book and what is held; then it is asked every `Strategy.every_ns` instead of at
    the close of candles, and answers with quotes. `symbols`: how many symbols it looks at, with its own.
    """

    opinions: bool = False
    features: bool = False
    book: bool = False
    symbols: int = 1


class Touch(msgspec.Struct, frozen=True):
    """Best bid and offer: prices in ticks, sizes in lots."""

    bid_ticks: PriceTicks
    bid_lots: SizeLots
    ask_ticks: PriceTicks
    ask_lots: SizeLots


class Market(msgspec.Struct, frozen=True, eq=False):
    """What a strategy sees: the last `warmup` candles, and what else it `needs`.

    Prices are in ticks, volume in lots. `now_ns` is the market's time: the close of the newest candle, or the
    moment of a timer. Without the need for it `classification` and `book` are None, `features` and `others`
    are empty. `position_lots` and `mids` are shown to those that need the book only: what others want depends
    on the market alone, so two runs over the same candles give the same signals. `mids` are the times in ns
    and the mids in ticks of the last `warmup` decisions, this one's included.
    """

    symbol: str
    candles: CandleColumns
    now_ns: TimestampNs
    classification: Classification | None = None
    features: Mapping[str, float] = {}
    book: Touch | None = None
    position_lots: int = 0
    mids: Sequence[tuple[int, float]] = ()
    others: Mapping[str, CandleColumns] = {}  # by symbol, closed at the same moment

    @property
    def close(self) -> Prices:
        """Closing prices, oldest first."""
        return self.candles.close

    @property
    def lean(self) -> float:
        """The classifiers' up minus down, in [-1, 1]; 0 if they abstained or were not asked."""
        opinion = self.classification
        return 0.0 if opinion is None or opinion.abstained else opinion.up - opinion.down


class Strategy(Parametrised, frozen=True):
    """Looks at the market at the close of each candle and says what to hold.

    Fields are parameters, with types and ranges. `warmup` is how many candles `observe` is shown, no
    more and no fewer; give it the default you need. `needs` says what else. A strategy is immutable: what it
    wants depends on what it is shown, so a restart changes nothing.
    """

    needs: ClassVar[Needs] = Needs()
    warmup: Candles = 20

    @property
    def name(self) -> str:
        """Its name in ids, journals and settings: the class's, as `moving-average-cross`."""
        return strategy_name(type(self))

    @property
    def every_ns(self) -> int:
        """How often a strategy that needs the book is asked, in ns of the market's time."""
        return 0

    def check(self, name: str, holds: bool, rule: str) -> None:  # noqa: FBT001  a condition
        """Say which rule between parameters is broken; for `__post_init__`.

        Raises:
            InvalidInputError: it does not hold.
        """
        if not holds:
            raise InvalidInputError(f"{type(self).__name__}: {name} = {getattr(self, name)!r} {rule}")

    @abstractmethod
    def observe(self, market: Market) -> Wish | None:
        """Say what to hold now (see `hold`) or to quote, or None for no opinion: what is held then stays."""

    def exposures(self, candles: CandleColumns) -> Shares | None:  # noqa: ARG002  a hook
        """What `observe` says at each candle, all at once: shares in [-1, 1], NaN for no opinion.

        Only for speed, and only for strategies that need nothing but candles; None is to ask `observe`. It is
        shown `warmup` candles or more. Row t must be what `observe` answers when it is shown the `warmup`
        candles up to t, which `openoutcry check` verifies. Rows before the warm-up are NaN.
        """
        return None

    def hold(self, share: float, reason: str, others: Mapping[str, float] | None = None) -> Exposure:
        """Want to hold `share` of what risk allows, from -1 to 1, for a reason people can read.

        Raises:
            InvalidInputError: the share is NaN or outside [-1, 1].
        """
        return Exposure(float(share), reason[:MAX_REASON_CHARS], others or {})


def strategy_name(kind: type[Strategy]) -> str:
    """The name of a strategy class: `MovingAverageCross` is `moving-average-cross`."""
    return dashed(kind.__name__)

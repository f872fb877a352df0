import math
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from openoutcry.domain.errors import InvalidInputError
from openoutcry.strategies.strategy import Candles, Exposure, Market, Needs, Share, Shares, Strategy

Deviations = Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]


class Pairs(Strategy, frozen=True):
    """Bets that two prices which moved together will do so again.

    The spread of two symbols is log(first) - β · log(second), with β by least squares over the `warmup`
    closes. Where it lies more than `enter` standard deviations from its mean, the cheap leg is held and the
    dear one sold, `leg` of the account each; within `leave` of it neither is held. An account that cannot
    sell short only holds the cheap one.

    It fails when the two part for good: β is estimated, the relation may end, and nothing here stops the
    loss. Two series without any relation look related in every short window (Engle and Granger,
    Econometrica 55(2), 1987, on how to tell).
    """

    needs: ClassVar[Needs] = Needs(symbols=2)
    warmup: Candles = 240
    enter: Deviations = 2.0
    leave: Deviations = 0.5
    leg: Share = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("leave", self.leave < self.enter, "must be below enter")
        self.check("warmup", self.warmup >= 3, "must be 3 or more")  # noqa: PLR2004  two fit any line

    def observe(self, market: Market) -> Exposure | None:
        """Compare the spread with its past."""
        if len(market.others) != 1:
            raise InvalidInputError(f"pairs looks at two symbols, not {1 + len(market.others)}; name both")
        ((other, candles),) = market.others.items()
        z = self.deviation(np.log(market.close), np.log(candles.close))
        if abs(z) > self.enter:
            first = -self.leg if z > 0 else self.leg
            return self.hold(first, f"z {z:+.2f}", others={other: -first})
        return self.hold(0.0, f"z {z:+.2f}", others={other: 0.0}) if abs(z) < self.leave else None

    @staticmethod
    def deviation(first: Shares, second: Shares) -> float:
        """How many standard deviations the newest spread lies from the window's mean; 0 if it never moved."""
        x, y = second - second.sum() / len(second), first - first.sum() / len(first)
        squares = float(x @ x)
        spread = y - float(x @ y) / squares * x if squares else y  # its mean is 0
        scale = math.sqrt(float(spread @ spread) / (len(spread) - 1))
        return float(spread[-1]) / scale if scale > 0 else 0.0

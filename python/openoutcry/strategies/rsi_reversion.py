from typing import Annotated

import msgspec
import numpy as np

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import Candles, Exposure, Market, Shares, Strategy

NEUTRAL = 50.0  # gains and losses are equal

Level = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]


class RsiReversion(Strategy, frozen=True):
    """Buys what fell too far too fast, and sells once it has recovered.

    Holds from an RSI below `oversold` until one above `recovered`. With `both_sides` it is short from one
    above 100 - `oversold`, and either ends where the RSI lies within 50 and `recovered`, or its mirror. The
    RSI is Cutler's, of plain means over the `warmup` closes, so that it depends on nothing older (Wilder's
    remembers everything): 100 · gains / (gains + losses).

    It fails in a trend: a market that keeps falling is oversold all the way down.
    """

    warmup: Candles = 15
    oversold: Level = 30.0
    recovered: Level = 55.0
    both_sides: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("oversold", self.oversold < self.recovered, "must be below recovered")
        if self.both_sides:
            self.check("recovered", self.recovered > NEUTRAL, "must be above 50 to trade both sides")
            self.check("oversold", self.oversold < NEUTRAL, "must be below 50 to trade both sides")

    def observe(self, market: Market) -> Exposure | None:
        """Judge the last changes."""
        share = self._shares(market.candles)[-1]
        return None if np.isnan(share) else self.hold(float(share), f"RSI {self.rsi(market.candles)[-1]:.1f}")

    def exposures(self, candles: CandleColumns) -> Shares:
        """The same, at every candle."""
        shares = self._shares(candles)
        return np.concatenate((np.full(len(candles) - len(shares), np.nan), shares))

    def rsi(self, candles: CandleColumns) -> Shares:
        """The RSI from the `warmup`-th candle on, in [0, 100]; 50 where nothing moved."""
        changes = np.diff(candles.close)
        gains, losses = (_sums(part, self.warmup - 1) for part in (changes.clip(0), (-changes).clip(0)))
        moves = gains + losses
        return np.where(moves > 0, 100.0 * gains / np.where(moves > 0, moves, 1.0), NEUTRAL)

    def _shares(self, candles: CandleColumns) -> Shares:
        rsi = self.rsi(candles)
        shares = np.full(len(rsi), np.nan)
        if self.both_sides:
            shares[np.abs(rsi - NEUTRAL) < self.recovered - NEUTRAL] = 0.0
            shares[rsi > 100.0 - self.oversold] = -1.0
        else:
            shares[rsi > self.recovered] = 0.0
        shares[rsi < self.oversold] = 1.0
        return shares


def _sums(values: Shares, count: int) -> Shares:
    """Sums of each `count` neighbours; exact, since changes are whole ticks."""
    sums = np.concatenate(([0.0], values.cumsum()))
    return sums[count:] - sums[:-count] if count else np.zeros(len(values) + 1)

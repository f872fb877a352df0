import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import Candles, Exposure, Market, Shares, Strategy


class Breakout(Strategy, frozen=True):
    """Follows a price that leaves its channel (Donchian's, as the Turtles traded it).

    Long when a close is above every high of the `warmup` - 1 candles before, until one is below every low of
    the last `leave` of them; with `both_sides` short the other way round. Between the two it has no opinion.

    It fails where nothing follows: most breakouts of a quiet market are false, and each costs a round trip.
    """

    warmup: Candles = 56
    leave: Candles = 20
    both_sides: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("leave", self.leave < self.warmup, "must be below warmup")

    def observe(self, market: Market) -> Exposure | None:
        """Compare the close with the channel."""
        share = self._shares(market.candles)[-1]
        return None if np.isnan(share) else self.hold(float(share), f"close {market.close[-1]:.0f} ticks")

    def exposures(self, candles: CandleColumns) -> Shares:
        """The same, at every candle."""
        shares = self._shares(candles)
        return np.concatenate((np.full(len(candles) - len(shares), np.nan), shares))

    def _shares(self, candles: CandleColumns) -> Shares:
        enter, leave = self.warmup - 1, self.leave
        close = candles.close[enter:]
        highest = sliding_window_view(candles.high[:-1], enter).max(axis=1)
        lowest = sliding_window_view(candles.low[:-1], enter).min(axis=1)
        near_high = sliding_window_view(candles.high[:-1], leave).max(axis=1)[enter - leave :]
        near_low = sliding_window_view(candles.low[:-1], leave).min(axis=1)[enter - leave :]
        shares = np.full(len(close), np.nan)
        shares[close < near_low] = 0.0
        if self.both_sides:
            shares[close > near_high] = 0.0
            shares[close < lowest] = -1.0
        shares[close > highest] = 1.0
        return shares

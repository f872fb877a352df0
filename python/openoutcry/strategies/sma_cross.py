import numpy as np

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import Candles, Exposure, Market, Shares, Strategy


class SmaCross(Strategy, frozen=True):
    """Long while the mean of the last `fast` closes is above that of all `warmup` closes, else flat.

    It fails in a market without a trend, where each false cross costs a round trip.
    """

    fast: Candles = 20
    warmup: Candles = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("fast", self.fast < self.warmup, "must be below warmup")

    def observe(self, market: Market) -> Exposure | None:
        """Follow the trend."""
        gap = market.close[-self.fast :].mean() - market.close.mean()
        return self.hold(float(gap > 0), f"gap {gap:+.1f} ticks")

    def exposures(self, candles: CandleColumns) -> Shares:
        """The same from running sums, which are exact: prices are whole ticks."""
        sums = np.concatenate(([0.0], candles.close.cumsum()))
        fast, slow = (sums[n:] - sums[:-n] for n in (self.fast, self.warmup))
        above = fast[self.warmup - self.fast :] * self.warmup > slow * self.fast
        return np.concatenate((np.full(self.warmup - 1, np.nan), above))

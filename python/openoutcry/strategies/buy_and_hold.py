"""The yardstick every other strategy is measured by."""

import numpy as np

from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.strategy import (
    Candles,
    Exposure,
    Market,
    Share,
    Shares,
    Strategy,
)


class BuyAndHold(Strategy, frozen=True):
    """Buys once and holds.

    It fails where the market falls, and takes every drawdown in full.
    """

    warmup: Candles = 1
    share: Share = 1.0

    def observe(self, market: Market) -> Exposure | None:  # noqa: ARG002  it looks at nothing
        """Want the same, always."""
        return self.hold(self.share, "buy and hold")

    def exposures(self, candles: CandleColumns) -> Shares:
        """The same."""
        shares = np.full(len(candles), self.share)
        shares[: self.warmup - 1] = np.nan
        return shares

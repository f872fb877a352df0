from typing import ClassVar

from openoutcry.strategies.strategy import Exposure, FewCandles, ManyCandles, Market, Needs, Strategy


class MovingAverageCross(Strategy, frozen=True):
    """Long while the mean of the last `fast` closes is above that of all `warmup`, unless a fall is expected.

    It fails in a market without a trend, and where the classifiers' fears come true too seldom.
    """

    needs: ClassVar[Needs] = Needs(opinions=True)
    fast: FewCandles = 4
    warmup: ManyCandles = 12

    def observe(self, market: Market) -> Exposure | None:
        """Hold while the trend is up and no fall is expected."""
        gap = market.close[-self.fast :].mean() - market.close.mean()
        return self.hold(gap > 0 and market.lean >= 0, f"gap {gap:+.1f} ticks, lean {market.lean:+.2f}")

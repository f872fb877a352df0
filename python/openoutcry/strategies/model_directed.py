"""Follow the ensemble."""

from typing import ClassVar, Final

from openoutcry.strategies.strategy import Candles, Exposure, Market, Needs, Share, Strategy

LEAST_LEAN: Final = 1e-9  # that counts as leaning fully, where `threshold` and `full_at` are 0


class ModelDirected(Strategy, frozen=True):
    """Holds in proportion to how far the classifiers lean, once they lean further than `threshold`.

    A lean of `full_at` or more is worth the whole exposure. While they abstain or are undecided there is no
    opinion, and what is held stays.

    It fails as its classifiers fail: they share their candles, so their errors come together, and a lean that
    hovers around the threshold pays costs for nothing.
    """

    needs: ClassVar[Needs] = Needs(opinions=True)
    warmup: Candles = 1
    threshold: Share = 0.2
    full_at: Share = 0.6

    def observe(self, market: Market) -> Exposure | None:
        """Turn the lean into a share, rounded to tenths so that small changes of mind do not trade."""
        if abs(market.lean) < self.threshold or not market.lean:
            return None
        full_at = max(self.full_at, self.threshold, LEAST_LEAN)
        share = round(max(-1.0, min(1.0, market.lean / full_at)), 1)
        return self.hold(share, f"classifiers lean {market.lean:+.2f}")

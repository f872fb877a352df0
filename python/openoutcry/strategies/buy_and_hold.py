"""The yardstick every other strategy is measured by."""

from openoutcry.strategies.strategy import Candles, Exposure, Market, Share, Strategy


class BuyAndHold(Strategy, frozen=True):
    """Buys once and holds."""

    warmup: Candles = 1
    share: Share = 1.0

    def observe(self, market: Market) -> Exposure | None:  # noqa: ARG002  it looks at nothing
        """Want the same, always."""
        return self.hold(self.share, "buy and hold")

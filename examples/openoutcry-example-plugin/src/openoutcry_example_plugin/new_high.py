from openoutcry.strategies.strategy import Candles, Exposure, Market, Strategy


class NewHigh(Strategy, frozen=True):
    """Long when the price closes at its highest of `warmup` candles, flat when at its lowest."""

    warmup: Candles = 10

    def observe(self, market: Market) -> Exposure | None:
        """Compare the newest close with all of them."""
        last, lowest, highest = market.close[-1], market.close.min(), market.close.max()
        if lowest == highest or lowest < last < highest:
            return None
        return self.hold(float(last == highest), f"closed at {last:.0f} ticks")

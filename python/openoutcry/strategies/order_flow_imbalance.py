import math
from typing import Annotated, ClassVar

import msgspec

from openoutcry.strategies.strategy import Candles, Exposure, Market, Needs, Strategy

Ratio = Annotated[float, msgspec.Meta(gt=0.0, le=100.0)]


class OrderFlowImbalance(Strategy, frozen=True):
    """Follows the side on which the book grows.

    Order-flow imbalance adds up what is added to and taken from the best five levels of both sides;
    short-term price changes are nearly linear in it (Cont, Kukanov and Stoikov, The Price Impact of Order
    Book Events, Journal of Financial Econometrics 12(1), 2014). It is put in relation to the volume traded.
    Beyond `threshold` the strategy holds in proportion to it, up to everything at `full_at`.

    It fails by its costs: the move it foresees is about a spread and lasts seconds, so a taker's fee eats it.
    """

    needs: ClassVar[Needs] = Needs(features=True)
    warmup: Candles = 1
    threshold: Ratio = 0.5
    full_at: Ratio = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("threshold", self.threshold < self.full_at, "must be below full_at")

    def observe(self, market: Market) -> Exposure | None:
        """Turn the imbalance into a share, in tenths so that small changes of mind do not trade."""
        features = market.features
        traded = features["buy_volume_rate"] + features["sell_volume_rate"]
        flow = features["order_flow_5"] / traded if traded > 0 else math.nan
        if not abs(flow) >= self.threshold:  # NaN is no opinion
            return None
        share = round(max(-1.0, min(1.0, flow / self.full_at)), 1)
        return self.hold(share, f"order flow {flow:+.2f} of the volume")

import math
from itertools import pairwise
from typing import Annotated, ClassVar

import msgspec

from openoutcry.domain.units import NS_PER_MS, NS_PER_S, PriceTicks, SizeLots
from openoutcry.strategies.strategy import Candles, Market, Needs, Quotes, Strategy

PerTick = Annotated[float, msgspec.Meta(ge=1e-6, le=1_000.0)]  # nearer to 0 the spread has no end
Seconds = Annotated[float, msgspec.Meta(gt=0.0, le=86_400.0)]
Lots = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Interval = Annotated[int, msgspec.Meta(ge=1, le=3_600_000)]


class MarketMaker(Strategy, frozen=True):
    """Earns the spread and leans against what it holds (Avellaneda and Stoikov).

    Around the reservation price mid - q gamma sigma² tau it quotes the spread gamma sigma² tau + (2 /
    gamma) ln(1 + gamma / kappa), all in ticks: q is the position in quotes, gamma `risk_aversion`, kappa
    `arrival_decay` (how fast fills become rarer away from the mid), tau `horizon_s`, held constant since
    the market never closes, and sigma² the mean squared change of the mid over the last `warmup` decisions,
    a second. Source: High-frequency trading in a limit order book, Quantitative Finance 8(3), 2008,
    sections 2 and 3.

    It fails when those who trade with it know more: it buys all the way down, and its fills are the proof.
    At a fee above half of the spread it cannot win.
    """

    needs: ClassVar[Needs] = Needs(book=True)
    warmup: Candles = 100
    every_ms: Interval = 10
    risk_aversion: PerTick = 0.01
    arrival_decay: PerTick = 0.5
    horizon_s: Seconds = 1.0
    quote_lots: Lots = 10
    max_position_lots: Lots = 1_000

    @property
    def every_ns(self) -> int:
        """Between two decisions."""
        return self.every_ms * NS_PER_MS

    @property
    def horizon_ns(self) -> int:
        """`horizon_s` in ns."""
        return round(self.horizon_s * NS_PER_S)

    def observe(self, market: Market) -> Quotes | None:
        """Quote both sides, but nothing that would add to a full position."""
        touch = market.book
        if touch is None:
            return None
        mid = (touch.bid_ticks + touch.ask_ticks) / 2
        risk = self.risk_aversion * _variance_per_s(market) * self.horizon_s
        base = 2.0 / self.risk_aversion * math.log1p(self.risk_aversion / self.arrival_decay)
        reservation = mid - market.position_lots / self.quote_lots * risk
        half = (risk + base) / 2
        bid = min(max(math.floor(reservation - half), 0), touch.ask_ticks - 1)
        ask = max(math.ceil(reservation + half), touch.bid_ticks + 1)
        buys = market.position_lots < self.max_position_lots
        sells = market.position_lots > -self.max_position_lots
        return Quotes(
            PriceTicks(bid),
            PriceTicks(ask),
            SizeLots(self.quote_lots if buys else 0),
            SizeLots(self.quote_lots if sells else 0),
        )


def _variance_per_s(market: Market) -> float:
    """Summed in the order of time, as the core does."""
    squares = seconds = 0.0
    for (before_ns, before), (now_ns, now) in pairwise(market.mids):
        squares += (now - before) * (now - before)
        seconds += (now_ns - before_ns) / NS_PER_S
    return squares / seconds if seconds > 0 else 0.0

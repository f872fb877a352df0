"""What the market did: candles, alerts and the state of a venue's feed."""

from typing import Literal

from openoutcry.domain.message import Message
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs


class CandleClosed(Message, frozen=True, kw_only=True):
    """A candle, complete and stamped at its close.

    `open_ns <= trade time < close_ns`, in the venue's event time. Volume is in lots, `notional` in
    tick·lots. A period without a trade closes no candle. `last_trade_id` lets a restarted feed go on
    exactly where this candle ended.
    """

    symbol: str
    open_ns: TimestampNs
    close_ns: TimestampNs
    open_ticks: PriceTicks
    high_ticks: PriceTicks
    low_ticks: PriceTicks
    close_ticks: PriceTicks
    volume_lots: SizeLots
    buy_volume_lots: SizeLots
    notional: int
    trade_count: int
    first_trade_id: int
    last_trade_id: int


class MarketAlert(Message, frozen=True, kw_only=True):
    """An anomaly: who saw it, how strong it is in [0, 1], and the evidence in words."""

    symbol: str
    at_ns: TimestampNs
    detector: str
    score: float
    evidence: str


FeedState = Literal["connecting", "syncing", "live", "stale", "down"]


class VenueStatus(Message, frozen=True, kw_only=True):
    """The state of one venue's market data. Only `live` permits new orders."""

    venue: str
    symbol: str
    state: FeedState
    reason: str
    at_ns: TimestampNs

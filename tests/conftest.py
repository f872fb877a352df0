from itertools import pairwise
from pathlib import Path

import pytest

from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import NS_PER_S, PriceTicks, SizeLots, TimestampNs

SYMBOL = "BTC/USDT"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIRST_NS = 1_723_000_000 * NS_PER_S


def candle(index, opens, closes, volume=10):
    """A five-second candle from one price to another, with a wick of two ticks at either end."""
    open_ns = TimestampNs(FIRST_NS + index * 5 * NS_PER_S)
    return CandleClosed(
        id=f"candle:{SYMBOL}:{open_ns}",
        symbol=SYMBOL,
        open_ns=open_ns,
        close_ns=TimestampNs(open_ns + 5 * NS_PER_S),
        open_ticks=PriceTicks(opens),
        high_ticks=PriceTicks(max(opens, closes) + 2),
        low_ticks=PriceTicks(min(opens, closes) - 2),
        close_ticks=PriceTicks(closes),
        volume_lots=SizeLots(volume),
        buy_volume_lots=SizeLots(volume),
        notional=volume * closes,
        trade_count=1,
        first_trade_id=index,
        last_trade_id=index,
    )


@pytest.fixture
def shared_data():
    """The recordings; they are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def candles_of():
    """Turn a list of closes into candles; the first close is only where the first candle opens."""

    def build(closes, first=0):
        return [candle(first + i, opens, ends) for i, (opens, ends) in enumerate(pairwise(closes))]

    return build

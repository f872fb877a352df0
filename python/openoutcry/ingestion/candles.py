"""The core's candle as a message."""

from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, PriceTicks, SizeLots, TimestampNs

# open_ns, close_ns; open, high, low, close (ticks); volume, buy volume (lots); notional; count; trade ids
CandleValues = tuple[int, int, int, int, int, int, int, int, int, int, int, int]


def candle_of(symbol: str, interval_ns: int, values: CandleValues) -> CandleClosed:
    """A closed candle. Its id names symbol, interval and close: the same trades make the same id."""
    return CandleClosed(
        id=f"candle:{symbol}:{interval_text(interval_ns)}:{values[1]}",
        symbol=symbol,
        open_ns=TimestampNs(values[0]),
        close_ns=TimestampNs(values[1]),
        open_ticks=PriceTicks(values[2]),
        high_ticks=PriceTicks(values[3]),
        low_ticks=PriceTicks(values[4]),
        close_ticks=PriceTicks(values[5]),
        volume_lots=SizeLots(values[6]),
        buy_volume_lots=SizeLots(values[7]),
        notional=values[8],
        trade_count=values[9],
        first_trade_id=values[10],
        last_trade_id=values[11],
    )


def interval_text(interval_ns: int) -> str:
    """An interval in words: `5s`, or `250ms` if it is no whole number of seconds."""
    if interval_ns % NS_PER_S == 0:
        return f"{interval_ns // NS_PER_S}s"
    return f"{interval_ns // NS_PER_MS}ms"

"""The feed that the works on frames fill."""

from openoutcry.native import MarketFeed


def new_feed(facts):
    return MarketFeed(
        product=facts["product"],
        symbol=facts["symbol"],
        price_tick=facts["price_tick"],
        size_step=facts["size_step"],
        candle_interval_ns=60_000_000_000,
    )

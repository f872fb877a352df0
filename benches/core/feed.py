"""The feed that the works on frames fill: book and tape alone, as the peers, or all that is made of them."""

from openoutcry.native import MarketFeed


def new_feed(facts, *, analytics=True):
    return MarketFeed(
        product=facts["product"],
        symbol=facts["symbol"],
        price_tick=facts["price_tick"],
        size_step=facts["size_step"],
        candle_interval_ns=60_000_000_000,
        analytics=analytics,
    )

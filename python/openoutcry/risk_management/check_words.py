"""What the names of the checks mean, for people who read that one said no."""

from typing import Final

CHECK_WORDS: Final[dict[str, str]] = {
    "halt": "trading was halted",
    "duplicate_intent": "the same wish came twice",
    "known_symbol": "the account is not set up for this symbol",
    "exposure": "the wanted share is not between -1 and 1",
    "volatility": "the measured volatility is no usable number",
    "candle_seconds": "the candle's length is no usable number",
    "reference_price": "the price is not positive",
    "horizon": "the time to trade in is negative",
    "deadline": "the wish came too late",
    "feed": "the market's data was not live",
    "alert_cool_down": "the market was disturbed a moment ago",
    "circuit_breaker": "the venue had rejected several orders in a row",
    "position_known": "what is held was not known yet",
    "order_rate": "too many orders in a short time",
    "reference_jump": "the price jumped too far within a moment",
    "no_trade_band": "nothing to change, or too little to be worth its fees",
    "full_position": "all that may be invested does not pay for one lot",
    "price_collar": "the limit price is too far from the market",
    "opposite_order": "an order of the other side is still open",
    "sellable_size": "more would be sold than is held",
    "venue_size": "the size is outside of the venue's limits",
    "min_notional": "the venue takes no order worth so little",
    "max_order_notional": "the order is worth more than one may be",
    "max_position_notional": "the position would be worth more than it may be",
    "daily_loss": "the day's loss limit is reached",
    "cash": "the cash does not pay for it with fees and reserve",
    "margin": "the account's value does not carry the position with fees",
    "veto": "a plugin said no",
    "quote_size": "the quote is larger than the mandate allows",
    "quoted_position": "the position is as large as the mandate allows",
    "quote_collar": "the quote is too far behind the touch",
}


def in_words(check: str) -> str:
    """A check's meaning."""
    return CHECK_WORDS.get(check, "not one of openoutcry's checks")

"""Binance's rules for a symbol (exchangeInfo) as an Instrument."""

from decimal import Decimal
from typing import Any

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import SizeLots, atoms_from_text, parse_decimal


def instrument_of(venue: str, symbol: str, rules: dict[str, Any]) -> Instrument:
    """Read one entry of exchangeInfo's `symbols`.

    The smallest size is rounded up to a whole lot and the largest down, so neither allows what the venue
    would refuse.

    Raises:
        InvalidInputError: a rule is missing, or finer than 10^-8.
    """
    filters = {entry["filterType"]: entry for entry in rules.get("filters", ())}
    try:
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        notional = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
        tick, step = _plain(price["tickSize"]), _plain(lot["stepSize"])
        return Instrument(
            venue=venue,
            symbol=symbol,
            venue_symbol=rules["symbol"],
            base=rules["baseAsset"],
            quote=rules["quoteAsset"],
            price_tick=tick,
            size_step=step,
            min_size_lots=SizeLots(_lots_at_least(lot["minQty"], step)),
            max_size_lots=SizeLots(int(parse_decimal(lot["maxQty"], what="maxQty") // Decimal(step))),
            min_notional_atoms=atoms_from_text(notional["minNotional"], what=f"{symbol} minNotional"),
        )
    except (KeyError, TypeError) as error:
        raise InvalidInputError(
            f"{symbol}: the venue's rules lack {error}; it cannot be traded safely"
        ) from None


def _plain(text: str) -> str:
    """Decimal text without trailing zeros."""
    return format(parse_decimal(text, what="step").normalize(), "f")


def _lots_at_least(text: str, step: str) -> int:
    lots, rest = divmod(parse_decimal(text, what="minQty"), Decimal(step))
    return int(lots) + (1 if rest else 0)

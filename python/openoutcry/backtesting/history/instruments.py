"""The instrument that a file of history is about, when the file itself says no more than a name."""

import re
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument, InstrumentKind
from openoutcry.domain.units import Atoms, SizeLots, parse_decimal

QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "GBP", "BTC", "ETH", "BNB")
CONTRACT_VALUES: Final = {
    "BTC": 100
}  # of coin-margined contracts in quote units, at venues that count contracts
OTHER_CONTRACT_VALUE: Final = 10
MAX_DECIMALS: Final = 8  # of price and size together, and of the size alone: amounts are in 10^-8

_CONTRACT_COUNTERS: Final = ("binance", "okx", "okex", "huobi", "htx")  # others count units of quote
_LOT_LIMIT: Final = SizeLots(10**12)  # history does not say the venue's own
_PAIR: Final = re.compile(r"([A-Z0-9]+)[-_/]([A-Z0-9]+)(?:[-_:](PERP|SWAP|[A-Z]+))?")
_SPOT_WORDS: Final = ("spot",)
_CONTRACT_WORDS: Final = ("um", "usdm", "cm", "coinm", "swap", "perp", "linear", "futures", "derivatives")


class Name(NamedTuple):
    """What a venue's symbol says. An `inverse` contract is settled in the base asset."""

    base: str
    quote: str
    settlement: InstrumentKind

    @property
    def unified(self) -> str:
        """The symbol as ccxt writes it: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USD:BTC`."""
        settled = {"spot": "", "linear": f":{self.quote}", "inverse": f":{self.base}"}[self.settlement]
        return f"{self.base}/{self.quote}{settled}"


def read_name(symbol: str, venue: str) -> Name:
    """Read a venue's symbol, as `BTCUSDT`, `BTC-USD`, `BTC/USDT:USDT` or `BTCUSD_PERP`.

    Raises:
        InvalidInputError: base and quote cannot be told apart.
    """
    text = symbol.upper()
    pair = _PAIR.fullmatch(text)
    is_perpetual = text.endswith(("PERP", "SWAP"))
    if pair and pair[2] not in {"PERP", "SWAP"}:
        base, quote = pair[1], pair[2]
        is_perpetual = is_perpetual or ":" in text
    else:
        bare = re.sub(r"[-_]?(PERP|SWAP)$", "", text)
        found = next((each for each in QUOTES if bare.endswith(each) and bare != each), None)
        if found is None or not bare.isalnum():
            raise InvalidInputError(
                f"base and quote of {symbol!r} cannot be told apart; give --symbol as BASE/QUOTE"
            )
        base, quote = bare.removesuffix(found), found
    words = set(re.split(r"[^a-z0-9]+", venue.lower()))
    if words & set(_SPOT_WORDS) or not (is_perpetual or words & set(_CONTRACT_WORDS)):
        return Name(base, quote, "spot")
    is_inverse = (quote == "USD" and words & {"cm", "coinm"}) or (pair is not None and pair[3] == base)
    return Name(base, quote, "inverse" if is_inverse else "linear")


def make_instrument(  # one argument a fact
    venue: str,
    symbol: str,
    *,
    price_tick: str,
    size_step: str,
    name: Name | None = None,
) -> Instrument:
    """The instrument of a venue's symbol, with limits that refuse nothing: history does not say them.

    A lot of an inverse contract is worth `size_step` units of quote at venues that count those, and as many
    contracts (of 100 units for BTC, else 10) at the others.

    Raises:
        InvalidInputError: base and quote cannot be told apart, or the grid is finer than amounts are exact.
    """
    name = name or read_name(symbol, venue)
    return Instrument(
        venue=venue,
        symbol=name.unified,
        venue_symbol=symbol,
        base=name.base,
        quote=name.quote,
        price_tick=price_tick,
        size_step=_lot_text(venue, name, size_step),
        min_size_lots=SizeLots(1),
        max_size_lots=_LOT_LIMIT,
        min_notional_atoms=Atoms(0),
        kind=name.settlement,
    )


def _lot_text(venue: str, name: Name, size_step: str) -> str:
    if name.settlement != "inverse" or not venue.lower().startswith(_CONTRACT_COUNTERS):
        return size_step
    return f"{Decimal(size_step) * CONTRACT_VALUES.get(name.base, OTHER_CONTRACT_VALUE):f}"


def settled_as(instrument: Instrument, inverse_lot: str) -> Instrument:
    """The instrument itself, or an inverse contract whose lot is worth so much of the quote asset.

    Raises:
        InvalidInputError: that is no positive decimal, or finer than amounts are exact.
    """
    if not inverse_lot:
        return instrument
    parse_decimal(inverse_lot, what="backtest.inverse_lot")
    return msgspec.structs.replace(instrument, kind="inverse", size_step=inverse_lot)


def step_text(decimals: int) -> str:
    """The step of so many decimals as plain text: `0.01` of 2."""
    return format(Decimal(1).scaleb(-decimals), "f")

"""Which instrument a file of funding rates is of."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from openoutcry.backtesting.history.candle_files import facts_of_name
from openoutcry.backtesting.history.candles import Funding, load_funding
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument


def funding_of(given: Sequence[str], instruments: Sequence[Instrument]) -> Mapping[str, Funding]:
    """The funding by symbol, of texts `FILE` or `SYMBOL=FILE`.

    A file belongs to the symbol before the `=`, else to the one in its name; files whose names say none
    belong to the contracts that are left, in their order.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is of none of the instruments, or of one that has its funding or is spot; or it
            cannot be read.
    """
    found: dict[str, Funding] = {}
    unnamed: list[str] = []
    for text in given:
        named, path = _named(text)
        if named:
            _add(found, _instrument(named, text, instruments), path)
        else:
            unnamed.append(path)
    left = [each for each in instruments if each.symbol not in found]
    for path, instrument in zip(unnamed, left, strict=False):
        _add(found, instrument, path)
    if len(unnamed) > len(left):
        raise InvalidInputError(
            f"--funding {unnamed[len(left)]}: every symbol has its funding already; leave it out"
        )
    return found


def _named(text: str) -> tuple[str, str]:
    """The symbol that is told, or empty, and the file."""
    symbol, equals, path = text.rpartition("=")
    if equals and symbol and not Path(text).is_file():
        return symbol, path
    return facts_of_name(Path(text))["symbol"], text


def _instrument(named: str, text: str, instruments: Sequence[Instrument]) -> Instrument:
    for each in instruments:
        if _bare(named) in {_bare(each.symbol), _bare(each.venue_symbol), _bare(each.base + each.quote)}:
            return each
    symbols = ", ".join(each.symbol for each in instruments)
    raise InvalidInputError(
        f"--funding {text} is of {named}, and the data of {symbols}; give that of the data, or say whose it "
        f"is, as --funding {instruments[0].symbol}=FILE"
    )


def _add(found: dict[str, Funding], instrument: Instrument, path: str) -> None:
    if instrument.kind == "spot":
        raise InvalidInputError(f"{instrument.symbol} is spot, which pays no funding; leave --funding out")
    if instrument.symbol in found:
        raise InvalidInputError(f"--funding {path}: {instrument.symbol} has its funding already; give one")
    found[instrument.symbol] = load_funding(Path(path))


def _bare(symbol: str) -> str:
    """A symbol without what venues put between and behind its assets."""
    return re.sub(r"[-_]?(PERP|SWAP)$|[^A-Z0-9]", "", symbol.upper())

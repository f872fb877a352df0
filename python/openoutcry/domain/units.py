"""The units of the system: money and time are integers, and text at the edges is exact.

A price is a count of ticks, a size a count of lots, an amount of an asset a count of *atoms*
(10^-8 of it), a moment a count of nanoseconds since the epoch in UTC. Floats appear only in
features and statistics.
"""

from decimal import Decimal, InvalidOperation
from typing import Final, Literal, NewType

from openoutcry.domain.errors import InvalidInputError

PriceTicks = NewType("PriceTicks", int)
SizeLots = NewType("SizeLots", int)
Atoms = NewType("Atoms", int)
TimestampNs = NewType("TimestampNs", int)

Side = Literal["buy", "sell"]

NS_PER_US: Final = 1_000
NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
ATOMS_PER_UNIT: Final = 10**8
BASIS_POINTS: Final = 10_000

_ATOM: Final = Decimal(1).scaleb(-8)


def parse_decimal(text: str, *, what: str) -> Decimal:
    """Read finite decimal text exactly.

    Raises:
        InvalidInputError: the text is no number, or it is NaN or infinite.
    """
    try:
        value = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        raise InvalidInputError(f"{what} {text!r} is not a number; give plain decimal text") from None
    if not value.is_finite():
        raise InvalidInputError(f"{what} {text!r} is not finite; give plain decimal text")
    return value


def whole_multiples(text: str, step: Decimal, *, what: str) -> int:
    """Count how many `step`s make up the decimal `text`.

    Raises:
        InvalidInputError: the text is no finite number or lies between two steps.
    """
    count, remainder = divmod(parse_decimal(text, what=what), step)
    if remainder:
        raise InvalidInputError(f"{what} {text} is not a multiple of {step}; round it to the grid first")
    return int(count)


def to_text(count: int, step: Decimal) -> str:
    """Write `count` steps as plain decimal text, exactly and without an exponent."""
    return format(count * step, "f")


def atoms_from_text(text: str, *, what: str) -> Atoms:
    """Read an amount of an asset; at most eight decimals are exact."""
    return Atoms(whole_multiples(text, _ATOM, what=what))


def atoms_to_text(atoms: int) -> str:
    """Write an amount of an asset as plain decimal text."""
    return to_text(atoms, _ATOM)

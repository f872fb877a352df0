"""Figures as people read them."""

from typing import Final

from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, atoms_to_text

MINUS: Final = "\N{MINUS SIGN}"
NOTHING: Final = "\N{EN DASH}"
SPANS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))
HALF_ATOMS_OF_CENT: Final = ATOMS_PER_UNIT // 200


def amount(atoms: int, *, signed: bool = False) -> str:
    """An amount rounded to two decimals, in groups of three; small ones keep what they need."""
    if atoms and abs(atoms) < HALF_ATOMS_OF_CENT:
        text = atoms_to_text(abs(atoms)).rstrip("0")
    else:
        cents = (abs(atoms) + HALF_ATOMS_OF_CENT) // (2 * HALF_ATOMS_OF_CENT)
        text = f"{cents // 100:,}.{cents % 100:02d}"
    return sign_of(atoms, signed=signed) + text


def exact(atoms: int) -> str:
    """An amount to the last atom."""
    return sign_of(atoms) + atoms_to_text(abs(atoms))


def percent(share: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """A share of 1 in percent; a dash where there is none."""
    if share is None:
        return NOTHING
    rounded = round(100.0 * share, digits)
    return f"{sign_of(rounded, signed=signed)}{abs(rounded):,.{digits}f} %"


def ratio(value: float | None, digits: int = 2) -> str:
    """A number without a unit; a dash where there is none."""
    if value is None:
        return NOTHING
    rounded = round(value, digits)
    return f"{sign_of(rounded)}{abs(rounded):,.{digits}f}"


def span(duration_ns: int) -> str:
    """A duration in the largest unit that it has two of."""
    seconds = duration_ns / NS_PER_S
    for name, length in SPANS:
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {name}"
    return f"{seconds:.3g} s"


def sign_of(value: float, *, signed: bool = False) -> str:
    """The typographic minus; a plus only where it is asked for."""
    if value < 0:
        return MINUS
    return "+" if signed and value > 0 else ""

"""What is traded: the venue's grid and limits, and exact conversions on it."""

from decimal import Decimal
from functools import cached_property
from typing import Literal

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT, Atoms, PriceTicks, SizeLots, to_text, whole_multiples

InstrumentKind = Literal["spot", "linear"]


class Instrument(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One tradable instrument of one venue, with the venue's rules for orders in it.

    `price_tick` and `size_step` are exact decimal text. Sizes are in lots of `size_step` of the
    base asset; `min_notional_atoms` is in atoms (10^-8) of the quote asset. A `linear` contract is settled in
    the quote asset: it can be sold short, and its base balance is the signed position.
    """

    venue: str
    symbol: str  # unified, as "BTC/USDT"
    venue_symbol: str  # the venue's own, as "BTCUSDT"
    base: str
    quote: str
    price_tick: str
    size_step: str
    min_size_lots: SizeLots
    max_size_lots: SizeLots
    min_notional_atoms: Atoms
    kind: InstrumentKind = "spot"

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.step <= 0:
            raise InvalidInputError(
                f"{self.symbol}: tick {self.price_tick} and step {self.size_step} must be positive"
            )
        if (self.tick * self.step * ATOMS_PER_UNIT) % 1 or (self.step * ATOMS_PER_UNIT) % 1:
            raise InvalidInputError(
                f"{self.symbol}: tick {self.price_tick} times step {self.size_step} is finer than 10^-8; "
                "amounts would not be exact"
            )

    @cached_property
    def tick(self) -> Decimal:
        """The smallest price difference."""
        return Decimal(self.price_tick)

    @cached_property
    def step(self) -> Decimal:
        """The smallest size difference, in the base asset."""
        return Decimal(self.size_step)

    @cached_property
    def atoms_per_tick_lot(self) -> int:
        """Quote atoms in one lot at a price of one tick."""
        return int(self.tick * self.step * ATOMS_PER_UNIT)

    @cached_property
    def base_atoms_per_lot(self) -> int:
        """Base atoms in one lot."""
        return int(self.step * ATOMS_PER_UNIT)

    def price_ticks(self, text: str) -> PriceTicks:
        """Exact ticks of a price's decimal text; off-grid text is refused."""
        return PriceTicks(whole_multiples(text, self.tick, what=f"{self.symbol} price"))

    def size_lots(self, text: str) -> SizeLots:
        """Exact lots of a size's decimal text; off-grid text is refused."""
        return SizeLots(whole_multiples(text, self.step, what=f"{self.symbol} size"))

    def price_text(self, price_ticks: int) -> str:
        """A price as decimal text."""
        return to_text(price_ticks, self.tick)

    def size_text(self, size_lots: int) -> str:
        """A size as decimal text."""
        return to_text(size_lots, self.step)

    def notional_atoms(self, price_ticks: int, size_lots: int) -> Atoms:
        """Exact value of a size at a price, in quote atoms."""
        return Atoms(price_ticks * size_lots * self.atoms_per_tick_lot)

"""What is traded: the venue's grid and limits, and exact conversions on it."""

from decimal import Decimal
from functools import cached_property
from typing import Literal

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT, Atoms, PriceTicks, SizeLots, to_text, whole_multiples

InstrumentKind = Literal["spot", "linear", "inverse"]


class Instrument(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One tradable instrument of one venue, with the venue's rules for orders in it.

    `price_tick` and `size_step` are exact decimal text. Sizes are in lots of `size_step` of the base asset;
    `min_notional_atoms` is in atoms (10^-8) of the asset of settlement. A `linear` contract is settled in
    the quote asset: it can be sold short, and its base balance is the signed position. An `inverse` (coin-
    margined) contract is settled in the base asset, and its lots are of `size_step` of the *quote* asset,
    as 100 USD: what they are worth is that divided by the price, and rounded against us.
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
        per_lot = self.step / self.tick if self.kind == "inverse" else self.tick * self.step
        if (per_lot * ATOMS_PER_UNIT) % 1 or (self.step * ATOMS_PER_UNIT) % 1:
            raise InvalidInputError(
                f"{self.symbol}: tick {self.price_tick} and step {self.size_step} make amounts finer than "
                "10^-8; they would not be exact"
            )

    @cached_property
    def tick(self) -> Decimal:
        """The smallest price difference."""
        return Decimal(self.price_tick)

    @cached_property
    def step(self) -> Decimal:
        """The smallest size difference, in the base asset."""
        return Decimal(self.size_step)

    @property
    def is_contract(self) -> bool:
        """Whether it can be sold short on margin."""
        return self.kind != "spot"

    @property
    def settlement(self) -> str:
        """The asset that its cash, fees and profit are in."""
        return self.base if self.kind == "inverse" else self.quote

    @cached_property
    def atoms_per_tick_lot(self) -> int:
        """Quote atoms in one lot at a price of one tick.

        Raises:
            InvalidInputError: it is inverse; its value does not grow with the price.
        """
        if self.kind == "inverse":
            raise InvalidInputError(
                f"{self.symbol} is settled in {self.base}: a tick has no fixed value, which is needed here; "
                "use a linear contract"
            )
        return int(self.tick * self.step * ATOMS_PER_UNIT)

    @cached_property
    def atoms_at_one_tick(self) -> int:
        """Base atoms that a lot of an inverse contract is worth at a price of one tick."""
        return int(self.step / self.tick * ATOMS_PER_UNIT)

    @cached_property
    def base_atoms_per_lot(self) -> int:
        """Atoms of what sizes are counted in that one lot is: base, or quote of an inverse contract."""
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
        """The value of a size at a price, in atoms of settlement: exact, or of inverse rounded up in size."""
        if self.kind != "inverse":
            return Atoms(price_ticks * size_lots * self.atoms_per_tick_lot)
        up = -self._inverse_atoms(price_ticks, -abs(size_lots))
        return Atoms(up if size_lots >= 0 else -up)

    def cash_flow_atoms(self, price_ticks: int, bought_lots: int) -> Atoms:
        """What buying (below 0: selling) adds to the cash; who buys inverse sells coins. Rounded down."""
        if self.kind != "inverse":
            return Atoms(-price_ticks * bought_lots * self.atoms_per_tick_lot)
        return Atoms(self._inverse_atoms(price_ticks, bought_lots))

    def worth_atoms(self, price_ticks: int, position_lots: int) -> Atoms:
        """What a position adds to the cash at a price: cash and this are the equity; rounded down."""
        if self.kind != "inverse":
            return Atoms(price_ticks * position_lots * self.atoms_per_tick_lot)
        return Atoms(self._inverse_atoms(price_ticks, -position_lots))

    def part_atoms(self, price_ticks: int, size_lots: int, rate: int, one: int) -> Atoms:
        """The part `rate / one` of a size's value, as a fee, rounded up once."""
        if self.kind != "inverse":
            return Atoms(-(-price_ticks * size_lots * self.atoms_per_tick_lot * rate // one))
        return Atoms(-self._inverse_atoms(price_ticks * one, -size_lots * rate))

    def _inverse_atoms(self, price_ticks: int, lots: int) -> int:
        """Rounded down; nothing is worth nothing where there is no price as yet."""
        return lots * self.atoms_at_one_tick // price_ticks if lots else 0

    def average_price_ticks(self, value_atoms: float, size_lots: float) -> float:
        """The price at which a size is worth so much."""
        if self.kind != "inverse":
            return value_atoms / self.atoms_per_tick_lot / size_lots
        return size_lots * self.atoms_at_one_tick / value_atoms

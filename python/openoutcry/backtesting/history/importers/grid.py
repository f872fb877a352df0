"""The grid of a table of events: as given, else that of the numbers in its first part."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from openoutcry.backtesting.history import exact
from openoutcry.backtesting.history.instruments import MAX_DECIMALS, step_text
from openoutcry.backtesting.history.source import ImportOptions, Notes, note
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class Grid:
    """Tick and step as decimal text; sizes finer than the step are rounded to the nearest, and counted."""

    price_tick: str
    size_step: str
    is_guessed: bool
    rounded: int = 0

    @classmethod
    def of(cls, prices: "pl.Series", sizes: "pl.Series", options: ImportOptions) -> "Grid":
        """The grid of columns of `exact.decimal_column`.

        Raises:
            InvalidInputError: a given step is not a power of ten.
        """
        decimals = min(exact.decimals(prices), MAX_DECIMALS)
        tick = options.price_tick or step_text(decimals)
        finest = MAX_DECIMALS - _scale(tick)
        step = options.size_step or step_text(min(exact.decimals(sizes), finest))
        return cls(tick, step, is_guessed=not (options.price_tick and options.size_step))

    def price_ticks(self, prices: "pl.Series") -> Integers:
        """Prices in ticks. Raises InvalidInputError for one off the grid."""
        return exact.on_step(prices, Decimal(self.price_tick))

    def size_lots(self, sizes: "pl.Series") -> Integers:
        """Sizes in lots, to the nearest."""
        step = Decimal(self.size_step)
        if step == 1 or step.normalize().as_tuple().digits == (1,):
            lots, changed = exact.to_nearest(sizes, _scale(self.size_step))
            self.rounded += changed
            return lots
        return exact.on_step(sizes, step)

    def tell(self, notes: Notes) -> None:
        """What was guessed and rounded."""
        if self.is_guessed:
            detail = f"the grid is that of the numbers: tick {self.price_tick}, step {self.size_step}"
            remedy = "give --tick and --step to `data import` if the venue's was another"
            notes.append(note("note", "grid", 1, detail, remedy))
        if self.rounded:
            detail = f"sizes finer than {self.size_step} were rounded to the nearest, but never to 0"
            notes.append(
                note("note", "size_rounded", self.rounded, detail, "give a finer --step to `data import`")
            )


def _scale(step: str) -> int:
    exponent = Decimal(step).normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise InvalidInputError(f"step {step!r} is no number; give it as 0.01")
    return max(0, -exponent)

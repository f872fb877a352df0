"""What a quoting strategy may do without asking: approved once, and kept at every decision."""

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import BASIS_POINTS, atoms_to_text
from openoutcry.risk_management.limits import NO_COLLAR_BPS, RiskLimits


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of quotes: their sizes, the position they may lead to, how far off the touch they lie, the loss.

    A loss of `max_loss_atoms` of the quote asset ends quoting.
    """

    max_quote_lots: int
    max_position_lots: int
    collar_bps: int
    max_loss_atoms: int

    @property
    def has_collar(self) -> bool:
        """Whether quotes may be too far off the touch."""
        return self.collar_bps < NO_COLLAR_BPS

    def check(self, quote_lots: int, position_lots: int) -> None:
        """Refuse a strategy that would go beyond by its own parameters.

        Raises:
            InvalidInputError: it would.
        """
        beyond = [
            (name, lots, limit)
            for name, lots, limit in (
                ("quote_lots", quote_lots, self.max_quote_lots),
                ("max_position_lots", position_lots, self.max_position_lots),
            )
            if lots > limit
        ]
        if beyond:
            told = " and ".join(f"{name} {lots}, of which it allows {limit}" for name, lots, limit in beyond)
            less = " ".join(f"--param {name}={limit}" for name, _, limit in beyond)
            raise InvalidInputError(
                f"the strategy goes beyond the account's mandate by {told}; give {less}, or raise the cash "
                "or [risk]"
            )

    def refusal(
        self, quotes: tuple[int, int, int, int], touch: tuple[int, int], position_lots: int
    ) -> str | None:
        """Which limit quotes break, or None.

        Quotes are bid_ticks, bid_lots, ask_ticks, ask_lots; the touch is the best bid and the best ask in
        ticks. A price of 0 is no quote. What rests when the position becomes full may still go beyond it.
        """
        bid, bid_lots, ask, ask_lots = quotes
        if bid_lots > self.max_quote_lots or ask_lots > self.max_quote_lots:
            return "quote_size"
        if bid and bid_lots and position_lots >= self.max_position_lots:
            return "quoted_position"
        if ask and ask_lots and position_lots <= -self.max_position_lots:
            return "quoted_position"
        if not self.has_collar:
            return None
        best_bid, best_ask = touch
        is_low = bid and bid * BASIS_POINTS < best_bid * (BASIS_POINTS - self.collar_bps)
        is_high = ask and ask * BASIS_POINTS > best_ask * (BASIS_POINTS + self.collar_bps)
        return "quote_collar" if is_low or is_high else None

    def is_exhausted(self, net_atoms: int) -> bool:
        """Whether what was won (below 0: lost) so far ends quoting."""
        return -net_atoms >= self.max_loss_atoms


def mandate_of(
    limits: RiskLimits, instrument: Instrument, cash_atoms: int, price_ticks: int, quote_lots: int
) -> Mandate:
    """The mandate that the account's limits allow at a price: a position that its cash carries.

    Raises:
        InvalidInputError: not even one quote fits.
    """
    worth = instrument.notional_atoms(price_ticks, 1)
    carried = min(limits.max_position_notional_atoms, int(cash_atoms * limits.max_leverage))
    mandate = Mandate(
        max_quote_lots=min(limits.max_order_notional_atoms, carried) // worth,
        max_position_lots=carried // worth,
        collar_bps=limits.quote_collar_bps,
        max_loss_atoms=min(limits.max_daily_loss_atoms, cash_atoms * limits.max_drawdown_bps // BASIS_POINTS),
    )
    if mandate.max_position_lots < quote_lots:
        raise InvalidInputError(
            f"a quote of {quote_lots} lots is worth {atoms_to_text(worth * quote_lots)}, and the account "
            f"carries {atoms_to_text(carried)}; quote less, or give more cash"
        )
    return mandate

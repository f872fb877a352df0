"""What positions are worth at prices, in whole atoms, for columns of them."""

from openoutcry.backtesting.result import Integers
from openoutcry.domain.instrument import Instrument


def worths(instrument: Instrument, prices_ticks: Integers, positions_lots: Integers) -> Integers:
    """`Instrument.worth_atoms` of each row; the caller has seen to it that 64 bits hold them."""
    if instrument.kind != "inverse":
        return positions_lots * prices_ticks * instrument.atoms_per_tick_lot
    return -positions_lots * instrument.atoms_at_one_tick // prices_ticks


def most_atoms(instrument: Instrument, prices_ticks: Integers, lots: int) -> int:
    """No sum over these prices on the way to a worth of so many lots is beyond it, in size."""
    if instrument.kind == "inverse":
        return lots * instrument.atoms_at_one_tick
    return lots * int(prices_ticks.max(initial=0)) * instrument.atoms_per_tick_lot

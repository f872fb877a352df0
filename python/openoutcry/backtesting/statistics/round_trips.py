"""Trades as people count them: what one order opened and another closed, first in, first out."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import Side

OPENING_SIGN: Final[Mapping[Side, int]] = {"buy": 1, "sell": -1}


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """Lots that one parent order opened and another closed; `side` is that of the opening.

    `profit_atoms` is before fees, in atoms of settlement; times are of the first fill that opened
    and of the last one that closed.
    """

    symbol: str
    side: Side
    size_lots: int
    opened_ns: int
    closed_ns: int
    opening_notional_atoms: int
    closing_notional_atoms: int
    fees_atoms: int
    is_inverse: bool = False  # what it is worth falls as the price rises
    opening_parent_id: str
    closing_parent_id: str

    @property
    def profit_atoms(self) -> int:
        """What it earned before fees."""
        rise = self.closing_notional_atoms - self.opening_notional_atoms
        return rise * OPENING_SIGN[self.side] * (-1 if self.is_inverse else 1)

    @property
    def net_atoms(self) -> int:
        """What it earned after fees."""
        return self.profit_atoms - self.fees_atoms


@dataclass(slots=True)
class _Open:
    """What is left of a fill that opened, with its share of the fee."""

    fill: Fill
    lots: int
    fee_atoms: int


def round_trips(fills: Iterable[Fill], instruments: Mapping[str, Instrument]) -> list[RoundTrip]:
    """Match fills, in their order, first in, first out; what is still open at the end is in no trade.

    Fees go with the lots they were paid for, to the last atom. A fee in the base asset is valued at its
    fill's price; one in a third asset is not in it, as in the ledger.
    """
    waiting: dict[str, deque[_Open]] = {}
    trips: dict[tuple[str, str, str, Side], RoundTrip] = {}  # in order of their first closing
    for fill in fills:
        instrument = instruments[fill.symbol]
        queue = waiting.setdefault(fill.symbol, deque())
        rest = _Open(fill, fill.size_lots, fee_quote_atoms(fill, instrument))
        while rest.lots and queue and queue[0].fill.side != fill.side:
            opened = queue[0]
            piece = _close(opened, rest, instrument)
            key = (fill.symbol, opened.fill.parent_id, fill.parent_id, opened.fill.side)
            trips[key] = _joined(trips[key], piece) if key in trips else piece
            if not opened.lots:
                queue.popleft()
        if rest.lots:
            queue.append(rest)
    return list(trips.values())


def fee_quote_atoms(fill: Fill, instrument: Instrument) -> int:
    """A fill's fee in atoms of settlement, rounded down; 0 for a fee in a third asset."""
    if fill.fee_asset == instrument.settlement:
        return fill.fee_atoms
    if fill.fee_asset == instrument.base:
        value = fill.fee_atoms * fill.price_ticks * instrument.atoms_per_tick_lot
        return value // instrument.base_atoms_per_lot
    return 0


def _close(opened: _Open, closing: _Open, instrument: Instrument) -> RoundTrip:
    lots = min(opened.lots, closing.lots)
    return RoundTrip(
        symbol=instrument.symbol,
        side=opened.fill.side,
        size_lots=lots,
        opened_ns=opened.fill.at_ns,
        closed_ns=closing.fill.at_ns,
        opening_notional_atoms=instrument.notional_atoms(opened.fill.price_ticks, lots),
        closing_notional_atoms=instrument.notional_atoms(closing.fill.price_ticks, lots),
        fees_atoms=_take(opened, lots) + _take(closing, lots),
        is_inverse=instrument.kind == "inverse",
        opening_parent_id=opened.fill.parent_id,
        closing_parent_id=closing.fill.parent_id,
    )


def _take(side: _Open, lots: int) -> int:
    """Take lots out, with their part of the fee; the last lots take what rounding left."""
    fee_atoms = side.fee_atoms * lots // side.lots
    side.lots -= lots
    side.fee_atoms -= fee_atoms
    return fee_atoms


def _joined(trip: RoundTrip, piece: RoundTrip) -> RoundTrip:
    return msgspec.structs.replace(
        trip,
        size_lots=trip.size_lots + piece.size_lots,
        opened_ns=min(trip.opened_ns, piece.opened_ns),
        closed_ns=max(trip.closed_ns, piece.closed_ns),
        opening_notional_atoms=trip.opening_notional_atoms + piece.opening_notional_atoms,
        closing_notional_atoms=trip.closing_notional_atoms + piece.closing_notional_atoms,
        fees_atoms=trip.fees_atoms + piece.fees_atoms,
    )

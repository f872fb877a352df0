"""What we hold, what it cost and what we paid for it, in whole atoms (10^-8 of an asset)."""

from collections import Counter
from collections.abc import Mapping

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import Atoms, SizeLots
from openoutcry.execution.commands import FundingSettled


class _Holding:
    """One symbol's traded position at average cost; both figures are negative when short."""

    def __init__(self) -> None:
        self.base_atoms = 0
        self.cost_atoms = 0
        self.realised_atoms = 0

    def trade(self, base_atoms: int, quote_atoms: int) -> None:
        """Add a signed trade (a purchase adds base and costs quote). Closing realises profit or loss."""
        closing = 0
        if self.base_atoms and (self.base_atoms > 0) != (base_atoms > 0):
            closing = min(abs(self.base_atoms), abs(base_atoms))
        if closing:
            released = (
                self.cost_atoms * closing // abs(self.base_atoms)
            )  # rounded down; the rest stays with the holding
            proceeds = quote_atoms * closing // abs(base_atoms)
            self.realised_atoms += -proceeds - released
            self.cost_atoms -= released
            self.base_atoms += closing if base_atoms > 0 else -closing
            base_atoms -= closing if base_atoms > 0 else -closing
            quote_atoms -= proceeds
        self.base_atoms += base_atoms
        self.cost_atoms += quote_atoms

    def pay_fee_in_base(self, atoms: int) -> int:
        """Take a fee out of the holding; returns the cost that goes with it, in quote atoms."""
        released = self.cost_atoms * atoms // self.base_atoms if self.base_atoms else 0
        self.base_atoms -= atoms
        self.cost_atoms -= released
        return released


class Ledger:
    """Balances, positions, fees and realised profit or loss, from fills booked once each.

    Profit and loss are kept apart from fees and funding: `equity change = realised + unrealised - fees +
    funding`, exactly. A fee in the base asset shrinks the holding and is valued at its average cost; one in a
    third asset is kept in that asset's own atoms only.
    """

    def __init__(self, instruments: Mapping[str, Instrument], opening: Mapping[str, int]) -> None:
        """Start from the account's balances in atoms by asset."""
        self._instruments = dict(instruments)
        self._holdings = {symbol: _Holding() for symbol in instruments}
        self._booked: set[tuple[str, str]] = set()
        self._funded: set[tuple[str, str]] = set()
        self.balances: Counter[str] = Counter(dict(opening))
        self.fees: Counter[str] = Counter()
        self._fees_quote: Counter[str] = Counter()

    def book(self, fill: Fill) -> bool:
        """Book a fill; one booked before changes nothing and gives False.

        Raises:
            InvalidInputError: the symbol is not one of the ledger's.
        """
        key = (fill.symbol, fill.trade_id)
        if key in self._booked:
            return False
        instrument = self._instrument(fill.symbol)
        holding = self._holdings[fill.symbol]
        sign = 1 if fill.side == "buy" else -1
        base = sign * fill.size_lots * instrument.base_atoms_per_lot
        received = instrument.cash_flow_atoms(fill.price_ticks, sign * fill.size_lots)
        holding.trade(base, -received)
        if instrument.kind != "inverse":
            self.balances[instrument.base] += base
        self.balances[instrument.settlement] += received
        self._pay(fill, instrument, holding)
        self._booked.add(key)
        return True

    def fund(self, funding: FundingSettled) -> bool:
        """Book a contract's funding, which is no profit of trading; booked before it gives False.

        Raises:
            InvalidInputError: the symbol is not one of the ledger's.
        """
        key = (funding.symbol, funding.settlement_id)
        if key in self._funded:
            return False
        self.balances[self._instrument(funding.symbol).settlement] += funding.amount_atoms
        self._funded.add(key)
        return True

    def _pay(self, fill: Fill, instrument: Instrument, holding: _Holding) -> None:
        if not fill.fee_atoms:
            return
        self.fees[fill.fee_asset] += fill.fee_atoms
        self.balances[fill.fee_asset] -= fill.fee_atoms
        if fill.fee_asset == instrument.settlement:
            self._fees_quote[fill.symbol] += fill.fee_atoms
        elif fill.fee_asset == instrument.base:
            self._fees_quote[fill.symbol] += holding.pay_fee_in_base(fill.fee_atoms)

    def has_booked(self, symbol: str, trade_id: str) -> bool:
        """Whether a trade is booked."""
        return (symbol, trade_id) in self._booked

    def position_lots(self, symbol: str) -> SizeLots:
        """Lots held from trading, net of fees paid in the base asset, rounded towards nothing held."""
        atoms, per_lot = self._holding(symbol).base_atoms, self._instrument(symbol).base_atoms_per_lot
        return SizeLots(atoms // per_lot if atoms >= 0 else -(-atoms // per_lot))

    def base_atoms(self, symbol: str) -> Atoms:
        """The balance of a symbol's base asset; of an inverse contract its position, in atoms of quote."""
        if self._instrument(symbol).kind == "inverse":
            return Atoms(self._holding(symbol).base_atoms)
        return Atoms(self.balances[self._instrument(symbol).base])

    def cash_atoms(self, symbol: str) -> Atoms:
        """The balance of the asset that a symbol is settled in."""
        return Atoms(self.balances[self._instrument(symbol).settlement])

    def fees_quote_atoms(self, symbol: str) -> Atoms:
        """Fees of a symbol's trades, in atoms of settlement (fees in a third asset are not in it)."""
        return Atoms(self._fees_quote[symbol])

    def realised_atoms(self, symbol: str) -> Atoms:
        """Profit (or loss) of what was closed, at average cost, fees apart."""
        return Atoms(self._holding(symbol).realised_atoms)

    def unrealised_atoms(self, symbol: str, price_ticks: int) -> Atoms:
        """Profit (or loss) of what is held at a price, fees apart; parts of an atom are rounded down."""
        holding, instrument = self._holding(symbol), self._instrument(symbol)
        if instrument.kind == "inverse":
            lots = holding.base_atoms // instrument.base_atoms_per_lot
            return Atoms(instrument.worth_atoms(price_ticks, lots) - holding.cost_atoms if lots else 0)
        value = (
            holding.base_atoms * price_ticks * instrument.atoms_per_tick_lot // instrument.base_atoms_per_lot
        )
        return Atoms(value - holding.cost_atoms)

    def average_price_ticks(self, symbol: str) -> float:
        """Average cost of what is held, in ticks; 0 if nothing is."""
        holding, instrument = self._holding(symbol), self._instrument(symbol)
        if not holding.base_atoms:
            return 0.0
        lots = holding.base_atoms / instrument.base_atoms_per_lot
        cost_atoms = -holding.cost_atoms if instrument.kind == "inverse" else holding.cost_atoms
        return instrument.average_price_ticks(cost_atoms, lots) if cost_atoms else 0.0

    def _instrument(self, symbol: str) -> Instrument:
        try:
            return self._instruments[symbol]
        except KeyError:
            known = ", ".join(sorted(self._instruments)) or "none"
            raise InvalidInputError(f"the ledger does not know {symbol}; it was set up for {known}") from None

    def _holding(self, symbol: str) -> _Holding:
        self._instrument(symbol)
        return self._holdings[symbol]

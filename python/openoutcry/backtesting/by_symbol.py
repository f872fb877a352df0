"""What each symbol of a backtest had part in its profit."""

from collections.abc import Sequence

import msgspec

from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.statistics.round_trips import OPENING_SIGN, RoundTrip, fee_quote_atoms


class SymbolPart(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's fills and round trips. Amounts are atoms of settlement.

    `profit_atoms` is before fees and funding, what is held at the end at its last price; the sum over all
    symbols, less fees and funding, is the backtest's net. `win_rate` is None without a closed trade.
    """

    symbol: str
    fills: int
    trades: int
    win_rate: float | None
    profit_atoms: int
    fees_atoms: int
    position_lots: int

    @property
    def net_atoms(self) -> int:
        """Profit after fees, before funding."""
        return self.profit_atoms - self.fees_atoms


def parts_of(result: BacktestResult, trips: Sequence[RoundTrip]) -> tuple[SymbolPart, ...]:
    """Each symbol's part, in the order of the symbols; nothing where the last prices are not known."""
    if any(symbol not in result.marks for symbol in result.instruments):
        return ()
    return tuple(_part(result, trips, symbol) for symbol in result.instruments)


def _part(result: BacktestResult, trips: Sequence[RoundTrip], symbol: str) -> SymbolPart:
    instrument = result.instruments[symbol]
    fills = [fill for fill in result.fills if fill.symbol == symbol]
    nets = [trip.net_atoms for trip in trips if trip.symbol == symbol]
    held = sum(fill.size_lots * OPENING_SIGN[fill.side] for fill in fills)
    received = sum(
        instrument.cash_flow_atoms(fill.price_ticks, fill.size_lots * OPENING_SIGN[fill.side])
        for fill in fills
    )
    return SymbolPart(
        symbol=symbol,
        fills=len(fills),
        trades=len(nets),
        win_rate=sum(net > 0 for net in nets) / len(nets) if nets else None,
        profit_atoms=instrument.worth_atoms(result.marks[symbol], held) + received,
        fees_atoms=sum(fee_quote_atoms(fill, instrument) for fill in fills),
        position_lots=held,
    )

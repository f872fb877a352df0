"""What a run earned, candle by candle: profit and loss from fills and closes, with the fees apart."""

from collections.abc import Sequence

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.orders import Fill
from openoutcry.execution.ledger import Ledger


class EquityPoint(msgspec.Struct, frozen=True):
    """The account of one symbol at a candle's close, in atoms of the quote asset.

    `profit_atoms` is realised and unrealised profit before fees; net of fees it is less `fees_atoms`.
    """

    close_ns: int
    close_ticks: int
    position_lots: int
    profit_atoms: int
    fees_atoms: int

    @property
    def net_atoms(self) -> int:
        """Profit after fees."""
        return self.profit_atoms - self.fees_atoms


class EquityCurve(msgspec.Struct, frozen=True):
    """A symbol's account over a run, and what is left of it at the end.

    `end_profit_atoms` values what is held at the last close, so that fills after it count too.
    `fees` are by asset, in the assets' own atoms.
    """

    instrument: Instrument
    points: tuple[EquityPoint, ...]
    realised_atoms: int
    unrealised_atoms: int
    fees_quote_atoms: int
    fees: dict[str, int]
    position_lots: int
    round_trips: int

    @property
    def profit_atoms(self) -> int:
        """Profit before fees."""
        return self.realised_atoms + self.unrealised_atoms

    @property
    def net_atoms(self) -> int:
        """Profit after fees."""
        return self.profit_atoms - self.fees_quote_atoms

    @property
    def max_drawdown_atoms(self) -> int:
        """The deepest fall of the net profit from its highest value before, at closes."""
        highest = deepest = 0
        for point in self.points:
            highest = max(highest, point.net_atoms)
            deepest = max(deepest, highest - point.net_atoms)
        return deepest


def market_time_ns(fill: Fill, candles: Sequence[CandleClosed], caused_ns: int) -> int:
    """When a fill was, in the candles' time.

    A replayed market's candles lie in the past while a venue stamps fills with its own clock. A fill stamped
    outside the candles is placed at the moment of its cause, `caused_ns`.
    """
    if candles and candles[0].open_ns <= fill.at_ns <= candles[-1].close_ns:
        return fill.at_ns
    return caused_ns


def equity_curve(
    instrument: Instrument, candles: Sequence[CandleClosed], fills: Sequence[tuple[int, Fill]]
) -> EquityCurve:
    """Book the fills, each at its time in the candles' clock, and value what is held at each close."""
    symbol = instrument.symbol
    ledger = Ledger({symbol: instrument}, {})
    waiting = sorted(fills, key=lambda timed: timed[0])
    booked = round_trips = 0
    points = []

    def book_until(moment_ns: float) -> None:
        nonlocal booked, round_trips
        while booked < len(waiting) and waiting[booked][0] <= moment_ns:
            before = ledger.position_lots(symbol)
            ledger.book(waiting[booked][1])
            round_trips += bool(before) and ledger.position_lots(symbol) * before <= 0
            booked += 1

    for candle in candles:
        book_until(candle.close_ns)
        points.append(_point(ledger, candle))
    book_until(float("inf"))
    last_ticks = candles[-1].close_ticks if candles else waiting[-1][1].price_ticks if waiting else 0
    return EquityCurve(
        instrument=instrument,
        points=tuple(points),
        realised_atoms=ledger.realised_atoms(symbol),
        unrealised_atoms=ledger.unrealised_atoms(symbol, last_ticks),
        fees_quote_atoms=ledger.fees_quote_atoms(symbol),
        fees=dict(ledger.fees),
        position_lots=ledger.position_lots(symbol),
        round_trips=round_trips,
    )


def _point(ledger: Ledger, candle: CandleClosed) -> EquityPoint:
    symbol = candle.symbol
    return EquityPoint(
        candle.close_ns,
        candle.close_ticks,
        ledger.position_lots(symbol),
        ledger.realised_atoms(symbol) + ledger.unrealised_atoms(symbol, candle.close_ticks),
        ledger.fees_quote_atoms(symbol),
    )

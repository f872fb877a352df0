"""What the recorded market has done so far: its trades, the last bookTicker, the day's figures."""

import bisect
from typing import Any, Final

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, atoms_from_text, atoms_to_text

# Trades kept for historicalTrades; the oldest are forgotten in blocks.
MAX_TRADES: Final = 400_000
KEPT_TRADES: Final = 200_000


class RecordedTrade(msgspec.Struct, frozen=True):
    """A trade of the recording, in the venue's own text."""

    trade_id: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    at_ms: int = msgspec.field(name="T")
    is_buyer_maker: bool = msgspec.field(name="m")


_TRADE: Final = msgspec.json.Decoder(RecordedTrade)


class MarketTape:
    """Trades with increasing ids, bounded, and running figures since the first line."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._trades: list[RecordedTrade] = []
        self._book_ticker = b"null"
        self._first: RecordedTrade | None = None
        self._high_atoms = 0
        self._low_atoms = 0
        self._volume_atoms = 0
        self._quote_atoms = 0
        self._count = 0

    def add_trade(self, payload: bytes) -> None:
        """Take a trade frame's payload. Raises msgspec.MsgspecError if it is malformed."""
        trade = _TRADE.decode(payload)
        if self._trades and trade.trade_id <= self._trades[-1].trade_id:
            return  # a repeated trade
        self._trades.append(trade)
        if len(self._trades) > MAX_TRADES:
            del self._trades[:-KEPT_TRADES]
        price = atoms_from_text(trade.price, what="recorded price")
        quantity = atoms_from_text(trade.quantity, what="recorded quantity")
        self._first = self._first or trade
        self._high_atoms = max(self._high_atoms, price)
        self._low_atoms = min(self._low_atoms or price, price)
        self._volume_atoms += quantity
        self._quote_atoms += price * quantity // ATOMS_PER_UNIT
        self._count += 1

    def set_book_ticker(self, payload: bytes) -> None:
        """Take a bookTicker frame's payload."""
        self._book_ticker = payload

    @property
    def last_trade_id(self) -> int:
        """The newest trade's id; 0 before the first."""
        return self._trades[-1].trade_id if self._trades else 0

    @property
    def last_price(self) -> str | None:
        """The newest trade's price."""
        return self._trades[-1].price if self._trades else None

    @property
    def book_ticker(self) -> dict[str, Any] | None:
        """The newest recorded bookTicker (`u`, `b`, `B`, `a`, `A`)."""
        ticker: dict[str, Any] | None = msgspec.json.decode(self._book_ticker)
        return ticker

    def trades(self, limit: int, first_id: int | None = None) -> list[RecordedTrade]:
        """The newest trades, or those from an id on; oldest first."""
        if first_id is None:
            return self._trades[-limit:]
        start = bisect.bisect_left(self._trades, first_id, key=lambda trade: trade.trade_id)
        return self._trades[start : start + limit]

    def day_figures(self) -> dict[str, object]:
        """The 24-hour ticker's figures, since the recording's first line. Zeros before the first trade."""
        first, last = self._first, self._trades[-1] if self._trades else None
        zero = atoms_to_text(0)
        if first is None or last is None:
            prices = dict.fromkeys(
                ("openPrice", "highPrice", "lowPrice", "lastPrice", "lastQty", "weightedAvgPrice"), zero
            )
            changes = {"priceChange": zero, "priceChangePercent": "0.000"}
            return {
                **prices,
                **changes,
                "volume": zero,
                "quoteVolume": zero,
                "firstId": -1,
                "lastId": -1,
                "count": 0,
            }
        opened = atoms_from_text(first.price, what="recorded price")
        change = atoms_from_text(last.price, what="recorded price") - opened
        average = self._quote_atoms * ATOMS_PER_UNIT // self._volume_atoms if self._volume_atoms else 0
        return {
            "openPrice": first.price,
            "highPrice": atoms_to_text(self._high_atoms),
            "lowPrice": atoms_to_text(self._low_atoms),
            "lastPrice": last.price,
            "lastQty": last.quantity,
            "weightedAvgPrice": atoms_to_text(average),
            "priceChange": atoms_to_text(change),
            "priceChangePercent": f"{100 * change / opened:.3f}",
            "volume": atoms_to_text(self._volume_atoms),
            "quoteVolume": atoms_to_text(self._quote_atoms),
            "openTime": first.at_ms,
            "closeTime": last.at_ms,
            "firstId": first.trade_id,
            "lastId": last.trade_id,
            "count": self._count,
        }

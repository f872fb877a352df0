"""What the system needs of a venue. One implementation speaks to every venue through ccxt."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import Atoms, TimestampNs
from openoutcry.execution.commands import CancelOrder, OrderReport, SubmitOrder

Channel = Literal["depth", "trade", "book_ticker"]


class FeedSink(Protocol):
    """Where an adapter delivers a venue's market data, on the event loop of `stream`."""

    def on_frame(self, frame: bytes, received_ns: TimestampNs) -> bool:
        """Take a raw frame. False gives it back to the client, which may know it."""
        ...

    def on_connected(self, channel: Channel) -> None:
        """A channel is subscribed (again)."""
        ...

    def on_disconnected(self, channel: Channel, reason: str) -> None:
        """A channel was lost; the adapter is already reconnecting, with backoff."""
        ...


class MarketDataAdapter(Protocol):
    """Market data of one venue, as the venue's own bytes."""

    async def instrument(self, symbol: str) -> Instrument:
        """The venue's rules for a symbol. Raises InvalidInputError with near names if it is unknown."""
        ...

    async def stream(self, symbol: str, sink: FeedSink) -> None:
        """Deliver depth, trades and bookTicker until cancelled; reconnects by itself."""
        ...

    async def depth_snapshot(self, symbol: str) -> bytes:
        """The venue's REST depth reply, numbers in their original text."""
        ...

    async def historical_trades(self, symbol: str, first_trade_id: int, limit: int) -> bytes:
        """The venue's REST reply with trades from an id on, numbers in their original text."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class TradingAdapter(Protocol):
    """Orders and account at one venue. Nothing here is ever retried blindly.

    Every call may raise VenueRejectedError (no effect), AuthenticationError (no effect) or
    AmbiguousResultError (timeout, 5xx, lost connection: the effect is unknown).
    """

    async def instrument(self, symbol: str) -> Instrument:
        """The venue's rules for a symbol."""
        ...

    async def submit(self, order: SubmitOrder) -> OrderReport:
        """Place an order."""
        ...

    async def cancel(self, order: CancelOrder) -> OrderReport:
        """Withdraw an order. VenueRejectedError if the venue no longer (or never) holds it."""
        ...

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """What became of an order; None if the venue does not know it."""
        ...

    async def fills(self, symbol: str, client_order_id: str) -> Sequence[OrderReport]:
        """Every trade of an order, one report each."""
        ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Every order that rests at the venue, ours or not."""
        ...

    async def balances(self) -> dict[str, Atoms]:
        """Total balance (free and locked) by asset."""
        ...

    async def server_time_ns(self) -> TimestampNs:
        """The venue's clock."""
        ...

    async def stream_reports(
        self, symbol: str, sink: Callable[[OrderReport], None], on_gap: Callable[[], None]
    ) -> None:
        """Deliver every raw execution report until cancelled.

        After each (re)connection `on_gap` is called: reports may have been lost, so open orders must be
        queried.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...

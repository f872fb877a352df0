"""Market data of a venue through ccxt.pro: its connections, our frames."""

import asyncio
import difflib
import logging
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

import msgspec

from openoutcry.domain.errors import InvalidInputError, VenueRejectedError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs
from openoutcry.exchanges.adapter import Channel, FeedSink
from openoutcry.exchanges.binance_rules import instrument_of
from openoutcry.exchanges.ccxt_client import open_client
from openoutcry.exchanges.ccxt_errors import rest_call, socket_error
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.reconnecting import ConnectionLostError, hold_connection
from openoutcry.exchanges.venue_settings import VenueSettings

log = logging.getLogger(__name__)

CHANNELS: Final[dict[Channel, str]] = {"depth": "depth@100ms", "trade": "trade", "book_ticker": "bookTicker"}
SNAPSHOT_LEVELS: Final = 5_000  # the venue's maximum a side
MAX_HISTORICAL_TRADES: Final = 1_000  # the venue's maximum a request
NEAR_NAMES: Final = 3


class CcxtVenue:
    """What both adapters share: a client, the venue's rules, and its end."""

    def __init__(self, settings: VenueSettings, credentials: Credentials | None = None) -> None:
        self._settings = settings
        self._client: Any = open_client(settings, credentials)
        self._instruments: dict[str, Instrument] = {}
        self._loading = asyncio.Lock()  # a call's record must be of its own request

    async def instrument(self, symbol: str) -> Instrument:
        """The venue's rules for a symbol.

        Raises:
            InvalidInputError: the venue does not know the symbol; the message names near ones.
            VenueError: the rules could not be fetched.
        """
        if symbol not in self._instruments:
            async with self._loading:
                await rest_call("loading the venue's markets", self._client.load_markets)
            markets: dict[str, Any] = self._client.markets
            if symbol not in markets:
                near = (
                    ", ".join(difflib.get_close_matches(symbol.upper(), markets, n=NEAR_NAMES)) or "none near"
                )
                raise InvalidInputError(
                    f"{self._settings.venue} has no symbol {symbol!r}; did you mean: {near}?"
                )
            self._instruments[symbol] = instrument_of(self._settings.venue, symbol, markets[symbol]["info"])
        return self._instruments[symbol]

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()


class _Link:
    """The life of one market connection."""

    def __init__(self) -> None:
        self.frames = 0
        self.is_subscribed = False


class CcxtMarketData(CcxtVenue):
    """The MarketDataAdapter through ccxt.pro. One connection carries the three channels of a symbol."""

    def __init__(
        self,
        settings: VenueSettings,
        credentials: Credentials | None = None,
        *,
        wall_clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(settings, credentials)
        self._wall_clock_ns = wall_clock_ns

    async def stream(self, symbol: str, sink: FeedSink) -> None:
        """Deliver depth, trades and bookTicker until cancelled; reconnects by itself."""
        instrument = await self.instrument(symbol)

        def on_lost(reason: str) -> None:
            log.warning("market data of %s lost: %s", symbol, reason)
            for channel in CHANNELS:
                sink.on_disconnected(channel, reason)

        await hold_connection(
            lambda: self._session(instrument, sink),
            on_lost,
            backoff_first_ms=self._settings.backoff_first_ms,
            backoff_max_ms=self._settings.backoff_max_ms,
        )

    async def _session(self, instrument: Instrument, sink: FeedSink) -> NoReturn:
        """Subscribe and wait for the end: the tap swallows the data, so only an error ends it."""
        client, link = self._client, _Link()
        key = f"market-data:{instrument.symbol}"
        url = f"{client.get_ws_url('spot', 'public')}/{client.stream('spot', key, len(CHANNELS))}"

        def take(frame: bytes) -> bool:
            link.frames += 1
            return sink.on_frame(frame, TimestampNs(self._wall_clock_ns()))

        def on_acknowledged(*_: object) -> None:
            link.is_subscribed = True
            for channel in CHANNELS:
                sink.on_connected(channel)

        request_id = client.request_id(url)
        stream = instrument.venue_symbol.lower()
        request = {
            "method": "SUBSCRIBE",
            "params": [f"{stream}@{name}" for name in CHANNELS.values()],
            "id": request_id,
        }
        client.frame_takers[url] = take
        subscription = {"id": str(request_id), "method": on_acknowledged}
        try:
            end = client.watch_multiple(url, [key], request, [key], subscription)
            await self._until_lost(end, link)
        finally:
            await client.drop_client(url)

    async def _until_lost(self, end: asyncio.Future[object], link: _Link) -> NoReturn:
        silence_s = self._settings.silence_timeout_ms * NS_PER_MS / NS_PER_S
        while True:
            frames_before = link.frames
            # asyncio.wait leaves `end` alone: awaiting it would turn its cancellation into ours.
            done, _ = await asyncio.wait({end}, timeout=silence_s)
            if done:
                break
            if link.frames == frames_before or not link.is_subscribed:
                raise ConnectionLostError(f"silent for {silence_s:g} s", was_useful=link.is_subscribed)
        error = None if end.cancelled() else end.exception()
        if error is not None:
            refusal = socket_error("subscribing to market data", error)
            if refusal is not None:
                raise refusal
        reason = str(error)[:200] if error else "closed"
        raise ConnectionLostError(reason, was_useful=link.is_subscribed)

    async def depth_snapshot(self, symbol: str) -> bytes:
        """The venue's REST depth reply, numbers in their original text.

        Raises:
            VenueError: it could not be fetched.
        """
        instrument = await self.instrument(symbol)
        params = {"symbol": instrument.venue_symbol, "limit": SNAPSHOT_LEVELS}
        return await rest_call(f"depth of {symbol}", self._client.publicGetDepth, params)

    async def historical_trades(self, symbol: str, first_trade_id: int, limit: int) -> bytes:
        """The venue's REST reply with trades from an id on, numbers in their original text.

        Raises:
            InvalidInputError: the limit is outside 1 to 1000.
            VenueError: it could not be fetched.
        """
        if not 1 <= limit <= MAX_HISTORICAL_TRADES:
            raise InvalidInputError(f"limit {limit} is outside 1 to {MAX_HISTORICAL_TRADES}")
        instrument = await self.instrument(symbol)
        params = {"symbol": instrument.venue_symbol, "fromId": first_trade_id, "limit": limit}
        body = await rest_call(f"trades of {symbol}", self._client.publicGetHistoricalTrades, params)
        if not _is_list(body):
            raise VenueRejectedError(
                f"trades of {symbol}: the venue's answer of {len(body)} bytes is no list"
            )
        return body


def _is_list(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return False
    return True

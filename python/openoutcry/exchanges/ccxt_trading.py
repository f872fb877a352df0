"""Orders and account at a venue through ccxt.pro. Nothing here is ever retried blindly."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import msgspec

from openoutcry.domain.errors import AmbiguousResultError, InvalidInputError, VenueRejectedError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, Atoms, TimestampNs, atoms_from_text
from openoutcry.exchanges.binance_reports import (
    OrderReply,
    TradeReply,
    decode_reply,
    event_of,
    from_execution_report,
    from_order_reply,
    from_trades,
)
from openoutcry.exchanges.ccxt_errors import CODE_NO_SUCH_ORDER, rest_call, socket_error
from openoutcry.exchanges.ccxt_market_data import CcxtVenue
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.order_parameters import order_parameters
from openoutcry.exchanges.reconnecting import ConnectionLostError, hold_connection
from openoutcry.exchanges.venue_settings import VenueSettings
from openoutcry.execution.commands import CancelOrder, OrderReport, SubmitOrder

log = logging.getLogger(__name__)

MAX_TRADES_PER_PAGE: Final = 1_000  # the venue's maximum
MAX_TRADE_PAGES: Final = 100
# Other events of the user stream: balances are asked for, never accumulated.
KNOWN_EVENTS: Final = frozenset(
    {"outboundAccountPosition", "balanceUpdate", "listStatus", "externalLockUpdate"}
)
# ccxt watches the user stream under this name, and ends it under this name too.
USER_STREAM: Final = "spot"


class _Balance(msgspec.Struct, frozen=True):
    asset: str
    free: str
    locked: str


class _Account(msgspec.Struct, frozen=True):
    balances: list[_Balance]


class _ServerTime(msgspec.Struct, frozen=True, rename="camel"):
    server_time: int  # ms


class CcxtTrading(CcxtVenue):
    """The TradingAdapter through ccxt.pro."""

    def __init__(self, settings: VenueSettings, credentials: Credentials) -> None:
        super().__init__(settings, credentials)

    async def submit(self, order: SubmitOrder) -> OrderReport:
        """Place a limit order; the answer is its state. Its trades come by `stream_reports` and `fills`."""
        instrument = await self.instrument(order.symbol)
        params = {**order_parameters(order, instrument), "newOrderRespType": "RESULT"}
        what = f"order {order.client_order_id}"
        return _order(await rest_call(what, self._client.privatePostOrder, params), instrument, what)

    async def cancel(self, order: CancelOrder) -> OrderReport:
        """Withdraw an order."""
        instrument = await self.instrument(order.symbol)
        params = {"symbol": instrument.venue_symbol, "origClientOrderId": order.client_order_id}
        what = f"cancel of {order.client_order_id}"
        return _order(await rest_call(what, self._client.privateDeleteOrder, params), instrument, what)

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """What became of an order; None if the venue does not know it."""
        instrument = await self.instrument(symbol)
        params = {"symbol": instrument.venue_symbol, "origClientOrderId": client_order_id}
        what = f"query of {client_order_id}"
        try:
            body = await rest_call(what, self._client.privateGetOrder, params)
        except VenueRejectedError as refusal:
            if refusal.code == CODE_NO_SUCH_ORDER:
                return None
            raise
        return _order(body, instrument, what)

    async def fills(self, symbol: str, client_order_id: str) -> Sequence[OrderReport]:
        """Every trade of an order, one report each; none if the venue does not know the order."""
        order = await self.query(symbol, client_order_id)
        if order is None:
            return ()
        instrument = await self.instrument(symbol)
        trades = await self._trades(instrument, order.venue_order_id)
        with _exactly(f"trades of {client_order_id}"):
            return from_trades(order, trades, instrument)

    async def _trades(self, instrument: Instrument, venue_order_id: str) -> list[TradeReply]:
        params: dict[str, Any] = {
            "symbol": instrument.venue_symbol,
            "orderId": venue_order_id,
            "limit": MAX_TRADES_PER_PAGE,
        }
        what = f"trades of order {venue_order_id}"
        trades: list[TradeReply] = []
        for _ in range(MAX_TRADE_PAGES):
            body = await rest_call(what, self._client.privateGetMyTrades, params)
            with _exactly(what):
                page: list[TradeReply] = decode_reply(body, list[TradeReply], what)
            trades += page
            if len(page) < MAX_TRADES_PER_PAGE:
                return trades
            params["fromId"] = max(trade.id for trade in page) + 1
        raise AmbiguousResultError(
            f"{what}: more than {MAX_TRADE_PAGES * MAX_TRADES_PER_PAGE}; not all were read"
        )

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Every order that rests at the venue, ours or not."""
        instrument = await self.instrument(symbol)
        what = f"open orders of {symbol}"
        body = await rest_call(what, self._client.privateGetOpenOrders, {"symbol": instrument.venue_symbol})
        with _exactly(what):
            replies: list[OrderReply] = decode_reply(body, list[OrderReply], what)
            return [from_order_reply(reply, instrument) for reply in replies]

    async def balances(self) -> dict[str, Atoms]:
        """Total balance (free and locked) by asset."""
        body = await rest_call("balances", self._client.privateGetAccount, {})
        with _exactly("balances"):
            account: _Account = decode_reply(body, _Account, "balances")
            return {
                entry.asset: Atoms(
                    atoms_from_text(entry.free, what="free balance")
                    + atoms_from_text(entry.locked, what="locked balance")
                )
                for entry in account.balances
            }

    async def server_time_ns(self) -> TimestampNs:
        """The venue's clock."""
        body = await rest_call("venue time", self._client.publicGetTime, {})
        with _exactly("venue time"):
            reply: _ServerTime = decode_reply(body, _ServerTime, "venue time")
        return TimestampNs(reply.server_time * NS_PER_MS)

    async def stream_reports(
        self, symbol: str, sink: Callable[[OrderReport], None], on_gap: Callable[[], None]
    ) -> None:
        """Deliver every raw execution report until cancelled.

        After each (re)connection `on_gap` is called, and after a report that cannot be read: reports may
        have been lost, so open orders must be queried.
        """
        instrument = await self.instrument(symbol)
        await hold_connection(
            lambda: self._session(instrument, sink, on_gap),
            lambda reason: log.warning("user stream of %s lost: %s", symbol, reason),
            backoff_first_ms=self._settings.backoff_first_ms,
            backoff_max_ms=self._settings.backoff_max_ms,
        )

    async def _session(
        self, instrument: Instrument, sink: Callable[[OrderReport], None], on_gap: Callable[[], None]
    ) -> NoReturn:
        client = self._client
        url = client.urls["api"]["ws"]["ws-api"]["spot"]
        client.frame_takers[url] = lambda frame: _take_report(frame, instrument, sink, on_gap)
        is_subscribed = False
        error: BaseException | None
        try:
            async with asyncio.timeout(self._settings.request_timeout_ms * NS_PER_MS / NS_PER_S):
                await client.authenticate({"type": USER_STREAM})
            is_subscribed = True
            on_gap()
            end = client.watch(url, USER_STREAM, None, USER_STREAM)
            await asyncio.wait({end})
            error = None if end.cancelled() else end.exception()
        except Exception as failure:  # noqa: BLE001  sorted below
            # ccxt trips over its own bookkeeping (KeyError) while it handles a refusal.
            error = failure.__context__ if isinstance(failure, KeyError) else failure
        finally:
            await client.drop_client(url)
        refusal = socket_error("subscribing to the user stream", error) if error is not None else None
        if refusal is not None and not is_subscribed:
            raise refusal
        raise ConnectionLostError(str(error)[:200] if error else "closed", was_useful=is_subscribed)


def _take_report(
    frame: bytes, instrument: Instrument, sink: Callable[[OrderReport], None], on_gap: Callable[[], None]
) -> bool:
    event, body = event_of(frame)
    if event != "executionReport":
        return event in KNOWN_EVENTS
    try:
        report = from_execution_report(body, instrument)
    except InvalidInputError as error:
        log.error("an execution report was not understood, open orders must be queried: %s", error)  # noqa: TRY400
        on_gap()
        return True
    if report is not None:
        sink(report)
    return True


def _order(body: bytes, instrument: Instrument, what: str) -> OrderReport:
    with _exactly(what):
        return from_order_reply(decode_reply(body, OrderReply, what), instrument)


@contextmanager
def _exactly(what: str) -> Iterator[None]:
    """A yes that cannot be read proves nothing: it is ambiguous."""
    try:
        yield
    except InvalidInputError as error:
        raise AmbiguousResultError(f"{what}: the venue's answer cannot be read: {error}") from error

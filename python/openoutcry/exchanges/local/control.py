"""The operator's door: start the replay, see how it stands, inject faults. Loopback and a token only."""

import hmac
import ipaddress
from typing import Any, Final

import msgspec
from aiohttp import web

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import atoms_to_text
from openoutcry.exchanges.local.faults import FaultBoard, fault_from
from openoutcry.exchanges.local.market_streams import MarketStreams
from openoutcry.exchanges.local.replay import Replay
from openoutcry.exchanges.local.rest import json_response
from openoutcry.exchanges.local.tape import MarketTape
from openoutcry.exchanges.local.user_streams import UserStreams
from openoutcry.exchanges.local.venue import Venue

TOKEN_HEADER: Final = "X-OpenOutcry-Control"  # noqa: S105  a header's name


class Control:
    """`/control` of the local exchange."""

    def __init__(
        self,
        *,
        token: str,
        replay: Replay,
        venue: Venue,
        tape: MarketTape,
        streams: MarketStreams,
        user_streams: UserStreams,
        faults: FaultBoard,
    ) -> None:
        self._token = token
        self._replay = replay
        self._venue = venue
        self._tape = tape
        self._streams = streams
        self._user_streams = user_streams
        self._faults = faults

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the endpoints in their places."""
        router.add_post("/control/start", self._start)
        router.add_get("/control/status", self._status)
        router.add_post("/control/faults", self._inject)

    def status(self, *, with_lists: bool = True) -> dict[str, object]:
        """How the replay, the clients, the account and the faults stand."""
        source, replay, wire = self._replay.source, self._replay, self._venue.wire
        lists: dict[str, object] = {
            "open_orders": [wire.queried(order) for order in self._venue.open_orders],
            "orders": [wire.queried(order) for order in self._venue.orders.values()],
            "trades": [wire.own_trade(trade) for trade in self._venue.trades],
        }
        return {
            "data_source": source.description,
            "data_kind": source.kind,
            "sha256": source.sha256,
            "symbol": self._venue.instrument.symbol,
            "lines_total": source.lines_total,
            "lines_sent": replay.lines_sent,
            "progress": replay.progress,
            "event_ns": replay.event_ns,
            "running": replay.is_running,
            "finished": replay.is_finished,
            "error": replay.error,
            "market_messages_sent": self._streams.frames_sent,
            "user_events_sent": self._user_streams.events_sent,
            "market_clients": self._streams.connected,
            "user_clients": self._user_streams.connected,
            "slow_clients_cut": self._streams.slow_clients_cut + self._user_streams.slow_clients_cut,
            "faults_injected": self._faults.injected,
            "faults_pending": self._faults.pending,
            "last_book_ticker": self._tape.book_ticker,
            "last_trade_id": self._tape.last_trade_id,
            "orders_total": len(self._venue.orders),
            "open_orders_total": len(self._venue.open_orders),
            "trades_total": len(self._venue.trades),
            "balances": {
                asset: {"free": atoms_to_text(each.free), "locked": atoms_to_text(each.locked)}
                for asset, each in sorted(self._venue.account.balances.items())
            },
            **(lists if with_lists else {}),
        }

    async def _start(self, request: web.Request) -> web.Response:
        self._check(request)
        lines = (await _body(request)).get("lines")
        if lines is not None and (not isinstance(lines, int) or isinstance(lines, bool) or lines < 1):
            raise web.HTTPBadRequest(text=f"lines is {lines!r}; give a positive number, or none for all")
        self._replay.start(lines)
        return json_response(self.status(with_lists=False))

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request)
        return json_response(self.status(with_lists=request.query.get("brief") != "1"))

    async def _inject(self, request: web.Request) -> web.Response:
        self._check(request)
        try:
            self._faults.arm(fault_from(await _body(request)))
        except InvalidInputError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        self._replay.strike()
        return json_response(self.status(with_lists=False))

    def _check(self, request: web.Request) -> None:
        given = request.headers.get(TOKEN_HEADER, "")
        if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104  an unknown peer is refused
            raise web.HTTPForbidden(text="control is for loopback only")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPForbidden(text=f"send the token that was printed at the start as {TOKEN_HEADER}")


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(text=f"the body must be a JSON object: {error}") from None

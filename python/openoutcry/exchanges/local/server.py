"""The local exchange: a Binance spot venue on loopback for unmodified clients."""

import asyncio
import errno
import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import msgspec
from aiohttp import web

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import NS_PER_MS, atoms_from_text
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.local.account import Account
from openoutcry.exchanges.local.control import Control
from openoutcry.exchanges.local.faults import FaultBoard
from openoutcry.exchanges.local.market_streams import MarketStreams
from openoutcry.exchanges.local.replay import Replay
from openoutcry.exchanges.local.rest import RestApi, refusals_as_json
from openoutcry.exchanges.local.settings import LocalExchangeSettings
from openoutcry.exchanges.local.signing import Gate, generated_credentials
from openoutcry.exchanges.local.tape import MarketTape
from openoutcry.exchanges.local.trading_requests import TradingRequests
from openoutcry.exchanges.local.urls import LocalUrls
from openoutcry.exchanges.local.user_streams import UserStreams
from openoutcry.exchanges.local.venue import Venue
from openoutcry.exchanges.local.ws_api import WebSocketApi
from openoutcry.exchanges.market_source import resolve_source

API_KEY_VARIABLE: Final = "OPENOUTCRY_EXCHANGE_API_KEY"
SECRET_VARIABLE: Final = "OPENOUTCRY_EXCHANGE_SECRET"  # noqa: S105  a variable's name
SHUTDOWN_TIMEOUT_S: Final = 1.0


def wall_clock_ms() -> int:
    """The venue's clock: the wall clock's, in ms."""
    return time.time_ns() // NS_PER_MS


class LocalExchange:
    """A venue on loopback: `async with LocalExchange(settings) as exchange`.

    It begins paused; `replay.start()` (or POST /control/start) lets the market run. Without credentials a key
    pair is made up for the run.

    Raises:
        MissingDataError, InvalidInputError: the market cannot be found or read.
        ConfigurationError: the port is in use.
    """

    def __init__(self, settings: LocalExchangeSettings, credentials: Credentials | None = None) -> None:
        self.settings = settings
        self.credentials = credentials or generated_credentials()
        self.control_token = secrets.token_urlsafe(24)
        self.urls = LocalUrls("", "", "")
        self.source = resolve_source(
            settings.symbol,
            path=settings.data,
            synthetic=settings.synthetic,
            seed=settings.seed,
            duration_s=settings.duration_s,
        )
        instrument = self.source.instrument
        account = Account(
            {
                asset: atoms_from_text(text, what=f"balance of {asset}")
                for asset, text in settings.balances.items()
            },
            maker_fee_millionths=settings.maker_fee_millionths,
            taker_fee_millionths=settings.taker_fee_millionths,
        )
        self.faults = FaultBoard(settings.faults, self.source.lines_total)
        self.user_streams = UserStreams(self.faults)
        self.venue = Venue(instrument, account, self.user_streams.publish)
        self.tape = MarketTape(instrument)
        self.streams = MarketStreams(instrument.venue_symbol)
        self.replay = Replay(
            self.source,
            venue=self.venue,
            tape=self.tape,
            streams=self.streams,
            user_streams=self.user_streams,
            faults=self.faults,
            now_ms=wall_clock_ms,
            speed=settings.speed,
        )
        self.control = Control(
            token=self.control_token,
            replay=self.replay,
            venue=self.venue,
            tape=self.tape,
            streams=self.streams,
            user_streams=self.user_streams,
            faults=self.faults,
        )
        self._runner: web.AppRunner | None = None
        self._replaying: asyncio.Task[None] | None = None

    @property
    def rest_url(self) -> str:
        """Root of the REST API, once it listens."""
        return self.urls.rest_url

    @property
    def stream_url(self) -> str:
        """The market streams, once it listens."""
        return self.urls.stream_url

    @property
    def ws_api_url(self) -> str:
        """The WebSocket API, once it listens."""
        return self.urls.ws_api_url

    async def start(self) -> None:
        """Listen, with the book joined up to the recording's snapshot and the market paused."""
        self.replay.prime()
        self._runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S
        )
        await self._runner.setup()
        host, port = self.settings.host, self.settings.port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise ConfigurationError(
                    f"port {port} on {host} is in use; give another, or 0 for a free one"
                ) from None
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({error}); give another port"
            ) from error
        self.urls = LocalUrls.at(f"[{host}]" if ":" in host else host, self._runner.addresses[0][1])
        self._replaying = asyncio.create_task(self.replay.run())
        if self.settings.is_started:
            self.replay.start()

    async def stop(self) -> None:
        """Cut every client off and stop listening."""
        if self._replaying is not None:
            self._replaying.cancel()
            with suppress(asyncio.CancelledError):
                await self._replaying
        self.streams.cut_all()
        self.user_streams.cut_all()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def ready_line(self) -> dict[str, object]:
        """What a parent process needs to know; no secret but the control token, which is for it."""
        return {
            "event": "ready",
            "rest_url": self.rest_url,
            "stream_url": self.stream_url,
            "ws_api_url": self.ws_api_url,
            "control_url": f"{self.rest_url}/control",
            "control_token": self.control_token,
            "symbol": self.source.instrument.symbol,
            "data_source": self.source.description,
            "data_kind": self.source.kind,
            "sha256": self.source.sha256,
            "lines_total": self.source.lines_total,
        }

    def _application(self) -> web.Application:
        gate = Gate(self.credentials)
        trading = TradingRequests(self.venue, self.faults, wall_clock_ms)
        application = web.Application(middlewares=[refusals_as_json])
        router = application.router
        RestApi(self.venue, self.tape, trading, gate, wall_clock_ms).add_routes(router)
        self.control.add_routes(router)
        router.add_get("/ws-api/v3", WebSocketApi(trading, self.user_streams, gate, wall_clock_ms).handle)
        for path in ("/stream", "/ws", "/ws/{streams:.+}", "/stream/ws", "/stream/ws/{streams:.+}"):
            router.add_get(path, self.streams.handle)
        return application


def credentials_from_environment() -> Credentials | None:
    """The key pair a parent process or the user gave, or None if neither variable is set.

    Raises:
        ConfigurationError: only one of the two is set.
    """
    api_key, secret = os.environ.get(API_KEY_VARIABLE, ""), os.environ.get(SECRET_VARIABLE, "")
    if bool(api_key) != bool(secret):
        raise ConfigurationError(f"set both {API_KEY_VARIABLE} and {SECRET_VARIABLE}, or neither")
    return Credentials(api_key, secret) if api_key else None


async def serve(settings: LocalExchangeSettings, credentials: Credentials | None = None) -> None:
    """Serve until SIGTERM or SIGINT. One JSON line on stdout says that the exchange is ready, and where."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with LocalExchange(settings, credentials) as exchange:
        line = exchange.ready_line() | {"trading": _trading_hint(given=credentials is not None)}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()
        await stopped.wait()


def run_exchange(settings: LocalExchangeSettings) -> None:
    """Run `openoutcry exchange` until SIGTERM or SIGINT; keys from the environment. As LocalExchange."""
    asyncio.run(serve(settings, credentials_from_environment()))


def _trading_hint(*, given: bool) -> str:
    if given:
        return f"with the key in {API_KEY_VARIABLE}"
    return (
        f"market data only; to trade, set {API_KEY_VARIABLE} and {SECRET_VARIABLE} to a pair of your choice"
    )

import asyncio
from contextlib import asynccontextmanager

import pytest

from openoutcry.exchanges.local.server import LocalExchange
from openoutcry.exchanges.local.settings import LocalExchangeSettings
from openoutcry.exchanges.local.urls import CCXT_OPTIONS, ccxt_urls

PATIENCE_S = 30


@pytest.fixture
def settings():
    """Settings of a short synthetic market, with changes."""

    def make(**changes):
        usual = {
            "port": 0,
            "synthetic": True,
            "seed": 7,
            "duration_s": 20,
            "speed": 0,
            "balances": {"USDT": "100000", "BTC": "2"},
        }
        if not changes.get("synthetic", True):
            usual["duration_s"] = None  # recordings are played whole
        return LocalExchangeSettings(**(usual | changes))

    return make


@pytest.fixture
def opened(settings):
    """An exchange and an unmodified ccxt.pro client of it, markets loaded."""

    @asynccontextmanager
    async def open_both(*, client_settings=None, **changes):
        async with LocalExchange(settings(**changes)) as exchange:
            client = ccxt_client(exchange, client_settings)
            try:
                await client.load_markets()
                yield exchange, client
            finally:
                await client.close()

    return open_both


def ccxt_client(exchange, changes=None):
    import ccxt.pro  # noqa: PLC0415  takes seconds: only tests that need it pay

    keys = exchange.credentials
    usual = {
        "apiKey": keys.api_key.reveal(),
        "secret": keys.secret.reveal(),
        "urls": ccxt_urls(exchange),
        "options": CCXT_OPTIONS,
    }
    return ccxt.pro.binance(usual | (changes or {}))


@pytest.fixture
def client_of():
    return ccxt_client


@pytest.fixture
def until():
    """Let the event loop run until a condition holds."""

    async def wait(condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  conditions of foreign objects
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture
def played():
    """Replay to the end, or for so many lines."""

    async def play(exchange, lines=None):
        exchange.replay.start(lines)
        async with asyncio.timeout(PATIENCE_S):
            await exchange.replay.wait_idle()
        assert exchange.replay.error is None

    return play

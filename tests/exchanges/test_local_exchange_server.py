import asyncio
import json
import os
import signal
import subprocess
import sys

import aiohttp
import pytest

from openoutcry.domain.errors import ConfigurationError, InvalidInputError, MissingDataError
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.local import server
from openoutcry.exchanges.local.control import TOKEN_HEADER
from openoutcry.exchanges.local.server import LocalExchange, credentials_from_environment
from openoutcry.exchanges.market_source import SyntheticSource, spot_instrument

PROGRAM = """
from openoutcry.exchanges.local.server import run_exchange
from openoutcry.exchanges.local.settings import LocalExchangeSettings
run_exchange(LocalExchangeSettings(port=0, synthetic=True, duration_s=2))
"""


def test_the_exchange_waits_for_its_start_and_tells_how_it_stands(settings, played):
    async def scenario():
        async with (
            LocalExchange(settings()) as exchange,
            aiohttp.ClientSession(headers={TOKEN_HEADER: exchange.control_token}) as session,
        ):
            control = f"{exchange.rest_url}/control"

            async def status(query=""):
                async with session.get(f"{control}/status{query}") as response:
                    return await response.json()

            before = await status()
            assert (before["finished"], before["running"], before["error"]) == (False, False, None)
            assert before["lines_sent"] == exchange.replay.lines_sent < 10
            assert before["data_kind"] == "synthetic"
            assert "no real prices" in before["data_source"]
            async with session.post(f"{control}/start", json={"lines": 100}) as response:
                assert response.status == 200
            await exchange.replay.wait_idle()
            paused = await status("?brief=1")
            assert paused["lines_sent"] == before["lines_sent"] + 100
            assert "orders" not in paused
            async with session.post(f"{control}/start") as response:
                assert response.status == 200
            await exchange.replay.wait_idle()
            done = await status()
            assert (done["progress"], done["finished"]) == (1, True)
            assert done["lines_sent"] == done["lines_total"] == exchange.source.lines_total
            assert done["last_book_ticker"]["s"] == "BTCUSDT"
            assert done["sha256"] == exchange.source.sha256
            assert done["balances"]["USDT"] == {"free": "100000.00000000", "locked": "0.00000000"}
            assert (done["orders"], done["trades"], done["open_orders"]) == ([], [], [])
            await played(exchange)  # a start after the end does nothing

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("start", b'{"lines": 0}', 400, "positive number"),
        ("start", b'{"lines": true}', 400, "positive number"),
        ("start", b"[]", 400, "JSON object"),
        ("faults", b'{"kind": "dorp"}', 400, "the kinds are"),
        ("faults", b"{}", 400, "the kinds are"),
        ("faults", b'{"kind":', 400, "JSON object"),
    ],
)
def test_control_refuses_what_it_does_not_understand(settings, path, body, status, says):
    async def scenario():
        async with (
            LocalExchange(settings()) as exchange,
            aiohttp.ClientSession(headers={TOKEN_HEADER: exchange.control_token}) as session,
            session.post(f"{exchange.rest_url}/control/{path}", data=body) as response,
        ):
            assert response.status == status
            assert says in await response.text()
            assert not exchange.replay.is_running
            assert exchange.faults.pending == []

    asyncio.run(scenario())


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_control_wants_its_token(settings, token):
    async def scenario():
        headers = {} if token is None else {TOKEN_HEADER: token}
        async with LocalExchange(settings()) as exchange, aiohttp.ClientSession(headers=headers) as session:
            for method, path in [("POST", "start"), ("GET", "status"), ("POST", "faults")]:
                async with session.request(method, f"{exchange.rest_url}/control/{path}") as response:
                    assert response.status == 403
            assert not exchange.replay.is_running

    asyncio.run(scenario())


def test_a_port_in_use_is_said_with_a_remedy(settings):
    async def scenario():
        async with LocalExchange(settings()) as exchange:
            port = int(exchange.rest_url.rpartition(":")[2])
            with pytest.raises(ConfigurationError, match=f"port {port} .* is in use; give another, or 0"):
                await LocalExchange(settings(port=port)).start()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"host": "0.0.0.0"}, ConfigurationError, "loopback only"),
        ({"host": "example.org"}, ConfigurationError, "loopback only"),
        ({"port": 70_000}, ConfigurationError, "port 70000"),
        ({"speed": -1}, ConfigurationError, "speed"),
        ({"speed": float("nan")}, ConfigurationError, "speed"),
        ({"symbol": "DOGE/EUR"}, InvalidInputError, "BTC/USDT"),
        ({"balances": {"USDT": "-1"}}, InvalidInputError, "cannot be negative"),
        ({"balances": {"USDT": "plenty"}}, InvalidInputError, "not a number"),
        ({"taker_fee_millionths": 10**6}, InvalidInputError, "fee"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, changes, error, says):
    with pytest.raises(error, match=says):
        LocalExchange(settings(**changes))


def write_market(path, *, cut_line=None, without_snapshot=False):
    source = SyntheticSource(spot_instrument("BTC/USDT"), seed=1, seconds=3)
    lines = [line for batch in source.batches() for line in batch]
    if without_snapshot:
        lines = [line for line in lines if b"lastUpdateId" not in line]
    if cut_line is not None:
        lines[cut_line] = lines[cut_line][:60]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_a_recording_without_a_snapshot_is_refused(tmp_path, settings):
    write_market(tmp_path / "x.raw", without_snapshot=True)

    async def scenario():
        with pytest.raises(MissingDataError, match="no depth snapshot"):
            await LocalExchange(settings(synthetic=False, data=tmp_path)).start()

    asyncio.run(scenario())


def test_a_malformed_line_ends_the_replay_and_is_named_and_the_venue_stays(tmp_path, settings):
    write_market(tmp_path / "x.raw", cut_line=200)

    async def scenario():
        async with LocalExchange(settings(synthetic=False, data=tmp_path)) as exchange:
            exchange.replay.start()
            await exchange.replay.wait_idle()
            assert "line 201 of" in exchange.replay.error
            assert exchange.replay.lines_sent == 200
            assert not exchange.replay.is_finished
            assert exchange.control.status()["error"] == exchange.replay.error
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{exchange.rest_url}/api/v3/ping") as response,
            ):
                assert response.status == 200

    asyncio.run(scenario())


def test_keys_come_from_the_environment_whole_or_not_at_all(monkeypatch):
    monkeypatch.delenv(server.API_KEY_VARIABLE, raising=False)
    monkeypatch.delenv(server.SECRET_VARIABLE, raising=False)
    assert credentials_from_environment() is None
    monkeypatch.setenv(server.API_KEY_VARIABLE, "key")
    with pytest.raises(ConfigurationError, match="set both"):
        credentials_from_environment()
    monkeypatch.setenv(server.SECRET_VARIABLE, "hush")
    assert credentials_from_environment().secret.reveal() == "hush"


def test_secrets_are_in_no_repr_and_no_status(settings):
    async def scenario():
        async with LocalExchange(settings(), Credentials("the-key", "the-secret")) as exchange:
            texts = [
                repr(exchange),
                repr(vars(exchange)),
                str(exchange.ready_line()),
                str(exchange.control.status()),
            ]
            assert not any("the-secret" in text or "the-key" in text for text in texts)

    asyncio.run(scenario())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_is_keeps_its_secret_and_ends_when_told(end):
    environment = os.environ | {server.API_KEY_VARIABLE: "the-key", server.SECRET_VARIABLE: "the-secret"}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        line = process.stdout.readline()
        ready = json.loads(line)
        assert ready["event"] == "ready"
        assert ready["rest_url"].startswith("http://127.0.0.1:")
        assert ready["control_token"]
        process.send_signal(end)
        rest, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "the-secret" not in line + rest + errors
        assert errors == ""

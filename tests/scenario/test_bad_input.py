"""What a user can get wrong, end to end: an error naming cause and remedy, and a nonzero exit code."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KEY, SECRET = "k" * 20 + "-known-key", "s" * 20 + "-known-secret"


def cli(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "openoutcry.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | environment,
    )


def error_of(done):
    """The message and exit code, which must agree with what the JSON says."""
    error = json.loads(done.stderr.strip().splitlines()[-1])["error"]
    assert error["exit_code"] == done.returncode != 0
    assert "Traceback" not in done.stderr
    return error["message"], done.returncode


@pytest.fixture(scope="module")
def venue():
    """A local exchange with a known key, its market running."""
    command = [
        sys.executable,
        "-m",
        "openoutcry.cli",
        "exchange",
        "--port",
        "0",
        "--synthetic",
        "--duration",
        "3600",
    ]
    keys = {"OPENOUTCRY_EXCHANGE_API_KEY": KEY, "OPENOUTCRY_EXCHANGE_SECRET": SECRET}
    with subprocess.Popen(
        [*command, "--speed", "5", "--start"], stdout=subprocess.PIPE, text=True, env=os.environ | keys
    ) as process:
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)


@pytest.fixture
def config(venue, tmp_path):
    """Paper settings for that exchange, with more lines below."""

    def write(*lines):
        urls = [f'{name} = "{venue[name]}"' for name in ("rest_url", "stream_url", "ws_api_url")]
        path = tmp_path / "paper.toml"
        path.write_text("\n".join([*lines, "[venue]", *urls, "limit_request_rate = false"]))
        return str(path)

    return write


def test_a_typo_in_the_settings(config, tmp_path):
    path = config("[strategie]", 'name = "momentum"')
    message, code = error_of(cli("run", "--paper", "--json", "--config", path, "--state-dir", str(tmp_path)))
    assert code == 3
    assert "strategie" in message
    assert "strategy" in message
    assert path in message


def test_an_unknown_symbol(config, tmp_path):
    path = config('symbols = ["BTC/USDC"]')
    message, code = error_of(cli("run", "--paper", "--json", "--config", path, "--state-dir", str(tmp_path)))
    assert code == 2
    assert "BTC/USDC" in message
    assert "BTC/USDT" in message


def test_a_wrong_key(config, tmp_path):
    wrong = {"OPENOUTCRY_BINANCE_API_KEY": "wrong-key", "OPENOUTCRY_BINANCE_SECRET": "wrong-secret"}
    done = cli("run", "--paper", "--json", "--config", config(), "--state-dir", str(tmp_path), **wrong)
    message, _ = error_of(done)
    assert "key" in message
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"wrong-secret" not in path.read_bytes(), path


def test_no_key(config, tmp_path):
    empty = {"OPENOUTCRY_BINANCE_API_KEY": "", "OPENOUTCRY_BINANCE_SECRET": ""}
    done = cli("run", "--paper", "--json", "--config", config(), "--state-dir", str(tmp_path), **empty)
    message, _ = error_of(done)
    assert "OPENOUTCRY_BINANCE_API_KEY" in message


def test_a_key_is_left_in_no_file(config, tmp_path):
    """A whole run with a known key: log, journals, record and report hold neither the key nor its secret."""
    command = [sys.executable, "-m", "openoutcry.cli", "run", "--paper", "--headless"]
    keys = {"OPENOUTCRY_BINANCE_API_KEY": KEY, "OPENOUTCRY_BINANCE_SECRET": SECRET}
    with subprocess.Popen(
        [*command, "--config", config("[monitoring]", 'log_level = "debug"'), "--state-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | keys,
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if "candles" in line and "candles 0" not in line:
                process.send_signal(signal.SIGTERM)
                break
        said += process.stdout.read()
    assert process.returncode == 0, said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"orders.sqlite", "decisions.sqlite", "log.jsonl", "run.json"} <= {path.name for path in files}
    for content in [said.encode(), *(path.read_bytes() for path in files)]:
        assert KEY.encode() not in content
        assert SECRET.encode() not in content


def test_a_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        message, code = error_of(cli("exchange", "--json", "--synthetic", "--duration", "1", "--port", port))
    assert code == 3
    assert port in message
    assert "0 for a free one" in message


def trade(price, size):
    return b"".join(
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"',
            price,
            b'","q":"',
            size,
            b'","T":1,"m":true}}',
        )
    )


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (trade(b"61800.00", b"1.0")[:90], "line 3"),
        (trade(b"NaN", b"1.0"), "NaN"),
        (trade(b"61800.00", b"-1.0"), "-1"),
        (trade(b"61800.001", b"1.0"), "61800.001"),
    ],
    ids=["truncated frame", "NaN", "negative size", "price off the tick"],
)
def test_a_broken_recording(tmp_path, broken, named):
    depth = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}'
    lines = (
        b'{"stream":"btcusdt@depth@100ms","data":' + depth + b"}",
        b'{"lastUpdateId":2,"bids":[["61800.00","1.0"]],"asks":[["61800.01","1.0"]]}',
        broken,
    )
    file = tmp_path / "spot_btcusdt_20240808.raw"
    file.write_bytes(b"".join(b"17231612%02d000000000 %b\n" % numbered for numbered in enumerate(lines)))
    checked = cli("data", "check", str(file), "--json")
    assert checked.returncode != 0
    assert f"{file.name}:3" in checked.stdout
    message, _ = error_of(cli("demo", "--json", "--data", str(file), "--state-dir", str(tmp_path / "state")))
    assert named in message

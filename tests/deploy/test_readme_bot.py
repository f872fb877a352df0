"""The README's bot, as it is printed there, against the local exchange."""

import json
import os
import re
import subprocess
import sys

import pytest

KEYS = {"OPENOUTCRY_EXCHANGE_API_KEY": "mine", "OPENOUTCRY_EXCHANGE_SECRET": "mine-too"}
BOT_TIMEOUT_S = 90


@pytest.fixture
def exchange():
    command = [sys.executable, "-m", "openoutcry.cli", "exchange", "--start", "--synthetic", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **KEYS}, text=True)
    with process:
        yield json.loads(process.stdout.readline())
        process.terminate()


def test_the_bot_of_the_readme_trades_on_the_local_exchange(root, exchange, tmp_path):
    source = re.search(r"<!-- bot -->\n```py\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1]
    assert source.count("48090") == 1
    bot = tmp_path / "bot.py"
    bot.write_text(source.replace("48090", exchange["rest_url"].rpartition(":")[2]))
    result = subprocess.run(
        [sys.executable, bot], capture_output=True, text=True, timeout=BOT_TIMEOUT_S, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "'status': 'FILLED'" in result.stdout
    assert "'symbol': 'BTC/USDT'" in result.stdout

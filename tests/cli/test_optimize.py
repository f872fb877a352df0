import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from tests.backtesting.optimise.markets import walk_of

from openoutcry.backtesting.run_store import RunStore
from openoutcry.cli.entry import run

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def candles(tmp_path_factory):
    """A file of made-up candles, as `load_candles` reads them."""
    series = walk_of(11)
    columns = {
        "ts": series.open_ns // 1_000_000,
        "open": series.open_ticks,
        "high": series.high_ticks,
        "low": series.low_ticks,
        "close": series.close_ticks,
        "volume": series.volume_lots,
    }
    path = tmp_path_factory.mktemp("candles") / "walk.parquet"
    facts = {"venue": "binance-um", "symbol": "BTCUSDT", "interval": "1h"}
    scales = {"price_scale": "1", "volume_scale": "3"}
    pl.DataFrame(columns).write_parquet(path, metadata={**facts, **scales})
    return path


IDEA = '''\
from openoutcry.strategies.strategy import Candles, Strategy


class MyIdea(Strategy, frozen=True):
    """Long above the mean."""

    warmup: Candles = 50
    is_bold: bool = True

    def observe(self, market):
        return self.hold(float(market.close[-1] > market.close.mean()), "the mean")
'''


def searched(candles, state, *arguments):
    ranges = ("--param", "fast=3:30", "--param", "warmup=20:200")
    usual = ("--data", str(candles), "--state-dir", str(state), "--jobs", "1", *ranges)
    return run(["optimize", "sma_cross", *usual, *arguments])


def test_out_of_sample_stands_first_and_the_command_goes_on(candles, tmp_path, capsys):
    assert searched(candles, tmp_path, "--trials", "12", "--walk-forward", "--windows", "3") == 0
    output = capsys.readouterr().out
    assert output.index("out of sample") < output.index("degradation") < output.index("best now")
    assert "PBO" in output
    assert "openoutcry backtest sma-cross --data" in output
    assert searched(candles, tmp_path, "--trials", "12", "--walk-forward", "--windows", "3") == 0
    assert capsys.readouterr().out == output


def test_json_says_the_same(candles, tmp_path, capsys):
    assert (
        searched(candles, tmp_path, "--trials", "11", "--seed", "3", "--objective", "calmar", "--json") == 0
    )
    found = json.loads(capsys.readouterr().out)
    (window,) = found["windows"]
    assert found["best"] == window["parameters"]
    assert found["trials"] == 11
    assert found["tried"] <= 11
    assert found["out_of_sample"]["total_return"] == pytest.approx(window["net_return"])
    assert found["verdict"]["level"] in {"good", "doubtful", "bad"}
    assert 0 <= found["selection"]["deflated"] <= 1
    train, test = window["train_ns"], window["test_ns"]
    assert train[0] < train[1] < test[0] < test[1]


@pytest.mark.parametrize(
    "case",
    [
        (("--windows", "3"), 2, "give both"),
        (("--param", "fats=1:2"), 2, "did you mean 'fast'"),
        (("--walk-forward", "--windows", "99"), 2, "take a longer history"),
        (("--config", "nowhere.toml"), 3, "nowhere.toml"),
    ],
)
def test_wrong_usage_says_what_to_do(candles, tmp_path, capsys, case):
    arguments, code, words = case
    assert searched(candles, tmp_path, *arguments) == code
    assert words in capsys.readouterr().err


def test_a_folder_of_candles_is_searched_and_market_events_are_refused_unread(candles, tmp_path, capsys):
    state = tmp_path / "state"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one.parquet").write_bytes(candles.read_bytes())
    assert searched(folder, state, "--trials", "1", "--json") == 0
    of_folder = json.loads(capsys.readouterr().out)
    assert searched(candles, state, "--trials", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["best"] == of_folder["best"]
    other = pl.read_parquet(candles)
    other.write_parquet(
        folder / "two.parquet", metadata={**pl.read_parquet_metadata(candles), "symbol": "ETHUSDT"}
    )
    assert searched(folder, state, "--trials", "1") == 2
    assert "choose with --symbol" in capsys.readouterr().err
    assert searched(folder, state, "--trials", "1", "--symbol", "BTCUSDT", "--json") == 0
    assert f"--data {folder / 'one.parquet'}" in json.loads(capsys.readouterr().out)["command"]
    events = tmp_path / "GOOG_2012-06-21_34200000_57600000_message_1.csv"
    events.write_text("not read at all")
    assert searched(events, state, "--trials", "1") == 2
    assert "holds market events of GOOG/USD, and candles alone are taken here" in capsys.readouterr().err


def test_missing_data_and_unknown_strategies_are_named(candles, tmp_path, capsys):
    assert searched(tmp_path / "none.parquet", tmp_path) == 4
    assert "none.parquet" in capsys.readouterr().err
    assert run(["optimize", "smacross", "--data", str(candles), "--state-dir", str(tmp_path)]) == 2
    assert "did you mean 'sma-cross'" in capsys.readouterr().err


@pytest.mark.data
def test_a_search_on_recorded_candles_holds_in_the_deciders(tmp_path, capsys):
    path = SHARED_DATA / "candles" / "binance-um_BTCUSDT_5m_20230101_20240514.parquet"
    if not path.is_file():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    ranges = ("--param", "fast=20:100", "--param", "warmup=200:1500")
    usual = ("--data", str(path), "--state-dir", str(tmp_path), "--jobs", "2", "--trials", "20", "--json")
    assert run(["optimize", "sma_cross", *usual, "--walk-forward", *ranges]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["windows"]) == 5
    for window in found["windows"]:
        # The deciders make out of sample what the search's quick account makes.
        assert window["net_return"] == pytest.approx(window["search_return"], abs=0.005)
    assert found["out_of_sample"]["trades"] > 30


def test_a_combination_is_searched_by_the_parameters_that_it_is_made_with(candles, tmp_path, capsys):
    usual = ("--data", str(candles), "--state-dir", str(tmp_path), "--jobs", "1", "--trials", "3", "--json")
    members = "members=sma-cross(fast=3, warmup=30) + rsi-reversion"
    ranges = ("--param", members, "--param", "judged=20:60", "--param", "weighting=performance,volatility")
    assert run(["optimize", "combination", *usual, *ranges]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["strategy"] == "combination"
    assert 20 <= found["best"]["judged"] <= 60
    assert found["best"]["weighting"] in {"performance", "volatility"}


def test_the_closing_command_backtests_what_was_found_on_what_it_was_found_on(candles, tmp_path, capsys):
    strategy = tmp_path / "my idea.py"
    strategy.write_text(IDEA)
    times = walk_of(11).close_ns[::8] // 1_000_000
    funding = tmp_path / "funding.parquet"
    pl.DataFrame({"ts": times, "funding_rate": [0.0003] * len(times)}).write_parquet(funding)
    config = tmp_path / "my settings.toml"
    config.write_text('mode = "backtest"\n[strategy.intents]\nno_trade_band = 0.2\n')
    usual = ("--data", str(candles), "--state-dir", str(tmp_path), "--jobs", "1", "--trials", "3")
    span = ("--from", "2023-11-20", "--to", "2024-02-20T12:00")
    costs = ("--funding", str(funding), "--cash", "5000", "--fee-bps", "7.5/-1", "--half-spread-bps", "2")
    asked = (
        "--config",
        str(config),
        "--seed",
        "4",
        "--walk-forward",
        "--windows",
        "3",
        *span,
        *costs,
        *usual,
    )
    assert run(["optimize", str(strategy), *asked]) == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert run(["optimize", str(strategy), *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert shlex.split(found["command"]) == command
    assert command[0] == "openoutcry"
    assert run([*command[1:], "--state-dir", str(tmp_path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    with RunStore(tmp_path) as runs:
        searched, repeated = runs.load(found["run_id"]), runs.load(again["run_id"])
    assert repeated.parameters == found["best"]
    assert repeated.datasets == searched.datasets
    assert repeated.opening_atoms == searched.opening_atoms
    assert repeated.funding_atoms != 0
    assert repeated.seed == searched.seed
    before, after = ({**each.settings, "strategy": None} for each in (searched, repeated))
    assert before == after
    assert run(["report", found["run_id"], "--state-dir", str(tmp_path), "--json"]) == 0
    page = Path(json.loads(capsys.readouterr().out)["report_path"]).read_text()
    for window in found["windows"]:
        told = f"{window['parameters']['warmup']}, is_bold {str(window['parameters']['is_bold']).lower()}"
        assert f": warmup {told}" in page
    assert "{&#x27;" not in page


ENDLESS = '''\
import os
import threading

from openoutcry.strategies.strategy import Candles, Strategy


class Endless(Strategy, frozen=True):
    """Holds nothing, and thinks for ever about every warm-up but its usual one."""

    warmup: Candles = 50

    def observe(self, market):
        if self.warmup != 50:
            os.write(2, b"for ever\\n")
            threading.Event().wait()
        return self.hold(0.0, "nothing")
'''


def test_ctrl_c_ends_a_search_in_the_midst_of_its_trials_and_says_that_it_goes_on(candles, tmp_path):
    strategy = tmp_path / "endless.py"
    strategy.write_text(ENDLESS)
    usual = ("--data", candles, "--state-dir", tmp_path, "--jobs", "2", "--trials", "20")
    command = [
        sys.executable,
        "-m",
        "openoutcry.cli",
        "optimize",
        strategy,
        *usual,
        "--param",
        "warmup=20:90",
    ]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as search:
        first = search.stderr.readline()
        assert first == "for ever\n"
        os.killpg(search.pid, signal.SIGINT)  # as a terminal does: the workers get it as well
        given_up = threading.Timer(60, os.killpg, (search.pid, signal.SIGKILL))
        given_up.start()
        errors = search.stderr.read()
        given_up.cancel()
    assert search.returncode == 130, errors
    told = [line for line in errors.splitlines() if line != "for ever"]
    with sqlite3.connect(tmp_path / "backtests/studies.sqlite") as connection:
        (known,) = connection.execute("SELECT count(*) FROM trials").fetchone()
        (study,) = connection.execute("SELECT study FROM trials LIMIT 1").fetchone() if known else (None,)
    assert len(told) == 1, errors
    assert f"is kept with {known} of 20 trials; run the same command again" in told[0]
    assert study is None or f"study {study} " in told[0]

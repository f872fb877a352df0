import subprocess
import sys

import numpy as np
import polars as pl
import pytest

PEEK = """
import numpy as np
from openoutcry.strategies.strategy import Candles, Strategy


class Peek(Strategy, frozen=True):
    warmup: Candles = 1

    def observe(self, market):
        return self.hold(0.0, "asked")

    def exposures(self, candles):
        return np.append(np.diff(candles.close) > 0, 0.0)
"""


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    """What is loaded from a folder is looked for there: a process of its own forgets it, a test has to."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def peek(tmp_path):
    path = tmp_path / "peek.py"
    path.write_text(PEEK)
    return path


@pytest.fixture
def candles(tmp_path):
    closes = 40_000 + np.arange(301) * 3
    times = 1_704_067_200_000 + np.arange(300, dtype=np.int64) * 60_000
    frame = pl.DataFrame(
        {
            "ts": times,
            "open": closes[:-1],
            "high": closes[1:] + 2,
            "low": closes[:-1] - 2,
            "close": closes[1:],
            "volume": np.full(300, 90_000, np.int64),
        }
    )
    facts = {
        "venue": "binance-um",
        "symbol": "BTCUSDT",
        "interval": "1m",
        "price_scale": "1",
        "volume_scale": "3",
    }
    frame.write_parquet(tmp_path / "candles.parquet", metadata=facts)
    return tmp_path / "candles.parquet"


def test_a_clean_strategy_is_in_order(oo):
    called = oo("check", "sma_cross", "--param", "warmup=30")
    assert called.code == 0
    assert called.out.startswith("strategy sma-cross: in order\n  asked about ")


def test_a_peek_ends_with_1_its_row_and_the_remedy(oo, peek):
    called = oo("check", peek, "--json")
    assert (called.code, called.result["ok"]) == (1, False)
    bias = called.result["report"]["biases"][0]
    assert bias["kind"] == "lookahead"
    shown = oo("check", peek).out
    assert "strategy peek: BIASED" in shown
    assert f"lookahead at candle {bias['row']} (2024-01-01" in shown
    assert "remedy: use nothing later than the row" in shown


def test_a_strategy_that_fails_is_told_with_its_candle_and_line_and_not_as_biased(oo, peek, candles):
    peek.write_text(PEEK.replace('return self.hold(0.0, "asked")', "return self.hold(5.0, 'asked')"))
    called = oo("check", peek, "--data", candles)
    assert called.code == 1
    assert "strategy peek: FAILS" in called.out
    assert "BIASED" not in called.out
    assert "failure at candle 0 (2024-01-01 00:01:00.000 UTC): it failed: InvalidInputError" in called.out
    assert f"({peek}, line 10)" in called.out
    assert oo("check", peek, "--json").result["verdict"] == "FAILS"


def test_candles_of_a_file_are_what_is_checked_on(oo, peek, candles):
    called = oo("check", peek, "--data", candles, "--json")
    assert (called.code, called.result["report"]["rows"]) == (1, 300)
    assert called.result["report"]["biases"][0]["row"] == 0  # it rises from the first candle on


def test_a_folder_is_checked_on_and_a_file_without_a_symbol_is_given_one(oo, peek, candles):
    of_file = oo("check", peek, "--data", candles, "--json").result
    folder = candles.parent / "folder"
    folder.mkdir()
    candles.rename(folder / "candles.parquet")
    assert oo("check", peek, "--data", folder, "--json").result == of_file
    rows = "".join(f"{1_700_000_040 + 60 * row},10,12,9,{10 + row % 2},1\n" for row in range(80))
    (folder / "prices.csv").write_text(f"time,open,high,low,close,volume\n{rows}")
    (folder / "candles.parquet").unlink()
    assert "give --symbol" in oo("check", peek, "--data", folder / "prices.csv", "--json").error["message"]
    named = oo("check", peek, "--data", folder / "prices.csv", "--symbol", "ETH-USD", "--json")
    assert named.result["report"]["rows"] == 80


def test_a_classifier_can_be_checked(oo):
    called = oo("check", "moving-average-rsi", "--json")
    assert (called.code, called.result["report"]["subject"]) == (0, "classifier")


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("smacross",), "did you mean 'sma-cross'"),
        (("nowhere.py",), "nowhere.py cannot be read"),
        (("sma_cross", "--param", "fast=200"), "must be below warmup"),
        (("sma_cross", "--param", "fast"), "write it as fast=10"),
    ],
)
def test_what_cannot_be_checked_is_wrong_input(oo, arguments, match):
    called = oo("check", *arguments, "--json")
    assert called.code == 2
    assert match in called.error["message"]


def test_a_file_is_traded_as_a_name_is(oo, candles, tmp_path):
    oo("new", "strategy", "my_idea", "--dir", tmp_path)
    called = oo("backtest", tmp_path / "my_idea.py", "--data", candles, "--param", "band=0.0", "--json")
    assert called.code == 0, called.err
    assert (called.result["strategy"], called.result["parameters"]) == (
        "my-idea",
        {"warmup": 50, "band": 0.0},
    )
    assert called.result["counts"]["fills"] > 0


def test_a_files_parameters_are_searched(oo, candles, tmp_path):
    oo("new", "strategy", "my_idea", "--dir", tmp_path)
    called = oo(
        *("optimize", tmp_path / "my_idea.py", "--data", candles, "--trials", 3, "--jobs", 2),
        *("--param", "warmup=3:9", "--param", "band=0.0", "--json"),
    )
    assert called.code == 0, called.err
    assert called.result["strategy"] == "my-idea"
    assert 3 <= called.result["best"]["warmup"] <= 9


# new strategy


def test_a_new_strategy_passes_its_test_as_written(oo, tmp_path):
    folder = tmp_path / "ideas"
    called = oo("new", "strategy", "my_idea", "--dir", folder, "--json")
    assert called.code == 0
    path, test = folder / "my_idea.py", folder / "test_my_idea.py"
    assert called.result == {"strategy": str(path), "test": str(test)}
    assert len(path.read_text().splitlines()) <= 15
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(test)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout
    path.write_text(path.read_text().replace("gap > 0", "gap < 0"))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, "its test would pass whatever it did"


def test_a_new_strategy_is_in_order(oo, tmp_path):
    oo("new", "strategy", "my_idea", "--dir", tmp_path)
    assert oo("check", tmp_path / "my_idea.py").code == 0
    assert "other_idea.py" in oo("new", "strategy", "other_idea", "--dir", tmp_path).out


def test_nothing_is_overwritten(oo, tmp_path):
    (tmp_path / "test_my_idea.py").write_text("mine")
    called = oo("new", "strategy", "my_idea", "--dir", tmp_path, "--json")
    assert called.code == 2
    assert "test_my_idea.py is there already" in called.error["message"]
    assert not (tmp_path / "my_idea.py").exists()
    assert (tmp_path / "test_my_idea.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("MyIdea", "as my_idea"),
        ("my-idea", "as my_idea"),
        ("7up", "as up"),
        ("../etc", "as etc"),
        ("lambda", "as my_strategy"),
        ("json", "as my_json"),
        ("sma_cross", "as my_sma_cross"),
        ("x" * 61, "small letters"),
    ],
)
def test_a_bad_name_is_told_with_a_better_one(oo, tmp_path, name, remedy):
    called = oo("new", "strategy", name, "--dir", tmp_path, "--json")
    assert called.code == 2
    assert remedy in called.error["message"]
    assert list(tmp_path.glob("**/*.py")) == []


def test_a_folder_that_cannot_be_made_is_told(oo, tmp_path):
    (tmp_path / "file").write_text("")
    called = oo("new", "strategy", "my_idea", "--dir", tmp_path / "file" / "below")
    assert called.code == 2
    assert "choose another --dir" in called.err


# strategies


def test_every_strategy_is_listed_with_its_parameters(oo):
    listed = {each["name"]: each for each in oo("strategies", "--json").result}
    assert {"sma-cross", "combination", "pairs"} <= set(listed)
    fast = next(each for each in listed["sma-cross"]["parameters"] if each["name"] == "fast")
    assert fast == {"name": "fast", "type": "int", "default": 20, "low": 1, "high": 10_000, "choices": []}
    assert listed["pairs"]["needs"]["symbols"] == 2
    weighting = next(each for each in listed["combination"]["parameters"] if each["name"] == "weighting")
    assert weighting["choices"] == ["performance", "regime", "static", "volatility"]


def test_each_shipped_strategy_says_how_it_fails(oo):
    for each in oo("strategies", "--json").result:
        if each["owner"] == "openoutcry":
            assert "It fails" in each["text"], each["name"]


def test_one_strategy_is_described_in_full(oo):
    assert "Engle and Granger" in " ".join(oo("strategies", "pairs").out.split())
    assert oo("strategies", "pears").code == 2

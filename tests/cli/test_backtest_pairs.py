"""Backtests of several instruments on candles, from the command line."""

import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest

INTERVAL_MS = 300_000
FIRST_MS = 1_704_067_200_000
ROWS = 900


def write_candles(path, symbol, seed, first=0):
    """Five-minute candles of a contract: a common walk, and one of its own that comes back."""
    common = np.cumsum(np.random.default_rng(1).normal(0, 30, ROWS + 1))
    own = np.random.default_rng(seed).normal(0, 1, ROWS + 1)
    closes = (40_000 + common + np.convolve(own, np.ones(20), "same") * 8).astype(np.int64)[first:]
    opens, ends = closes[:-1], closes[1:]
    frame = pl.DataFrame(
        {
            "ts": FIRST_MS + np.arange(first, ROWS, dtype=np.int64) * INTERVAL_MS,
            "open": opens,
            "high": np.maximum(opens, ends) + 3,
            "low": np.minimum(opens, ends) - 3,
            "close": ends,
            "volume": np.full(len(ends), 9_000_000, np.int64),
        }
    )
    facts = {"venue": "binance-um", "interval": "5m", "price_scale": "1", "volume_scale": "3"}
    frame.write_parquet(path, metadata={"symbol": symbol, **facts})
    return path


def write_funding(path, rate):
    times = FIRST_MS + np.arange(0, ROWS, 96, dtype=np.int64) * INTERVAL_MS
    pl.DataFrame({"ts": times, "funding_rate": [rate] * len(times)}).write_parquet(path)
    return path


@pytest.fixture
def files(tmp_path):
    first = write_candles(tmp_path / "one.parquet", "BTCUSDT", 2)
    second = write_candles(tmp_path / "other.parquet", "ETHUSDT", 3, first=100)
    return ("--data", first, "--data", second)


@pytest.fixture
def here(files, tmp_path, monkeypatch):
    """The files, in whose folder we are, with one of funding."""
    monkeypatch.chdir(tmp_path)
    write_funding(tmp_path / "r.parquet", 0.0001)
    return files


PAIRS = ("backtest", "pairs", "--param", "warmup=60", "--json")


def test_a_pair_is_traded_from_one_account(oo, files):
    answer = oo(*PAIRS, *files)
    assert answer.code == 0, answer.error
    result = answer.result
    assert result["symbols"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert [each["rows"] for each in result["datasets"]] == [ROWS - 100] * 2
    assert [each["symbol"] for each in result["by_symbol"]] == result["symbols"]
    assert min(each["trades"] for each in result["by_symbol"]) > 3
    assert {**oo(*PAIRS, *files).result, "wall_s": 0} == {**result, "wall_s": 0}


def test_people_see_each_symbols_part(oo, files):
    out = oo("backtest", "pairs", "--param", "warmup=60", *files).out
    assert "held in equal parts" in out
    assert re.search(r"ETH/USDT:USDT .* trades, ", out)


def test_two_runs_of_a_pair_are_compared(oo, files):
    first = oo(*PAIRS, *files).result["run_id"]
    other = oo(*PAIRS, *files, "--param", "leg=0.25").result["run_id"]
    answer = oo("compare", first, other, "--json")
    assert (answer.code, answer.result["same"]) == (1, False)
    assert answer.result["effects_atoms"]["unexplained"] == 0
    assert {each["symbol"] for each in answer.result["differences"]} == {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    assert oo("compare", first, first).code == 0


def test_the_reports_command_gives_the_same_with_the_funding_of_both(oo, files, tmp_path):
    paid = (
        write_funding(tmp_path / "binance-um_ETHUSDT_funding.parquet", 0.0001),
        write_funding(tmp_path / "rates.parquet", 0.0005),
    )
    options = (
        "--cash",
        "5000.5",
        "--from",
        "2024-01-01T12:00",
        *(x for path in paid for x in ("--funding", path)),
    )
    answer = oo(*PAIRS, *files, *options)
    assert answer.code == 0, answer.error
    result = answer.result
    kinds = [(each["kind"], each["symbol"][:3], Path(each["path"]).stem) for each in result["datasets"]]
    assert kinds == [
        ("candles", "BTC", "one"),
        ("funding", "BTC", "rates"),  # the name tells nothing: it is of the one that is left
        ("candles", "ETH", "other"),
        ("funding", "ETH", "binance-um_ETHUSDT_funding"),
    ]
    page = Path(result["report_path"]).read_bytes()
    command = re.search(r'<pre class="command"><code>(.+?)</code>', page.decode(), re.DOTALL)[1]
    program, *line = shlex.split(unescape(command))
    assert program == "openoutcry"
    again = oo(*line, "--json").result
    assert {**again, "wall_s": 0} == {**result, "wall_s": 0}
    assert Path(again["report_path"]).read_bytes() == page
    assert "market-chart-1" in page.decode()


def test_funding_makes_another_run(oo, files, tmp_path):
    funding = write_funding(tmp_path / "rates.parquet", 0.0001)
    ids = [
        oo(*PAIRS, *files, *given).result["run_id"]
        for given in (
            (),
            ("--funding", funding),
            ("--funding", f"ETHUSDT={funding}"),
            ("--funding", f"BTC/USDT:USDT={funding}"),
        )
    ]
    assert ids[1] == ids[3]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        (("--funding", "LTCUSDT=rates.parquet"), 2, "is of LTCUSDT, and the data of BTC/USDT:USDT, ETH/USDT"),
        (("--funding", "nowhere.parquet"), 4, "nowhere.parquet"),
        (("--funding", "BTC-USDT=r.parquet", "--funding", "BTCUSDT_PERP=r.parquet"), 2, "already; give one"),
        (("--funding", "r.parquet") * 3, 2, "every symbol has its funding already"),
        (("--data", "one.parquet"), 2, "--data 2 times"),
        (("--data", "missing.parquet"), 4, "missing.parquet"),
    ],
    ids=str,
)
def test_mistakes_are_told_with_their_remedy(oo, here, given, code, text):
    answer = oo(*PAIRS, *here, *given)
    assert answer.code == code, answer.error
    assert text in answer.error["message"]


def test_spot_pays_no_funding(oo, tmp_path):
    path = tmp_path / "binance-spot_BTCUSDT_5m.csv"
    path.write_text("ts,open,high,low,close,volume\n" + "1704067200000,1,1,1,1,1\n1704067500000,1,1,1,1,1\n")
    answer = oo("backtest", "buy_and_hold", "--data", path, "--funding", "x.parquet", "--json")
    assert answer.code == 2
    assert "is spot, which pays no funding" in answer.error["message"]


def test_a_pair_is_searched_and_its_best_is_judged_out_of_sample(oo, files):
    line = ("optimize", "pairs", *files, "--param", "warmup=30:60", "--param", "enter=1.0:2.0")
    answer = oo(*line, "--trials", "4", "--jobs", "1", "--json")
    assert answer.code == 0, answer.error
    found = answer.result
    assert found["trials"] == 4
    assert 0 < found["tried"] == 4 - found["refused"]
    kept = oo("report", found["run_id"], "--json").result
    assert kept["symbols"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert (
        sum(each["profit_atoms"] - each["fees_atoms"] for each in kept["by_symbol"])
        == found["out_of_sample"]["net_atoms"]
    )
    best = [x for name, value in found["best"].items() for x in ("--param", f"{name}={value}")]
    assert oo("backtest", "pairs", *files, *best, "--json").code == 0
    assert oo("optimize", "pairs", *files[:2], "--json").error["message"].endswith("once for each symbol")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("binance-um_{}_5m_20230101_20240514.parquet", "2023-02-01"),
        ("binance-spot_{}_5m_20220801_20230927.parquet", "2022-09-01"),
    ],
)
def test_a_recorded_pair_is_traded(oo, shared_data, name, until):
    files = [shared_data / "candles" / name.format(symbol) for symbol in ("BTCUSDT", "ETHUSDT")]
    answer = oo("backtest", "pairs", "--data", files[0], "--data", files[1], "--to", until, "--json")
    assert answer.code == 0, answer.error
    result = answer.result
    assert {each["rows"] for each in result["datasets"]} == {31 * 288}
    assert all(each["kind"] != "no_counterpart" for data in result["datasets"] for each in data["findings"])
    assert min(each["trades"] for each in result["by_symbol"]) > 10
    page = Path(result["report_path"]).read_text(encoding="utf-8")
    assert page.count('<div id="market-chart-') == 2

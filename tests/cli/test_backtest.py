import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.backtesting.replayed_market import write_recording

INTERVAL_MS = 300_000
FIRST_MS = 1_704_067_200_000


@pytest.fixture
def candles(tmp_path):
    """A file of 600 five-minute candles of a contract that rises and falls, and one of its funding."""
    closes = 40_000_0 + (np.sin(np.arange(601) / 25) * 9_000).astype(np.int64)
    times = FIRST_MS + np.arange(600, dtype=np.int64) * INTERVAL_MS
    opens, ends = closes[:-1], closes[1:]
    frame = pl.DataFrame(
        {
            "ts": times,
            "open": opens,
            "high": np.maximum(opens, ends) + 3,
            "low": np.minimum(opens, ends) - 3,
            "close": ends,
            "volume": np.full(600, 90_000, np.int64),
        }
    )
    facts = {
        "venue": "binance-um",
        "symbol": "BTCUSDT",
        "interval": "5m",
        "price_scale": "1",
        "volume_scale": "3",
    }
    path = tmp_path / "candles.parquet"
    frame.write_parquet(path, metadata=facts)
    pl.DataFrame({"ts": times[::96], "funding_rate": [0.0001] * 7}).write_parquet(
        tmp_path / "funding.parquet"
    )
    return path


def test_a_strategy_is_traded_over_a_file(oo, candles):
    answer = oo(
        "backtest", "sma_cross", "--data", candles, "--param", "fast=10", "--param", "warmup=40", "--json"
    )
    assert answer.code == 0
    result = answer.result
    assert result["strategy"] == "sma-cross"
    assert result["parameters"] == {"warmup": 40, "fast": 10}
    assert (result["symbols"], result["datasets"][0]["rows"]) == (["BTC/USDT:USDT"], 600)
    assert result["counts"]["fills"] > 3
    assert float(result["fees"]) > 0
    assert result["opening"] == "100000.00000000"
    assert result["halt_reason"] == ""
    again = oo(
        "backtest", "sma-cross", "--data", candles, "--param", "fast=10", "--param", "warmup=40", "--json"
    )
    assert {**again.result, "wall_s": 0} == {**result, "wall_s": 0}


def test_people_get_a_table(oo, candles):
    answer = oo("backtest", "buy_and_hold", "--data", candles)
    assert answer.code == 0
    assert "on BTC/USDT:USDT" in answer.out
    assert answer.out.startswith("Bad: ")
    assert "buy and hold" in answer.out


def test_a_flaw_outside_of_the_time_traded_is_not_held_against_it(oo, candles):
    frame, facts = pl.read_parquet(candles), pl.read_parquet_metadata(candles)
    still = frame.with_columns(volume=pl.when(pl.int_range(600) == 500).then(0).otherwise(pl.col("volume")))
    still.write_parquet(
        candles, metadata={name: text for name, text in facts.items() if "schema" not in name}
    )
    typed = ("backtest", "buy_and_hold", "--data", candles, "--json")

    def rows(*span):
        [data] = oo(*typed, *span).result["datasets"]
        return [(each["kind"], each["row"]) for each in data["findings"] if each["severity"] == "warning"]

    assert rows() == rows("--from", "2024-01-02T12:00") == [("zero_volume", 500)]
    assert rows("--to", "2024-01-02T12:00") == []


def test_fees_that_nobody_gave_for_a_venue_of_which_none_are_known_are_a_guess(oo, candles):
    facts = pl.read_parquet_metadata(candles)
    named = {name: text for name, text in facts.items() if "schema" not in name} | {"venue": "okx-swap"}
    pl.read_parquet(candles).write_parquet(candles, metadata=named)
    typed = ("backtest", "buy_and_hold", "--data", candles)
    guess = "fees of 5 bps for a taker and 2 bps for a maker are a guess: okx-swap's are not known"
    answer = oo(*typed, "--json").result
    assert f"{guess}; give --fee-bps" in answer["assumptions"]
    assert f"! {guess}" in " ".join(oo(*typed).out.split())
    page, again = again_as_its_report_says(oo, answer)
    assert {**again, "wall_s": 0} == {**answer, "wall_s": 0}
    assert Path(again["report_path"]).read_bytes() == page
    for given in ("5/2", "10"):
        assert "a guess" not in str(oo(*typed, "--fee-bps", given, "--json").result["assumptions"])


def test_cash_fees_span_and_funding_are_taken_from_the_line(oo, candles):
    funding = candles.with_name("funding.parquet")
    options = (
        "--cash",
        "2000.5",
        "--fee-bps",
        "7.5/-1",
        "--from",
        "2024-01-01T12:00",
        "--to",
        "2024-01-02",
        "--json",
    )
    answer = oo("backtest", "buy_and_hold", "--data", candles, *options, "--funding", funding)
    assert answer.code == 0, answer.error
    result = answer.result
    assert result["opening"] == "2000.50000000"
    assert result["datasets"][0]["rows"] == 144
    assert "fees are 7.5 bps for a taker, -1 bps for a maker" in result["assumptions"]
    assert float(result["funding"]) > 0
    assert oo("backtest", "buy_and_hold", "--data", candles, *options).result["funding"] == "0.00000000"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--cash", "-5"),
        ("--cash", "0"),
        ("--half-spread-bps", "-1"),
        ("--half-spread-bps", "10000"),
        ("--fee-bps", "10000"),
    ],
)
@pytest.mark.parametrize("command", ["backtest", "optimize"])
def test_an_amount_that_cannot_be_is_refused_by_its_option(oo, candles, command, option, value):
    answer = oo(command, "sma_cross", "--data", candles, option, value, "--json")
    assert answer.code == 2
    message = answer.error["message"]
    assert message.startswith(f"{option} {value} ")
    assert "overridden" not in message


def again_as_its_report_says(oo, answer):
    """Run the command in a report; the report's bytes before, and what the command answered."""
    page = Path(answer["report_path"]).read_bytes()
    command = re.search(r'<pre class="command"><code>(.+?)</code>', page.decode(), re.DOTALL)[1]
    program, *line = shlex.split(unescape(command))
    assert program == "openoutcry"
    return page, oo(*line, "--json").result


@pytest.mark.parametrize(
    "strategy",
    [
        ("sma_cross", "--param", "fast=7"),
        ("combination", "--param", "members=2 * sma-cross(fast=3, warmup=9) + breakout"),
        ("my_idea.py", "--param", "warmup=9"),
    ],
    ids=str,
)
def test_the_command_in_the_report_gives_the_same_bytes(oo, candles, monkeypatch, strategy):
    monkeypatch.chdir(candles.parent)
    assert oo("new", "strategy", "my_idea").code == 0
    options = (
        "--cash",
        "2000.5",
        "--fee-bps",
        "7.5/-1",
        "--from",
        "2024-01-01T12:00",
        "--half-spread-bps",
        "2",
    )
    answer = oo("backtest", *strategy, "--data", candles, *options, "--json").result
    monkeypatch.chdir("/")  # where a file was is in the command
    page, again = again_as_its_report_says(oo, answer)
    assert {**again, "wall_s": 0} == {**answer, "wall_s": 0}
    assert Path(again["report_path"]).read_bytes() == page


def test_an_edited_strategy_is_another_run(oo, candles, monkeypatch):
    monkeypatch.chdir(candles.parent)
    assert oo("new", "strategy", "my_idea").code == 0
    line = ("backtest", "my_idea.py", "--data", candles, "--json")
    first, again = oo(*line).result, oo(*line).result
    with Path("my_idea.py").open("a") as file:
        file.write("# edited\n")
    edited = oo(*line).result
    assert first["run_id"] == again["run_id"] != edited["run_id"]
    assert first["source_sha256"] != edited["source_sha256"]
    assert first["source_sha256"] in Path(first["report_path"]).read_text(encoding="utf-8")
    assert oo("backtest", "sma_cross", "--data", candles, "--json").result["source_sha256"] == ""


def test_tries_are_counted_and_the_verdict_says_so(oo, candles):
    line = ("backtest", "sma_cross", "--data", candles)
    counts = [
        oo(*line, "--param", f"fast={fast}", "--json").result["trials"]["count"] for fast in (5, 6, 7, 7)
    ]
    assert counts == [1, 2, 3, 3]
    last = oo(*line, "--param", "fast=8", "--json").result
    assert 0.0 <= last["trials"]["deflated"] <= 1.0
    assert "after 4 trials" in oo("report", last["run_id"]).out
    assert oo("backtest", "breakout", "--data", candles, "--json").result["trials"]["count"] == 1


def test_settings_of_a_file_hold_and_the_line_goes_above_them(oo, candles, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text('mode = "paper"\n[risk]\nmax_weight = 0.2\n[backtest]\ntaker_fee_ppm = 10\n')
    first = oo("backtest", "buy_and_hold", "--data", candles, "--config", config, "--json").result
    assert "at most 20% of the equity is invested; shorts are left out" in first["assumptions"]
    assert "fees are 0.1 bps for a taker, 10 bps for a maker" in first["assumptions"]
    second = oo(
        "backtest", "buy_and_hold", "--data", candles, "--config", config, "--fee-bps", "3", "--json"
    ).result
    assert "fees are 3 bps for a taker, 3 bps for a maker" in second["assumptions"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("sma_cros",), 2, "did you mean 'sma-cross'?"),
        (("sma_cross", "--param", "fats=3"), 2, "did you mean 'fast'?"),
        (("sma_cross", "--param", "fast"), 2, "no NAME=VALUE"),
        (("sma_cross", "--param", "fast=x"), 2, "fast = 'x' cannot be used"),
        (("sma_cross", "--fee-bps", "0.001"), 2, "at most two decimals"),
        (("sma_cross", "--cash", "much"), 2, "is not a number"),
        (("sma_cross", "--from", "soon"), 2, "is no time"),
        (("sma_cross", "--from", "2025-01-01"), 4, "it goes from 2024-01-01 00:00:00"),
    ],
    ids=str,
)
def test_mistakes_are_told_with_their_remedy(oo, candles, arguments, code, text):
    answer = oo("backtest", *arguments, "--data", candles, "--json")
    assert answer.code == code
    assert text in answer.error["message"]


def test_a_file_that_is_not_there_is_missing_data(oo, tmp_path):
    assert oo("backtest", "sma_cross", "--data", tmp_path / "x.parquet", "--json").code == 4


def test_a_symbol_chooses_in_a_folder_and_is_repeated(oo, candles, tmp_path):
    other = tmp_path / "ETHUSDT-5m.csv"
    lines = [f"{FIRST_MS + row * INTERVAL_MS},20.0,20.5,19.5,20.0,900" for row in range(200)]
    other.write_text("\n".join(["time,open,high,low,close,volume", *lines]))
    folder = candles.parent
    answer = oo("backtest", "buy_and_hold", "--data", folder, "--json")
    assert "the symbol is not known; give --symbol" in answer.error["message"]  # of the file of funding
    (folder / "funding.parquet").unlink()
    answer = oo("backtest", "buy_and_hold", "--data", folder, "--json")
    assert "choose with --symbol" in answer.error["message"]
    chosen = oo("backtest", "buy_and_hold", "--data", folder, "--symbol", "ETH/USDT", "--json").result
    assert (chosen["symbols"], chosen["datasets"][0]["rows"]) == (["ETH/USDT"], 200)
    with_file = oo("backtest", "buy_and_hold", "--data", candles, "--symbol", "ETHUSDT", "--json")
    assert "says that it is of BTCUSDT" in with_file.error["message"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Five minutes of a seeded market in the venue's wire format."""
    path = tmp_path_factory.mktemp("recordings") / "market.raw"
    write_recording(path)
    return path


def test_a_recording_is_traded_with_the_settings_of_a_paper_run(oo, recording):
    answer = oo("backtest", "model_directed", "--data", recording, "--speed", "15", "--json")
    assert answer.code == 0, answer.error
    result = answer.result
    assert (result["symbols"], result["datasets"][0]["kind"]) == (["BTC/USDT"], "events")
    assert result["counts"]["fills"] > 3
    assert any("count 15 times in the market's time" in each for each in result["assumptions"])
    page = Path(result["report_path"]).read_bytes()
    command = re.search(r'<pre class="command"><code>(.+?)</code>', page.decode(), re.DOTALL)[1]
    program, *line = shlex.split(unescape(command))
    assert program == "openoutcry"
    again = oo(*line, "--json")
    assert again.code == 0, again.error
    assert {**again.result, "wall_s": 0} == {**result, "wall_s": 0}


def test_a_part_of_a_recording_is_given_by_its_duration(oo, recording):
    part = oo("backtest", "model_directed", "--data", recording, "--duration", "120", "--json").result
    span_ns = part["datasets"][0]["last_ns"] - part["datasets"][0]["first_ns"]
    assert 119e9 < span_ns < 120e9
    for option in ("--from", "--to"):
        refused = oo("backtest", "model_directed", "--data", recording, option, "2024-08-08", "--json")
        assert refused.code == 2
        assert f"{option} cannot be used with a recording" in refused.error["message"]

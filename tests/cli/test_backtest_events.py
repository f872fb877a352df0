import re
import shlex
from html import unescape
from pathlib import Path

import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MAKER = ("backtest", "market_maker", "--param", "quote_lots=1", "--param", "every_ms=100")


@pytest.fixture
def quotes(tmp_path):
    """Tardis' file of 600 quotes, ten a second, that rise and fall."""
    bids = 50_000 + (np.sin(np.arange(600) / 25) * 90).astype(int)
    at_us = 1_700_000_000_000_000 + np.arange(600) * 100_000
    lines = ["exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"]
    lines += [
        f"binance-futures,BTCUSDT,{at},{at + 500},1.25,{(bid + 1) / 10},{bid / 10},1.001"
        for at, bid in zip(at_us, bids, strict=True)
    ]
    path = tmp_path / "binance-futures_quotes_2023-11-14_BTCUSDT.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def recordings():
    """Recorded books; they are not part of the project."""
    folder = SHARED_DATA / "binance_l2_2024"
    if not folder.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    return folder


def test_a_maker_quotes_over_a_file_of_quotes(oo, quotes):
    answer = oo(*MAKER, "--data", quotes, "--json")
    assert answer.code == 0, answer.error
    result = answer.result
    assert result["strategy"] == "market-maker"
    assert result["counts"]["decisions"] > 500
    assert result["counts"]["fills"] > 3
    assert {**oo(*MAKER, "--data", quotes, "--json").result, "wall_s": 0} == {**result, "wall_s": 0}


def test_the_command_in_the_report_gives_the_same_run(oo, quotes):
    answer = oo(*MAKER, "--data", quotes, "--to", "2023-11-14T22:13:50", "--fee-bps", "2/-1", "--json").result
    page = Path(answer["report_path"]).read_text()
    command = re.search(r'<pre class="command"><code>(.+?)</code>', page, re.DOTALL)[1]
    _program, *line = shlex.split(unescape(command))
    again = oo(*line, "--json").result
    assert again["run_id"] == answer["run_id"]
    assert {**again, "wall_s": 0} == {**answer, "wall_s": 0}
    whole = oo(*MAKER, "--data", quotes, "--fee-bps", "2/-1", "--json").result
    assert whole["counts"]["decisions"] > answer["counts"]["decisions"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--from", "2023-11-14T22:13:30"), "--from cannot be used with a book"),
        (("--half-spread-bps", "1"), "--half-spread-bps cannot be used with a book"),
        (("--data", "QUOTES"), "quote one instrument"),
        (("--param", "quote_lots=100000"), "give --param quote_lots="),
    ],
)
def test_what_cannot_be_is_said(oo, quotes, options, text):
    typed = (str(quotes) if each == "QUOTES" else each for each in options)
    answer = oo("backtest", "market_maker", "--data", quotes, *typed, "--json")
    assert answer.code == 2
    assert text in answer.error["message"] + answer.error.get("remedy", "")


def test_tiers_rejects_halts_and_coins_come_from_the_settings(oo, quotes, tmp_path):
    first_ns = 1_700_000_000_000_000_000
    config = tmp_path / "venue.toml"
    config.write_text(
        f"""
mode = "backtest"
symbols = ["BTC/USDT:USDT"]

[backtest]
cash_atoms = 1_000_000_000
taker_fee_ppm = 500
maker_fee_ppm = 200
inverse_lot = "100"
order_latency_ns = 1_000_000
report_latency_ns = 1_000_000

[[backtest.fee_tiers]]
volume_atoms = 5_000_000
taker_fee_ppm = 400
maker_fee_ppm = -50

[simulation]
reject_probability = 0.2
halts_ns = [[{first_ns + 20 * 10**9}, {first_ns + 30 * 10**9}]]
"""
    )
    typed = (*MAKER, "--param", "max_position_lots=100", "--data", quotes, "--config", config, "--json")
    answer = oo(*typed)
    assert answer.code == 0, answer.error
    said = " ".join(answer.result["assumptions"])
    for part in (
        "from 0.05",
        "settled in BTC, and a lot is worth 100 USDT",
        "rejects 20.00% of the orders",
        "the venue halts 1 times",
    ):
        assert part in said
    assert answer.result["counts"]["fills"] > 0
    config.write_text(
        config.read_text().replace("reject_probability", "impact_coefficient = 1.0\nreject_probability")
    )
    refused = oo(*typed)
    assert refused.code == 2
    assert "impact is measured by trades" in refused.error["message"]


@pytest.mark.data
def test_a_maker_quotes_over_a_recording(oo, recordings):
    data = recordings / "usdm_btcusdt_20240808.raw.zst"
    answer = oo("backtest", "market_maker", "--data", data, "--json")
    assert answer.code == 0, answer.error
    assert answer.result["counts"]["decisions"] == 34_450
    assert answer.result["counts"]["fills"] > 400


@pytest.mark.data
def test_two_contracts_are_traded_as_a_pair(oo, recordings):
    data = [("--data", recordings / f"usdm_{each}_20240808.raw.zst") for each in ("btcusdt", "ethusdt")]
    typed = ("--param", "warmup=30", "--param", "enter=1", "--json")
    answer = oo("backtest", "pairs", *data[0], *data[1], *typed)
    assert answer.code == 0, answer.error
    assert answer.result["symbols"] == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert answer.result["counts"]["fills"] > 3


@pytest.mark.data
def test_orders_by_id_are_traded_in_their_exact_queues(oo):
    folder = SHARED_DATA / "lobster_l3_2012"
    if not folder.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    [data] = folder.glob("*_message_10.csv.zst")
    answer = oo(*MAKER, "--param", "max_position_lots=100", "--data", data, "--json")
    assert answer.code == 0, answer.error
    assert "the data is by order: an order's place in its queue is exact" in answer.result["assumptions"]
    assert answer.result["counts"]["fills"] > 50
    findings = {each["kind"] for each in answer.result["datasets"][0]["findings"]}
    assert "anonymous_orders" in findings
    assert "unseen_cancels" not in findings  # the book file lies beside it


@pytest.mark.data
@pytest.mark.parametrize("name", ["spot_btcusdt_20240808.raw.zst", "usdm_btcusdt_20240808.raw.zst"])
def test_features_of_recorded_books_are_traded_on(oo, recordings, name):
    """Frames of spot go through the live feed itself, those of contracts through the simulator."""
    answer = oo("backtest", "order_flow_imbalance", "--data", recordings / name, "--json")
    assert answer.code == 0, answer.error
    assert answer.result["counts"]["intents"] > 3
    assert answer.result["counts"]["fills"] > 3

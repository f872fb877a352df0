import json

import numpy as np
import pytest
import talib

from openoutcry.native import MarketFeed, SyntheticMarket

NS_PER_S = 1_000_000_000
BATCH_LINES = 10_000


def read(seed, seconds, batch_lines=BATCH_LINES):
    market = SyntheticMarket(seed=seed, duration_ns=seconds * NS_PER_S)
    lines = []
    while batch := market.next_lines(batch_lines):
        lines += batch
    assert market.next_lines(1) == []
    return lines


def new_feed():
    return MarketFeed(
        product="spot",
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        candle_interval_ns=10 * NS_PER_S,
    )


def test_a_seed_gives_the_same_bytes_in_batches_of_any_size():
    assert read(1, 5) == read(1, 5, batch_lines=7)
    assert read(1, 5) != read(2, 5)


def test_frames_are_the_venues():
    lines = [json.loads(line.partition(b" ")[2]) for line in read(1, 2)]
    assert lines[0]["data"]["e"] == "depthUpdate"
    assert set(lines[1]) == {"lastUpdateId", "bids", "asks"}
    streams = {line["stream"] for line in lines[:1] + lines[2:]}
    assert streams == {"btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker"}
    keys = {line["stream"].split("@")[1]: set(line["data"]) for line in lines[:1] + lines[2:]}
    assert keys["depth"] == set("eEsUuba")
    assert keys["trade"] == set("eEstpqTmM")
    assert keys["bookTicker"] == set("usbBaA")
    assert len(lines[1]["bids"][0][0].partition(".")[2]) == 8


def test_a_feed_ends_at_the_last_ticker_without_a_gap():
    lines = read(3, 120)
    feed = new_feed()
    assert feed.apply_lines(b"\n".join(lines)) == len(lines)
    assert (feed.gaps, feed.crossed, feed.missing_trades, feed.is_valid) == (0, 0, None, True)
    ticker = next(json.loads(x.partition(b" ")[2])["data"] for x in reversed(lines) if b"bookTicker" in x)
    bids, asks = feed.levels(1)
    texts = [float(ticker[key]) for key in ("b", "B", "a", "A")]
    assert np.allclose(texts, np.multiply([*bids[0], *asks[0]], [1e-2, 1e-5, 1e-2, 1e-5]), rtol=0, atol=1e-9)


def test_its_candles_hold_patterns():
    feed = new_feed()
    feed.apply_lines(b"\n".join(read(4, 3_600)))
    candles = np.array([candle[2:6] for candle in feed.take_candles()], dtype=float).T
    assert candles.shape[1] > 300
    patterns = (talib.CDLENGULFING, talib.CDLHAMMER, talib.CDLDOJI, talib.CDLHARAMI, talib.CDLSHOOTINGSTAR)
    assert all(np.count_nonzero(pattern(*candles)) > 0 for pattern in patterns)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"symbol": "btc/usdt"}, "capital letters"),
        ({"start_ns": -1}, "start_ns is -1"),
        ({"duration_ns": 0}, "duration_ns is 0"),
    ],
)
def test_what_cannot_be_a_market_is_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        SyntheticMarket(**{"seed": 1} | change)

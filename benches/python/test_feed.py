"""A synthetic market's frames into a book: the core's feed beside plain Python on the same bytes."""

import json

import pytest

from openoutcry.native import MarketFeed, SyntheticMarket

SECONDS = 60


@pytest.fixture(scope="module")
def lines():
    market = SyntheticMarket(seed=1, duration_ns=SECONDS * 1_000_000_000)
    found = []
    while batch := market.next_lines(1_000):
        found += batch
    return found


@pytest.fixture(scope="module")
def frames(lines):
    return [line.partition(b" ")[2] for line in lines]


def new_feed():
    return MarketFeed(
        product="spot",
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        candle_interval_ns=5_000_000_000,
    )


def through_dicts(frames):
    """What a Python bot does: parse, and keep each side in a dict."""
    bids, asks = {}, {}
    for frame in frames:
        message = json.loads(frame)
        data = message.get("data", message)
        for side, changes in ((bids, data.get("b")), (asks, data.get("a"))):
            if isinstance(changes, list):
                for price, size in changes:
                    side[float(price)] = float(size)
    return bids, asks


@pytest.mark.benchmark(group="feed")
def test_core_one_call_for_all_lines(benchmark, lines):
    blob = b"\n".join(lines) + b"\n"
    assert benchmark(lambda: new_feed().apply_lines(blob)) == len(lines)


@pytest.mark.benchmark(group="feed")
def test_core_one_call_a_frame(benchmark, frames):
    def replay():
        feed = new_feed()
        for frame in frames:
            if b'"lastUpdateId"' in frame[:20]:
                feed.apply_snapshot(frame, 1)
            else:
                feed.apply(frame, 1)
        return feed

    assert benchmark(replay).is_valid


@pytest.mark.benchmark(group="feed")
def test_python_json_and_dicts(benchmark, frames):
    assert all(benchmark(lambda: through_dicts(frames)))

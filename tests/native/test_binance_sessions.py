"""Recorded sessions of Binance spot and futures: `aggTrade`, not `trade`; several symbols on one
connection; and a snapshot that came while updates were waiting for it."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import zstandard

from openoutcry.native import DecodeError, MarketFeed

SESSIONS = Path(__file__).parents[2] / ".." / "shared" / "data" / "ws_frames"
ZSTD_WINDOW_BYTES = 1 << 25
MINUTE_NS = 60_000_000_000
FILES = {"spot": "BINANCE", "usdm": "BINANCE_FUTURES"}
CASES = [("spot", symbol) for symbol in ("NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR")] + [
    ("usdm", symbol) for symbol in ("SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")
]
# Their tick was made coarser: orders that are older rest at prices of the finer one.
TICKS_OF_OLD_ORDERS = {"NKNUSDT": "0.00001", "CTKUSDT": "0.00001"}

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SESSIONS.is_dir(), reason="the recorded sessions are not beside this checkout"),
]


@cache
def records(product):
    path = SESSIONS / f"{FILES[product]}.jsonl.zst"
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    with path.open("rb") as file, decompressor.stream_reader(file) as raw:
        return [json.loads(line) for line in raw.read().splitlines()]


@cache
def grids(product):
    (reply,) = [r["data"] for r in records(product) if r["t"] == "http" and "exchangeInfo" in r["url"]]
    steps = {}
    for each in json.loads(reply)["symbols"]:
        filters = {filter_["filterType"]: filter_ for filter_ in each["filters"]}
        steps[each["symbol"]] = (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"])
    return steps


def grid(product, symbol):
    price_tick, size_step = grids(product)[symbol]
    return TICKS_OF_OLD_ORDERS.get(symbol, price_tick), size_step


def data_of(product, symbol):
    """What was received of a symbol: its snapshot, and the content of its frames."""
    for record in records(product):
        if record["t"] == "http" and f"symbol={symbol}&" in record["url"]:
            yield "snapshot", json.loads(record["data"])
        elif record["t"] == "recv":
            data = json.loads(record["data"])["data"]
            if data["s"] == symbol:
                yield data.get("e", "bookTicker"), data


def make_feed(product, symbol, price_tick, size_step):
    return MarketFeed(
        product=product,
        symbol=symbol,
        price_tick=price_tick,
        size_step=size_step,
        candle_interval_ns=MINUTE_NS,
    )


def replayed(product, symbol, *, without=None):
    """A feed that has taken all of a session, but for one of its frames."""
    feed = make_feed(product, symbol, *grid(product, symbol))
    for record in records(product):
        if record["t"] == "http" and f"symbol={symbol}&" in record["url"]:
            assert feed.apply_snapshot(record["data"].encode(), 1)
        elif record["t"] == "recv" and record is not without:
            feed.apply(record["data"].encode(), 1)
    return feed


def lots(size, step):
    """As the core tells it: sizes of older orders are rounded down, but not to nothing."""
    return max(int(size / step), 1) if size else 0


def plain_levels(product, symbol):
    (snapshot,) = (data for kind, data in data_of(product, symbol) if kind == "snapshot")
    tick, step = (Decimal(text) for text in grid(product, symbol))
    sides = {"b": {}, "a": {}}
    updates = [data for kind, data in data_of(product, symbol) if kind == "depthUpdate"]
    newer = [update for update in updates if update["u"] > snapshot["lastUpdateId"]]
    for update in [{"b": snapshot["bids"], "a": snapshot["asks"]}, *newer]:
        for name, side in sides.items():
            for price, size in update[name]:
                side[int(Decimal(price) / tick)] = lots(Decimal(size), step)
    bids, asks = (sorted((level for level in side.items() if level[1]), reverse=name == "b")
                  for name, side in sides.items())  # fmt: skip
    return bids, asks


@pytest.mark.parametrize(("product", "symbol"), CASES)
def test_a_session_joins_its_snapshot_and_gives_the_plain_book(product, symbol):
    feed = replayed(product, symbol)
    assert feed.take_violations() == []
    assert feed.is_valid
    assert feed.gaps == feed.crossed == 0
    assert feed.counts["snapshot"] == 1
    assert feed.levels(1_000_000) == plain_levels(product, symbol)


@pytest.mark.parametrize(("product", "symbol"), CASES)
def test_the_book_after_every_update_has_the_touch_of_the_venues_newest_ticker(product, symbol):
    tick, step = (Decimal(text) for text in grid(product, symbol))
    tickers = {data["u"]: data for kind, data in data_of(product, symbol) if kind == "bookTicker"}
    feed = make_feed(product, symbol, *grid(product, symbol))
    compared = 0
    for kind, data in data_of(product, symbol):
        if kind == "snapshot":
            feed.apply_snapshot(json.dumps(data).encode(), 1)
        elif kind == "depthUpdate":
            feed.apply(json.dumps(data).encode(), 1)
        newest = max((u for u in tickers if u <= feed.last_update_id), default=None)
        if kind == "depthUpdate" and newest is not None:
            ((bid, bid_lots),), ((ask, ask_lots),) = feed.levels(1)
            ticker = tickers[newest]
            assert (bid, ask) == tuple(int(Decimal(ticker[side]) / tick) for side in "ba")
            assert (bid_lots, ask_lots) == tuple(int(Decimal(ticker[side]) / step) for side in "BA")
            compared += 1
    assert compared or not tickers


@pytest.mark.parametrize("product", FILES)
def test_an_aggregated_trade_is_no_trade(product):
    symbols = [symbol for case_product, symbol in CASES if case_product == product]
    assert any(kind == "aggTrade" for symbol in symbols for kind, _ in data_of(product, symbol))
    for symbol in symbols:
        feed = replayed(product, symbol)
        assert (feed.counts["trade"], feed.last_trade_id) == (0, 0)


@pytest.mark.parametrize("symbol", [symbol for product, symbol in CASES if product == "usdm"])
def test_a_lost_update_is_a_gap(symbol):
    (snapshot,) = (data for kind, data in data_of("usdm", symbol) if kind == "snapshot")

    def is_joined_depth(record):
        data = json.loads(record["data"])["data"] if record["t"] == "recv" else {}
        return (
            data.get("s") == symbol
            and data.get("e") == "depthUpdate"
            and data["u"] > snapshot["lastUpdateId"]
        )

    updates = [record for record in records("usdm") if is_joined_depth(record)]
    feed = replayed("usdm", symbol, without=updates[len(updates) // 2])
    assert feed.gaps == 1
    assert not feed.is_valid
    assert feed.needs_snapshot
    ((_, _, kind, _),) = feed.take_violations()
    assert kind == "gap"


@pytest.mark.parametrize(("product", "symbol"), [case for case in CASES if case[1] in TICKS_OF_OLD_ORDERS])
def test_prices_between_two_of_the_instruments_present_ticks_are_an_error_and_no_book(product, symbol):
    (snapshot,) = (
        r["data"].encode() for r in records(product) if r["t"] == "http" and f"symbol={symbol}&" in r["url"]
    )
    feed = make_feed(product, symbol, *grids(product)[symbol])
    with pytest.raises(DecodeError, match="lies between two steps of the grid"):
        feed.apply_snapshot(snapshot, 1)
    assert not feed.is_valid

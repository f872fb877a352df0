import math
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.native.test_feed import (
    START_MS,
    depth,
    frame,
    make_feed,
    recorded_lines,
    rest_trades,
    snapshot,
)

from openoutcry.native import DecodeError

NAMES = [
    "spread_ticks",
    "mid_ticks",
    "microprice_ticks",
    "imbalance_1",
    "imbalance_5",
    "imbalance_10",
    "imbalance_20",
    "book_pressure",
    "order_flow_1",
    "order_flow_5",
    "order_flow_10",
    "volatility",
    "trade_sign",
    "trade_sign_mean",
    "buy_rate",
    "sell_rate",
    "buy_volume_rate",
    "sell_volume_rate",
    "trade_intensity",
    "vpin",
]
BOOK = NAMES[:8]
FLOWS = NAMES[8:12]
TRADES = NAMES[12:19]
TIME_CONSTANT_S = 10


def depth_at(update_id, ms, bids=(), asks=()):
    at_ms = START_MS + ms
    return frame(e="depthUpdate", E=at_ms, s="BTCUSDT", U=update_id, u=update_id, b=bids, a=asks)


def trade_at(trade_id, ms, size="0.010", *, is_buyer_maker=False, price="100.0"):
    at_ms = START_MS + ms
    return frame(e="trade", E=at_ms, s="BTCUSDT", t=trade_id, p=price, q=size, T=at_ms, m=is_buyer_maker)


def read(feed):
    """The feature vector by name, and whether it is complete."""
    out = np.full(len(NAMES), 7.0)
    is_complete = feed.feature_vector(out)
    return dict(zip(NAMES, out.tolist(), strict=True)), is_complete


def known(features):
    return {name for name, value in features.items() if not math.isnan(value)}


def joined(**settings):
    feed = make_feed(**settings)
    feed.apply(depth(10, 11, [["99.0", "1"]], [["101.0", "2"]]), 5)
    assert feed.apply_snapshot(snapshot(10, [["98.0", "4"]], [["102.0", "4"]]), 6)
    return feed


def watched(**settings):
    """A feed that was watched for 20 s: each second the best bid grows by a lot and 10 lots are bought."""
    feed = joined(**settings)
    for second in range(20):
        feed.apply(depth_at(12 + second, second * 1_000, [["99.0", f"{1 + second / 1000:.3f}"]]), 7)
        feed.apply(trade_at(1 + second, second * 1_000), 7)
    return feed


def test_the_names_and_units_are_those_of_the_vector():
    feed = make_feed()
    assert feed.feature_names() == NAMES
    units = dict(zip(NAMES, feed.feature_units(), strict=True))
    assert units["order_flow_5"] == "lots/s"
    assert units["volatility"] == "bps/sqrt(s)"
    assert units["vpin"] == "[0, 1]"


def test_nothing_is_known_before_the_book_is_joined():
    features, is_complete = read(make_feed())
    assert known(features) == set()
    assert not is_complete


def test_the_book_is_known_at_once_and_equals_the_dictionary():
    feed = joined()
    features, is_complete = read(feed)
    assert known(features) == set(BOOK)
    assert not is_complete
    assert feed.features() == {name: features[name] for name in BOOK}
    assert features["spread_ticks"] == 20
    assert features["imbalance_20"] == pytest.approx(-1_000 / 11_000)
    bids, asks = (1_000 + 4_000 / (1 + 10 / 0.099), 2_000 + 4_000 / (1 + 10 / 0.101))
    assert features["book_pressure"] == pytest.approx((bids - asks) / (bids + asks))


def test_flows_are_known_once_they_have_been_watched():
    feed = watched()
    features, is_complete = read(feed)
    assert is_complete, "vpin has no bucket size and does not count"
    assert known(features) == set(NAMES) - {"vpin"}
    weights = sum(math.exp(-age / TIME_CONSTANT_S) for age in range(19))
    share = TIME_CONSTANT_S * (1 - math.exp(-19 / TIME_CONSTANT_S))
    # One lot a second came to the bids, and one trade of ten lots was bought, after each first one.
    for name, lots in (("order_flow_1", 1), ("order_flow_10", 1), ("buy_rate", 1), ("buy_volume_rate", 10)):
        assert features[name] == pytest.approx(lots * weights / share), name
    assert (features["sell_rate"], features["sell_volume_rate"]) == (0, 0)
    assert (features["trade_sign"], features["trade_sign_mean"]) == (1, 1)
    assert features["volatility"] == 0


def test_the_volatility_is_of_the_mid_in_basis_points():
    feed = joined()
    for second in range(20):
        best = [["99.0", "1"], ["99.2", "1" if second % 2 else "0"]]
        feed.apply(depth_at(12 + second, second * 1_000, best), 7)
    features, _ = read(feed)
    step_bps = math.log(100.1 / 100.0) * 10_000
    assert features["volatility"] == pytest.approx(step_bps)


def test_a_lost_book_makes_its_features_unknown_until_they_are_watched_again():
    feed = watched()
    feed.apply(depth_at(90, 20_000, [["99.5", "1"]]), 8)
    features, is_complete = read(feed)
    assert feed.gaps == 1
    assert known(features) == set(TRADES)
    assert not is_complete
    assert feed.features() == {}
    assert feed.apply_snapshot(snapshot(89, [["98.0", "4"]], [["102.0", "4"]]), 9)
    features, _ = read(feed)
    assert known(features) == set(BOOK) | set(TRADES)


def test_trades_are_unknown_while_some_are_missing_and_whole_again_after():
    whole, holed = watched(), watched()
    for feed in (whole, holed):
        if feed is whole:
            feed.apply(trade_at(21, 20_000), 8)
        feed.apply(trade_at(22, 20_500, is_buyer_maker=True), 9)
    features, is_complete = read(holed)
    assert known(features) == set(BOOK) | set(FLOWS)
    assert not is_complete
    assert holed.apply_trades(rest_trades((21, 20, "100.0")), 10) == 1
    assert read(holed)[0] == pytest.approx(read(whole)[0], nan_ok=True)


def test_after_a_reset_the_next_trade_tells_whether_trades_are_missing():
    feed = watched()
    feed.reset()
    assert known(read(feed)[0]) == set()
    feed.apply(trade_at(21, 20_000), 8)
    assert known(read(feed)[0]) == set(TRADES)


def bybit_trade(ms):
    at_ms = START_MS + ms
    trade = {"T": at_ms, "s": "BTCUSDT", "S": "Buy", "v": "0.010", "p": "100.0", "i": "a", "BT": False}
    return frame(topic="publicTrade.BTCUSDT", type="snapshot", ts=at_ms, data=[trade])


@pytest.mark.parametrize("lose", ["reset", "malformed"])
def test_trades_that_no_id_can_tell_are_lost_for_good_and_their_features_begin_anew(lose):
    feed = make_feed(venue="bybit")
    for second in range(20):
        assert feed.apply(bybit_trade(second * 1_000), 7) == "trade"
    assert known(read(feed)[0]) == set(TRADES)
    if lose == "reset":
        feed.reset()
    else:
        with pytest.raises(DecodeError):
            feed.apply(bybit_trade(20_000).replace(b"100.0", b"100.05"), 8)
    assert known(read(feed)[0]) == set()
    feed.apply(bybit_trade(21_000), 9)
    assert known(read(feed)[0]) == {"trade_sign"}
    feed.apply(bybit_trade(31_000), 9)
    assert known(read(feed)[0]) == set(TRADES)


def test_vpin_fills_its_buckets():
    feed = make_feed(vpin_bucket_lots=20)
    for index in range(99):
        feed.apply(trade_at(1 + index, index * 100, is_buyer_maker=index % 4 == 0), 7)
    assert math.isnan(read(feed)[0]["vpin"])
    feed.apply(trade_at(100, 9_900), 7)
    # Every other bucket of two trades has one of each side.
    assert read(feed)[0]["vpin"] == pytest.approx(0.5)


def test_any_writable_buffer_of_the_right_size_is_filled():
    feed = joined()
    expected = list(read(feed)[0].values())
    plain = array("d", [0.0] * len(NAMES))
    feed.feature_vector(plain)
    assert plain.tolist() == pytest.approx(expected, nan_ok=True)
    row_of_many = np.zeros((3, len(NAMES)))
    feed.feature_vector(row_of_many[1])
    assert row_of_many[1].tolist() == pytest.approx(expected, nan_ok=True)
    assert not row_of_many[[0, 2]].any()


def test_other_buffers_are_refused():
    feed = joined()
    with pytest.raises(ValueError, match="out must hold 20 float64, got 19"):
        feed.feature_vector(np.zeros(19))
    read_only = np.zeros(20)
    read_only.flags.writeable = False
    with pytest.raises(BufferError):
        feed.feature_vector(read_only)
    with pytest.raises(TypeError, match="float64"):
        feed.feature_vector(np.zeros(20, dtype=np.float32))
    with pytest.raises(TypeError, match="byte order"):
        feed.feature_vector(np.zeros(20, dtype=">f8"))
    with pytest.raises(TypeError):
        feed.feature_vector([0.0] * 20)


CANDLE_RULES = st.one_of(
    st.tuples(st.just("trades"), st.integers(1, 20)),
    st.tuples(st.just("volume"), st.integers(1, 200)),
    st.tuples(st.just("notional"), st.integers(1, 200_000)),
)
TRADE_SIZES = st.lists(st.tuples(st.integers(1, 60), st.integers(900, 1_100), st.booleans()), max_size=80)


def slow_candles(rule, size, trades):
    """Closed candles as lists of (index, lots, ticks, is_sell)."""
    value = {
        "trades": len,
        "volume": lambda candle: sum(lots for _, lots, _, _ in candle),
        "notional": lambda candle: sum(lots * ticks for _, lots, ticks, _ in candle),
    }[rule]
    closed, candle = [], []
    for index, (lots, ticks, is_sell) in enumerate(trades):
        candle.append((index, lots, ticks, is_sell))
        if value(candle) >= size:
            closed.append(candle)
            candle = []
    return closed


@given(CANDLE_RULES, TRADE_SIZES)
def test_candles_close_with_the_trade_that_reaches_the_threshold(rule_and_size, trades):
    rule, size = rule_and_size
    feed = make_feed(candle_interval_ns=None, candle_rule=rule, candle_size=size)
    for index, (lots, ticks, is_sell) in enumerate(trades):
        price = f"{ticks / 10:.1f}"
        feed.apply(trade_at(1 + index, index, f"{lots / 1000:.3f}", is_buyer_maker=is_sell, price=price), 7)
    expected = []
    for candle in slow_candles(rule, size, trades):
        indices, lots, ticks, _ = zip(*candle, strict=True)
        bought = sum(lots for _, lots, _, is_sell in candle if not is_sell)
        notional = sum(lots * ticks for _, lots, ticks, _ in candle)
        times_ns = [(START_MS + at) * 1_000_000 for at in (indices[0], indices[-1])]
        prices = [ticks[0], max(ticks), min(ticks), ticks[-1]]
        ids = [1 + indices[0], 1 + indices[-1]]
        expected.append((*times_ns, *prices, sum(lots), bought, notional, len(candle), *ids))
    assert feed.take_candles() == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"candle_interval_ns": None}, "candle_rule time needs candle_interval_ns"),
        ({"candle_size": 5}, "candle_rule time does not use candle_size"),
        ({"candle_rule": "trades", "candle_size": 5}, "does not use candle_interval_ns"),
        ({"candle_rule": "volume", "candle_interval_ns": None}, "candle_rule volume needs candle_size"),
        (
            {"candle_rule": "notional", "candle_interval_ns": None, "candle_size": 0},
            "candle_size must be 1 or more, got 0",
        ),
        ({"candle_rule": "renko"}, 'candle_rule "renko" is unknown'),
        ({"vpin_bucket_lots": 0}, "vpin_bucket_lots must be 1 or more, got 0"),
    ],
)
def test_bad_rules_and_features_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_feed(**settings)


@pytest.mark.data
def test_on_a_recording_candles_by_volume_hold_every_trade_once():
    lines = recorded_lines("usdm_btcusdt_20240808")
    settings = {"product": "usdm", "candle_interval_ns": None}
    feed = make_feed(**settings, candle_rule="volume", candle_size=10_000, vpin_bucket_lots=10_000)
    feed.apply_lines(lines)
    candles = feed.take_candles()
    assert len(candles) > 20
    for candle, following in pairwise(candles):
        assert candle[6] >= 10_000
        assert candle[11] + 1 == following[10]
    by_trade = make_feed(**settings, candle_rule="trades", candle_size=1)
    by_trade.apply_lines(lines)
    trades = by_trade.take_candles()
    in_candles = [trade for trade in trades if trade[11] <= candles[-1][11]]
    assert sum(candle[6] for candle in candles) == sum(trade[6] for trade in in_candles)
    assert sum(candle[8] for candle in candles) == sum(trade[8] for trade in in_candles)
    features, _ = read(feed)
    assert known(features) >= set(NAMES) - {"vpin"}

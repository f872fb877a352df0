"""The simulator's features beside the live feed's, and out of rows by order beside rows by level."""

from array import array

import numpy as np
import pytest
from tests.native.simulated_flow import ASK, BOOK, LEVEL, TRADE, flow, rows, simulator

from openoutcry.native import CoreError, HistoryDecoder, MarketFeed, SyntheticMarket

ADD, CANCEL, MODIFY, CLEAR, SNAPSHOT, TOUCH = 10, 11, 12, 3, 4, 5
S = 1_000_000_000
GRID = {"price_tick": "0.01", "size_step": "0.00001"}
# They decay with time, of which a trade has two (the venue's event and the trade itself), and a ticker none.
DECAYING = {"trade_sign_mean", "buy_rate", "sell_rate", "buy_volume_rate", "sell_volume_rate"} | {
    "trade_intensity", "order_flow_1", "order_flow_5", "order_flow_10"
}  # fmt: skip


def featured(*chunks, **settings):
    """The features at each change of the touch and each candle of a second, by time."""
    simulation = simulator(*chunks, **settings)
    simulation.subscribe(0, touch=True, candle_interval_ns=S, features=True)
    found = {}
    while (wake := simulation.advance()) is not None:
        found[wake[0]] = simulation.features(0)
    return found


def same(one, other):
    return [name for name, value in one.items() if not (value == other[name] or value != value)]  # noqa: PLR0124  NaN


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_the_live_feeds_over_the_same_frames(seed):
    lines = SyntheticMarket(seed=seed).next_lines(12_000)
    feed = MarketFeed(product="spot", symbol="BTCUSDT", candle_interval_ns=S, **GRID)
    live, values = {}, array("d", bytes(8 * len(MarketFeed.feature_names())))
    for line in lines:
        feed.apply_lines(line + b"\n")
        if feed.take_candles():
            feed.feature_vector(values)
            live[int(line.split(b" ")[0])] = dict(zip(MarketFeed.feature_names(), values, strict=True))
    decoder = HistoryDecoder(symbol="BTCUSDT", **GRID)
    history = np.frombuffer(decoder.decode_lines(b"\n".join(lines) + b"\n"), np.int64).reshape(-1, 6)
    simulated = featured(history, **GRID)
    compared = [at_ns for at_ns in live if at_ns in simulated]
    assert len(compared) > 50
    for at_ns in compared:
        for name, value in live[at_ns].items():
            tolerance = 0.02 if name in DECAYING else 0.0  # of a sum of what came and went
            assert simulated[at_ns][name] == pytest.approx(
                value, rel=tolerance, abs=tolerance, nan_ok=True
            ), name
    assert sum(not np.isnan(live[at_ns]["order_flow_5"]) for at_ns in compared) > 30


def by_order(count, seed):
    """Rows of orders that come, change and go on both sides, and what they make of levels, row by row."""
    random = np.random.default_rng(seed)
    orders, levels, events, now_ns = {}, {}, [], S

    def put(kind, side, price, size, number):
        events.append(((now_ns, now_ns, kind + ASK * side, price, size, number), []))

    def change(side, price, by):
        levels[side, price] = levels.get((side, price), 0) + by
        events[-1][1].append((now_ns, now_ns, LEVEL + ASK * side, price, levels[side, price], 0))

    for number in range(1, count):
        now_ns += int(random.integers(1, 50_000_000))
        draw, side = random.random(), int(random.integers(2))
        if draw < 0.5 or len(orders) < 20:
            price = 1_000 - int(random.integers(8)) if side == 0 else 1_001 + int(random.integers(8))
            orders[number] = (side, price, size := int(random.integers(1, 9)))
            put(ADD, side, price, size, number)
            change(side, price, size)
        elif draw < 0.6:
            events.append(((now_ns, now_ns, TRADE + ASK * side, 1_000 + (1 - side), 2, 0), []))
            events[-1][1].append(events[-1][0])
        else:
            known = int(random.choice(list(orders)))
            side, price, size = orders.pop(known)
            if draw < 0.8:
                put(CANCEL, side, price, size, known)
                change(side, price, -size)
            else:
                moved = price + int(random.integers(-1, 1)) * (1 if side == 0 else -1)
                orders[known] = (side, moved, new := int(random.integers(1, 9)))
                put(MODIFY, side, moved, new, known)
                change(side, price, -size)
                change(side, moved, new)
    return np.array([event for event, _ in events], np.int64), np.array(
        [row for _, changed in events for row in changed], np.int64
    )


@pytest.mark.parametrize("seed", range(3))
def test_rows_by_order_say_what_the_same_rows_by_level_say(seed):
    orders, levels = by_order(3_000, seed)
    one, other = featured(orders, by_order=True), featured(levels)
    assert len(one) > 100
    assert one.keys() == other.keys()
    assert all(not same(one[at_ns], other[at_ns]) for at_ns in one)
    assert any(abs(each["order_flow_1"]) > 0 for each in one.values())


def test_a_tickers_touch_is_not_of_the_book_that_features_follow():
    book = rows(*BOOK, (2, TRADE, 101, 1), (S, 1, 100, 7), (S + 1, TRADE, 101, 1))
    touched = rows(*BOOK, (2, TRADE, 101, 1), (S - 1, TOUCH, 100, 9), (S, 1, 100, 7), (S + 1, TRADE, 101, 1))
    one, other = featured(book)[S], featured(touched)[S]
    assert not same(one, other)


def test_rows_of_one_moment_are_one_update():
    apart = rows(*BOOK, (2, 1, 100, 5), (3, 1, 100, 0), (30 * S, 1 + ASK, 101, 4))
    at_once = rows(*BOOK, (3, 1, 100, 5), (3, 1, 100, 0), (30 * S, 1 + ASK, 101, 4))
    flows = [featured(each)[30 * S]["order_flow_1"] for each in (apart, at_once)]
    assert flows[0] == pytest.approx(flows[1], abs=1e-6)  # what came and went adds up to nothing


def test_a_snapshot_begins_anew_and_a_lost_book_has_no_features():
    history = flow(4_000, 5)
    history[:, :2] *= 30  # half a minute
    end = int(history[-1, 0]) + S
    lost = rows((end, CLEAR, 0, 0), (end, CLEAR + ASK, 0, 0), (end + 1, TRADE, 9_000, 1))
    joined = rows(*((at + end + S, SNAPSHOT + kind - 1, price, size) for at, kind, price, size in BOOK))
    found = featured(history, lost, joined)
    before, gone, after = found[max(at for at in found if at < end)], found[end], found[end + S + 1]
    assert not np.isnan(before["order_flow_5"])
    assert np.isnan([gone[name] for name in ("mid_ticks", "order_flow_5", "volatility")]).all()
    assert after["mid_ticks"] == 100.0
    assert np.isnan(after["volatility"])


def test_they_are_kept_only_if_asked_for_and_from_the_beginning():
    simulation = simulator(flow(1_000, 2))
    simulation.subscribe(0, touch=True)
    assert simulation.features(0) == {}
    simulation.advance()
    with pytest.raises(CoreError, match="has begun"):
        simulation.subscribe(0, features=True)
    with pytest.raises(ValueError, match="no instrument 7"):
        simulation.features(7)


def test_a_run_is_the_same_with_and_without_them():
    history = flow(5_000, 4)
    runs = []
    for features in (False, True):
        simulation = simulator(history)
        simulation.subscribe(0, touch=True, features=features)
        wakes = []
        while (wake := simulation.advance()) is not None:
            wakes.append((wake, simulation.touch(0), simulation.levels(0, "buy", 5)))
        runs.append(wakes)
    assert runs[0] == runs[1]

"""Streams with injected patterns remain streams that the venue could have sent."""

import json
import re
from decimal import Decimal
from itertools import pairwise, product
from pathlib import Path

import pytest
from benches.anomaly.injector import JUDGE_SEEDS, TRAIN_SEEDS, Plan, Source
from benches.anomaly.patterns import INTENSITIES, PATTERNS
from benches.anomaly.recording import INSTRUMENTS, NS_PER_MS, Instrument, TextGrid, decimal_text, scaled
from benches.anomaly.splice import ASK, BID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openoutcry.native import MarketFeed, SyntheticMarket

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "binance_l2_2024"
SYNTHETIC = Instrument(
    name="synthetic",
    product="spot",
    symbol="BTCUSDT",
    price_tick="0.01",
    size_step="0.00001",
    files=(),
)
# A recording is cut here; enough for a pattern after eight seconds.
SLICE_LINES = 8_000
# A pattern's last change shows in the next depth update.
SETTLED_MS = 200
IDS = re.compile(rb'"(U|u|pu|t|lastUpdateId)":\d+')
KINDS_AND_INTENSITIES = list(product(PATTERNS, INTENSITIES))


def synthetic_lines(seed=1, seconds=30):
    market = SyntheticMarket(seed=seed, duration_ns=seconds * 1_000_000_000)
    lines = []
    while batch := market.next_lines(1_000):
        lines += batch
    return lines


@pytest.fixture(scope="module")
def synthetic():
    return Source(SYNTHETIC, synthetic_lines())


@pytest.fixture(scope="module", params=INSTRUMENTS, ids=lambda instrument: instrument.name)
def recorded(request):
    if not RECORDINGS.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    return Source(request.param, request.param.lines(RECORDINGS)[:SLICE_LINES])


def plan_of(source, kind, intensity, *, side=BID, after_ms=8_000, seed=1):
    return Plan(kind, intensity, side, source.usual.first_ms + after_ms, seed)


def feed_of(source):
    instrument = source.instrument
    return MarketFeed(
        product=instrument.product,
        symbol=instrument.symbol,
        price_tick=instrument.price_tick,
        size_step=instrument.size_step,
        candle_interval_ns=1_000_000_000,
    )


def assert_sound(source, lines):
    """The core takes every line, and so does a plain reading of them."""
    feed = feed_of(source)
    assert feed.apply_lines(b"\n".join(lines)) == len(lines)
    assert (feed.gaps, feed.crossed, feed.missing_trades) == (0, 0, None)
    assert feed.is_valid
    original = feed_of(source)
    original.apply_lines(b"\n".join(source.lines))
    assert feed.levels(100_000) == original.levels(100_000)
    assert_reads_well(source, lines)
    assert steps_back(lines) <= steps_back(source.lines)


def steps_back(lines):
    """How often a channel's time goes back."""
    times, count = {}, 0
    for line in lines:
        data = json.loads(line.split(b" ", 1)[1]).get("data", {})
        for key in {"E", "T"} & data.keys():
            channel = data.get("e"), key
            count += data[key] < times.get(channel, 0)
            times[channel] = data[key]
    return count


def assert_reads_well(source, lines):
    tick = Decimal(source.instrument.price_tick)
    received, trade_id, last_id = 0, None, None
    for line in lines:
        received_text, body = line.split(b" ", 1)
        assert int(received_text) >= received
        received = int(received_text)
        data = json.loads(body).get("data")
        if data is None:
            continue
        event = data.get("e", "bookTicker")
        if event == "trade":
            assert trade_id is None or data["t"] == trade_id + 1
            trade_id = data["t"]
            assert Decimal(data["p"]) % tick == 0
            assert Decimal(data["q"]) > 0
        elif event == "bookTicker":
            assert Decimal(data["b"]) < Decimal(data["a"])
            assert min(Decimal(data["B"]), Decimal(data["A"])) > 0
        else:
            assert data["U"] <= data["u"]
            assert last_id is None or data.get("pu", data["U"] - 1) == last_id
            last_id = data["u"]
            for side in ("b", "a"):
                prices = [price for price, _ in data[side]]
                assert len(prices) == len(set(prices))
                assert all(Decimal(price) % tick == 0 for price in prices)
                assert all(Decimal(size) >= 0 for _, size in data[side])


def without_ids(lines):
    return [IDS.sub(rb'"\1":0', line) for line in lines]


def venue_ms(line):
    return json.loads(line.split(b" ", 1)[1]).get("data", {}).get("E", 0)


def trades_between(lines, begin_ns, end_ns):
    found = []
    for line in lines:
        data = json.loads(line.split(b" ", 1)[1]).get("data", {})
        if data.get("e") == "trade" and begin_ns <= data["E"] * NS_PER_MS <= end_ns:
            found.append((data["p"], data["q"], data["m"]))
    return found


def test_without_patterns_the_recording_comes_back(synthetic):
    assert synthetic.inject([]) == (synthetic.lines, [])


@pytest.mark.data
def test_a_real_recording_comes_back(recorded):
    assert recorded.inject([]) == (recorded.lines, [])


@pytest.mark.parametrize(("intensity", "side"), [("weak", ASK), ("medium", BID)])
@pytest.mark.parametrize("kind", PATTERNS)
def test_each_pattern_leaves_a_sound_stream(synthetic, kind, intensity, side):
    lines, (label,) = synthetic.inject([plan_of(synthetic, kind, intensity, side=side)])
    assert (label.kind, label.intensity, label.side) == (kind, intensity, side)
    assert label.acts > 0
    assert label.begin_ns < label.end_ns
    assert_sound(synthetic, lines)


@pytest.mark.data
@pytest.mark.parametrize("kind", PATTERNS)
def test_each_pattern_leaves_a_real_recording_sound(recorded, kind):
    lines, _ = recorded.inject([plan_of(recorded, kind, "strong", side=ASK)])
    assert_sound(recorded, lines)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    combination=st.sampled_from(KINDS_AND_INTENSITIES),
    side=st.sampled_from((BID, ASK)),
    seed=st.integers(0, 2**64),
    after_ms=st.integers(2_000, 12_000),
)
def test_any_seed_leaves_a_sound_stream(synthetic, combination, side, seed, after_ms):
    plan = plan_of(synthetic, *combination, side=side, after_ms=after_ms, seed=seed)
    assert_sound(synthetic, synthetic.inject([plan])[0])


@pytest.mark.parametrize("kind", PATTERNS)
def test_only_what_the_label_spans_is_changed(synthetic, kind):
    lines, (label,) = synthetic.inject([plan_of(synthetic, kind, "strong")])
    original, changed = without_ids(synthetic.lines), without_ids(lines)
    begin = next(i for i, line in enumerate(original) if venue_ms(line) * NS_PER_MS >= label.begin_ns)
    assert changed[:begin] == original[:begin]
    settled_ms = label.end_ns // NS_PER_MS + SETTLED_MS
    after = sum(venue_ms(line) > settled_ms for line in original)
    assert after > 0
    assert changed[-after:] == original[-after:]
    assert changed != original


def test_the_same_seed_gives_the_same_bytes():
    first, second = (Source(SYNTHETIC, synthetic_lines(seconds=100)) for _ in range(2))
    assert first.plan(7) == second.plan(7)
    assert first.inject(first.plan(7)) == second.inject(second.plan(7))
    assert first.plan(7) != first.plan(8)


def test_a_plan_has_room_between_its_patterns():
    source = Source(SYNTHETIC, synthetic_lines(seconds=150))
    plans = source.plan(3)
    begins = [plan.begin_ms for plan in plans]
    assert len(plans) >= 2
    assert begins[0] >= source.usual.first_ms + 60_000
    assert all(later - earlier > 15_000 for earlier, later in pairwise(begins))
    lines, labels = source.inject(plans)
    assert [label.kind for label in labels] == [plan.kind for plan in plans]
    assert_sound(source, lines)


def test_train_and_judge_seeds_differ():
    assert not set(TRAIN_SEEDS) & set(JUDGE_SEEDS)


def test_a_pattern_that_does_not_fit_is_refused(synthetic):
    with pytest.raises(ValueError, match="ends before"):
        synthetic.inject([plan_of(synthetic, "wash", "weak", after_ms=29_900)])


@pytest.mark.parametrize(("intensity", "count"), [("weak", 10), ("medium", 30), ("strong", 100)])
def test_wash_is_equal_trades_in_turn(synthetic, intensity, count):
    lines, (label,) = synthetic.inject([plan_of(synthetic, "wash", intensity)])
    recorded = trades_between(synthetic.lines, label.begin_ns, label.end_ns)
    written = trades_between(lines, label.begin_ns, label.end_ns)
    size = synthetic.grid.size(synthetic.grid.whole_lots(3 * synthetic.usual.trade_units))
    takers = [is_sell for _, each, is_sell in written if each == size]
    assert len(written) - len(recorded) == count
    assert takers[:4] == [False, True, False, True]


@pytest.mark.parametrize(("side", "is_up"), [(BID, True), (ASK, False)])
@pytest.mark.parametrize("kind", ["ignition", "hole"])
def test_a_push_moves_the_touch_and_it_comes_back(synthetic, kind, side, is_up):
    lines, (label,) = synthetic.inject([plan_of(synthetic, kind, "strong", side=side)])
    feed = feed_of(synthetic)
    touches = []
    for line in lines:
        feed.apply_lines(line)
        if label.begin_ns <= feed.last_event_ns <= label.end_ns:
            touches.append(feed.top())
    start, reach = touches[0], 5 * synthetic.usual.sigma_ticks
    if is_up:
        assert max(ask for _, _, ask, _ in touches) > start[2] + reach
    else:
        assert min(bid for bid, *_ in touches) < start[0] - reach


@pytest.mark.parametrize("side", [BID, ASK])
def test_a_spoofed_wall_stands_and_goes(synthetic, side):
    lines, (label,) = synthetic.inject([plan_of(synthetic, "spoof", "strong", side=side)])
    wall_lots = 20 * synthetic.usual.level_units / synthetic.grid.units_per_lot
    feed = feed_of(synthetic)
    largest = {True: 0, False: 0}
    for line in lines:
        feed.apply_lines(line)
        is_during = label.begin_ns <= feed.last_event_ns <= label.end_ns
        if b"depthUpdate" in line and feed.last_event_ns > label.begin_ns:
            levels = feed.levels(200)[side == ASK]
            largest[is_during] = max(largest[is_during], *(lots for _, lots in levels[:200]))
    assert largest[True] >= 0.99 * wall_lots
    # What the market itself shows is far from it.
    assert feed.levels(200) == levels_at_end(synthetic)


def levels_at_end(source):
    feed = feed_of(source)
    feed.apply_lines(b"\n".join(source.lines))
    return feed.levels(200)


def test_stronger_is_more(synthetic):
    for kind in ("stuffing", "flicker", "wash", "iceberg"):
        acts = [synthetic.inject([plan_of(synthetic, kind, each)])[1][0].acts for each in INTENSITIES]
        assert acts == sorted(acts)
        assert acts[0] * 2 < acts[2]


@given(units=st.integers(0, 10**15), decimals=st.integers(0, 8))
def test_decimal_text_is_exact_both_ways(units, decimals):
    text = decimal_text(units, decimals)
    assert Decimal(text) == Decimal(units).scaleb(-decimals)
    assert scaled(text, decimals) == units


def test_what_is_off_the_grid_is_refused():
    grid = TextGrid("0.10", "0.001", "61800.20", "2.507")
    assert grid.price(grid.ticks("61800.20")) == "61800.20"
    with pytest.raises(ValueError, match="off the grid"):
        grid.ticks("61800.25")
    with pytest.raises(ValueError, match="decimals"):
        grid.units("0.0001")

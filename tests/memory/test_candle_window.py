from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.units import NS_PER_S, PriceTicks, SizeLots, TimestampNs
from openoutcry.memory.candle_window import MAX_CLOCK_LEAD_NS, CandleWindow

NOW = TimestampNs(10**18)
closes = st.lists(st.integers(100, 10_000), min_size=1, max_size=60)
check = settings(derandomize=True, deadline=None, max_examples=60)


def candles_of(prices):
    return [
        CandleClosed(
            id=f"candle:X:{i}",
            symbol="X",
            open_ns=TimestampNs(i * NS_PER_S),
            close_ns=TimestampNs((i + 1) * NS_PER_S),
            open_ticks=PriceTicks(before),
            high_ticks=PriceTicks(max(before, price) + 1),
            low_ticks=PriceTicks(min(before, price) - 1),
            close_ticks=PriceTicks(price),
            volume_lots=SizeLots(i),
            buy_volume_lots=SizeLots(0),
            notional=0,
            trade_count=1,
            first_trade_id=i,
            last_trade_id=i,
        )
        for i, (before, price) in enumerate(pairwise([prices[0], *prices]))
    ]


def window(capacity=7):
    return CandleWindow(symbol="X", capacity=capacity)


@check
@given(closes, st.integers(1, 20))
def test_holds_the_last_candles_in_order_and_no_more(prices, capacity):
    held, candles = window(capacity), candles_of(prices)
    assert all(held.append(candle, NOW) for candle in candles)
    kept, columns = candles[-capacity:], held.columns()
    assert len(held) == len(columns) == len(kept)
    for column, field in (
        (columns.open, "open_ticks"),
        (columns.high, "high_ticks"),
        (columns.low, "low_ticks"),
        (columns.close, "close_ticks"),
        (columns.volume, "volume_lots"),
        (columns.close_ns, "close_ns"),
    ):
        assert column.tolist() == [getattr(candle, field) for candle in kept]
    assert columns.close.dtype == np.float64
    assert held.last == candles[-1]


@check
@given(closes, st.integers(1, 20))
def test_what_comes_later_never_shows_in_columns_handed_out(prices, capacity):
    held, seen = window(capacity), []
    for candle in candles_of(prices):
        held.append(candle, NOW)
        columns = held.columns()
        seen.append((columns, columns.close.tolist(), columns.close_ns.tolist()))
    for columns, close, close_ns in seen:
        assert columns.close.tolist() == close
        assert columns.close_ns.tolist() == close_ns


def test_columns_cannot_be_written():
    held = window()
    held.append(candles_of([100])[0], NOW)
    for column in (held.columns().close, held.columns().close_ns):
        with pytest.raises(ValueError, match=r"read-only"):
            column[0] = 1


@check
@given(closes, st.data())
def test_duplicates_and_late_candles_change_nothing(prices, data):
    candles = candles_of(prices)
    noisy, clean = window(), window()
    for i, candle in enumerate(candles):
        assert clean.append(candle, NOW)
        assert noisy.append(candle, NOW)
        assert not noisy.append(candles[data.draw(st.integers(0, i))], NOW)
    assert noisy.columns().close_ns.tolist() == clean.columns().close_ns.tolist()


@check
@given(closes, st.randoms(use_true_random=False), st.integers(0, 60))
def test_a_merged_history_equals_having_been_there(prices, random, live_from):
    candles, live, late = candles_of(prices), window(), window()
    for candle in candles:
        live.append(candle, NOW)
    for candle in candles[live_from:]:
        late.append(candle, NOW)
    history = list(candles)
    random.shuffle(history)
    assert late.merge(history, NOW) == min(live_from, len(candles)) + max(0, len(candles) - live_from - 7)
    assert late.columns().close.tolist() == live.columns().close.tolist()
    assert late.merge([], NOW) == 0
    assert late.columns().close_ns.tolist() == live.columns().close_ns.tolist()


def test_asks_for_fewer_columns():
    held = window()
    for candle in candles_of([100, 200, 300]):
        held.append(candle, NOW)
    assert held.columns(2).close.tolist() == [200, 300]
    assert held.columns(99).close.tolist() == [100, 200, 300]
    assert len(held.columns(0)) == 0


def test_a_candle_from_the_future_is_refused_and_changes_nothing():
    held, candle = window(), candles_of([100])[0]
    edge = TimestampNs(candle.close_ns - MAX_CLOCK_LEAD_NS)
    with pytest.raises(InvalidInputError, match=r"after now.*check this machine's clock"):
        held.append(candle, TimestampNs(edge - 1))
    with pytest.raises(InvalidInputError, match=r"after now"):
        held.merge([candle], TimestampNs(edge - 1))
    assert len(held) == 0
    assert held.append(candle, edge)


@pytest.mark.parametrize(
    "change",
    [
        {"symbol": "Y"},
        {"high_ticks": 99},
        {"low_ticks": 101},
        {"low_ticks": 0},
        {"volume_lots": -1},
        {"open_ns": TimestampNs(NS_PER_S)},
    ],
)
def test_a_candle_that_contradicts_itself_is_refused(change):
    held = window()
    with pytest.raises(InvalidInputError, match=r"candle:X:0"):
        held.append(msgspec.structs.replace(candles_of([100])[0], **change), NOW)
    assert held.last is None


@pytest.mark.parametrize("capacity", [0, 10_001])
def test_an_impossible_capacity_is_refused(capacity):
    with pytest.raises(InvalidInputError, match=r"choose 1 to 10000"):
        window(capacity)

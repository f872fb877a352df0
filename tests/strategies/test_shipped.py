"""The shipped strategies: their rules by hand, and the fast way equal to the plain one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.breakout import Breakout
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.combination import Combination
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.order_flow_imbalance import OrderFlowImbalance
from openoutcry.strategies.pairs import Pairs
from openoutcry.strategies.rsi_reversion import RsiReversion
from openoutcry.strategies.shipped import SHIPPED_STRATEGIES, strategy_registry
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Market, Needs, Quotes, Touch, strategy_name

SYMBOL = "BTC/USDT"


def columns(closes, wick=2):
    close = np.array(closes, dtype=float)
    opens = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opens, close) + wick, np.minimum(opens, close) - wick
    times = np.arange(1, len(close) + 1, dtype=np.int64) * 10**9
    return CandleColumns(opens, high, low, close, np.ones(len(close)), times)


def market(closes, **more):
    candles = columns(closes)
    return Market(SYMBOL, candles, int(candles.close_ns[-1]), **more)


def wished(strategy, candles):
    """The plain way: observe what is known at each candle."""
    shares = []
    for stop in range(1, len(candles) + 1):
        if stop < strategy.warmup:
            shares.append(math.nan)
            continue
        shown = candles.part(stop - strategy.warmup, stop)
        wish = strategy.observe(Market(SYMBOL, shown, int(shown.close_ns[-1])))
        shares.append(math.nan if wish is None else wish.share)
    return shares


walks = st.lists(st.integers(-30, 30), min_size=40, max_size=90).map(
    lambda steps: [10_000 + int(each) for each in np.cumsum(steps)]
)
FAST = (
    SmaCross(fast=3, warmup=8),
    RsiReversion(warmup=5),
    RsiReversion(warmup=9, oversold=40.0, recovered=60.0, both_sides=True),
    Breakout(warmup=10, leave=4),
    Breakout(warmup=7, leave=6, both_sides=True),
    BuyAndHold(share=0.5),
    Combination(
        members=(SmaCross(fast=2, warmup=6), Breakout(warmup=10, leave=4), RsiReversion(warmup=5)),
        weights=(1.0, 2.0, 0.5),
        conflict="majority",
        quorum=2,
        warmup=10,
    ),
)


@pytest.mark.parametrize("strategy", FAST, ids=str)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(walk=walks)
def test_the_fast_way_says_what_observe_says(strategy, walk):
    candles = columns(walk)
    np.testing.assert_array_equal(strategy.exposures(candles), wished(strategy, candles))


def test_an_oversold_market_is_bought_and_a_recovered_one_sold():
    strategy = RsiReversion(warmup=5)
    assert strategy.observe(market([100, 99, 98, 97, 96])).share == 1.0
    assert strategy.observe(market([96, 97, 98, 99, 100])).share == 0.0
    assert strategy.observe(market([100, 101, 100, 101, 100])) is None  # an RSI of 50
    assert strategy.rsi(columns([100, 103, 102, 102, 102]))[-1] == 75.0
    both = RsiReversion(warmup=5, both_sides=True)
    assert both.observe(market([96, 97, 98, 99, 100])).share == -1.0
    assert both.observe(market([100, 101, 100, 101, 100])).share == 0.0


def test_a_breakout_is_followed_until_it_is_undone():
    strategy = Breakout(warmup=6, leave=2)
    assert strategy.observe(market([100, 101, 100, 101, 100, 104])).share == 1.0
    assert strategy.observe(market([100, 101, 100, 101, 100, 103])) is None  # the highest high, not above it
    assert strategy.observe(market([100, 110, 110, 110, 110, 107])).share == 0.0  # below two lows of 108
    assert (
        Breakout(warmup=6, leave=2, both_sides=True).observe(market([100, 101, 100, 101, 100, 97])).share
        == -1.0
    )


def test_pairs_buy_the_cheap_leg_and_sell_the_dear_one():
    rng = np.random.default_rng(7)
    second = np.exp(np.cumsum(rng.normal(0, 0.01, 60))) * 1_000
    first = second**2 * np.exp(rng.normal(0, 0.001, 60))
    strategy = Pairs(warmup=60, leg=0.4)
    first[-1] *= 1.02
    wish = strategy.observe(market(first, others={"ETH/USDT": columns(second)}))
    assert (wish.share, wish.others) == (-0.4, {"ETH/USDT": 0.4})
    first[-1] *= 0.96
    wish = strategy.observe(market(first, others={"ETH/USDT": columns(second)}))
    assert (wish.share, wish.others) == (0.4, {"ETH/USDT": -0.4})
    with pytest.raises(InvalidInputError, match="name both"):
        strategy.observe(market(first))


def test_the_spreads_deviation_by_hand():
    first, second = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0])
    beta = 1.5  # (-1 · -4/3 + 1 · 5/3) / 2
    spread = first - beta * second
    expected = (spread[-1] - spread.mean()) / spread.std(ddof=1)
    assert Pairs.deviation(first, second) == pytest.approx(expected, rel=1e-12)
    assert Pairs.deviation(np.ones(3), np.ones(3)) == 0.0


def test_order_flow_is_followed_in_proportion_to_the_volume():
    strategy = OrderFlowImbalance()

    def share(flow, bought=10.0, sold=10.0):
        features = {"order_flow_5": flow, "buy_volume_rate": bought, "sell_volume_rate": sold}
        wish = strategy.observe(market([100], features=features))
        return wish and wish.share

    assert share(20.0) == 0.5
    assert share(-100.0) == -1.0
    assert share(5.0) is None
    assert share(5.0, 0.0, 0.0) is None
    assert share(math.nan) is None


def quotes(maker, position=0, mids=(), bid=1_000, ask=1_002):
    return maker.observe(market([1_000], book=Touch(bid, 5, ask, 5), position_lots=position, mids=mids))


def test_the_makers_quotes_by_the_papers_formula():
    maker = MarketMaker(risk_aversion=0.1, arrival_decay=1.0, horizon_s=2.0, quote_lots=10)
    mids = [(0, 999.0), (10**9, 1_001.0), (2 * 10**9, 1_001.0)]  # a variance of 4 / 2 s
    risk, base = 0.1 * 2.0 * 2.0, 20.0 * math.log(1.1)
    half = (risk + base) / 2
    flat = quotes(maker, mids=mids)
    assert flat == Quotes(math.floor(1_001 - half), math.ceil(1_001 + half), 10, 10)
    long = quotes(maker, position=50, mids=mids)  # five quotes: the reservation price is 2 ticks lower
    assert long.bid_ticks == math.floor(999 - half)
    assert long.ask_ticks == math.ceil(999 + half)


def test_the_maker_adds_nothing_to_a_full_position_and_never_crosses():
    maker = MarketMaker(quote_lots=10, max_position_lots=100, risk_aversion=5.0)
    mids = [(0, 900.0), (10**9, 1_001.0)]
    full = quotes(maker, position=100, mids=mids)
    assert (full.bid_lots, full.ask_lots) == (0, 10)
    assert full.ask_ticks == 1_001  # however much it wants to be rid of it
    assert quotes(maker, position=-100, mids=mids).ask_lots == 0
    assert maker.observe(market([1_000])) is None


@pytest.mark.parametrize(
    ("kind", "parameters", "named"),
    [
        (SmaCross, {"fast": 100, "warmup": 50}, "fast = 100 must be below warmup"),
        (Breakout, {"leave": 60}, "leave = 60 must be below warmup"),
        (RsiReversion, {"oversold": 60.0}, "oversold = 60.0 must be below recovered"),
        (RsiReversion, {"recovered": 45.0, "both_sides": True}, "above 50"),
        (Pairs, {"enter": 0.4}, "leave = 0.5 must be below enter"),
        (OrderFlowImbalance, {"threshold": 3.0}, "threshold = 3.0 must be below full_at"),
    ],
)
def test_parameters_that_contradict_each_other_are_named(kind, parameters, named):
    with pytest.raises(InvalidInputError, match=named):
        kind(**parameters)


def test_every_shipped_strategy_says_its_idea_and_how_it_fails():
    for kind in SHIPPED_STRATEGIES:
        assert kind.__doc__ is not None
    for kind in (SmaCross, RsiReversion, Breakout, Pairs, MarketMaker, OrderFlowImbalance, Combination):
        assert "fails" in kind.__doc__, kind
    assert {strategy_name(kind) for kind in SHIPPED_STRATEGIES} | {"combination"} == set(
        strategy_registry().names
    )
    assert MarketMaker.needs == Needs(book=True)

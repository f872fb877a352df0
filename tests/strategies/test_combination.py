import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.strategies.breakout import Breakout
from openoutcry.strategies.combination import Combination, parse_members
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Exposure, Market, Needs, Strategy
from openoutcry.strategies.weighting import Record, by_performance, by_regime, by_volatility, record_of


class Says(Strategy, frozen=True):
    """Wants always the same; NaN is no opinion."""

    warmup: int = 1
    share: float | None = 0.0

    def observe(self, market):
        return None if self.share is None else Exposure(self.share, "told")


def candles(closes):
    close = np.array(closes, dtype=float)
    times = np.arange(1, len(close) + 1, dtype=np.int64)
    return CandleColumns(close, close + 1, close - 1, close, np.ones(len(close)), times)


def market(closes=(100.0,)):
    shown = candles(closes)
    return Market("BTC/USDT", shown, int(shown.close_ns[-1]))


def combined(*shares, **settings_):
    weights = settings_.pop("weights", (1.0,) * len(shares))
    members = tuple(Says(share=share) for share in shares)
    wish = Combination(members=members, weights=weights, **settings_).observe(market())
    return None if wish is None else wish.share


def test_the_weighted_mean_by_hand():
    assert combined(1.0, -0.5, weights=(2.0, 1.0)) == 0.5
    assert combined(1.0, 0.0) == 0.5  # wanting nothing is an opinion


def test_who_abstains_has_no_weight_and_a_quorum_is_needed():
    assert combined(1.0, None, weights=(1.0, 9.0)) == 1.0
    assert combined(None, None) is None
    assert combined(1.0, None, quorum=2) is None
    assert combined(1.0, -1.0, weights=(0.0, 0.0001)) == -1.0
    assert combined(1.0, None, weights=(0.0, 1.0)) is None  # the only opinion has no weight


def test_conflicts_are_netted_outvoted_or_vetoed():
    shares, weights = (1.0, 0.5, -1.0), (1.0, 1.0, 1.5)
    assert combined(*shares, weights=weights) == 0.0
    assert combined(*shares, weights=weights, conflict="majority") == 0.75
    assert combined(*shares, weights=weights, conflict="veto") == 0.0
    assert combined(1.0, 0.5, conflict="veto") == 0.75
    assert combined(1.0, -1.0, conflict="majority") == 0.0


opinions = st.one_of(st.none(), st.floats(-1, 1))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(opinions, st.floats(0.01, 10)), min_size=1, max_size=6),
    st.sampled_from(["net", "majority", "veto"]),
    st.randoms(use_true_random=False),
)
def test_it_stays_between_its_members_whatever_their_order(terms, conflict, random):
    shares, weights = zip(*terms, strict=True)
    share = combined(*shares, weights=weights, conflict=conflict)
    given_ = [each for each in shares if each is not None]
    if not given_:
        assert share is None
        return
    assert min(0.0, *given_) - 1e-12 <= share <= max(0.0, *given_) + 1e-12
    if conflict == "net":
        assert min(given_) - 1e-12 <= share <= max(given_) + 1e-12
    shuffled = list(terms)
    random.shuffle(shuffled)
    other, reweighed = zip(*shuffled, strict=True)
    assert combined(*other, weights=reweighed, conflict=conflict) == pytest.approx(share, abs=1e-9)


def record(results, closes=None):
    """A record with these results, on prices that make every log return 1."""
    results = np.array(results)
    return Record(np.exp(np.arange(results.shape[1] + 1.0)) if closes is None else closes, results)


def test_performance_weighs_by_recent_results():
    weights = by_performance(record([[1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0], [0.0, 0.0, 0.0, 1.0]]))
    recent = np.array([0.125, 0.25, 0.5, 1.0])  # four half lives over four results
    np.testing.assert_allclose(weights, [1.0, 0.0, 1.0 / recent.sum()])


def test_volatility_weighs_by_the_inverse():
    weights = by_volatility(record([[1.0, -1.0, 1.0, -1.0], [0.5, -0.5, 0.5, -0.5], [0.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(weights, [1.0, 2.0, 2.0])
    assert not by_volatility(record([[0.0, 0.0]])).any()


def test_regimes_weigh_by_results_in_candles_like_the_present():
    trend = np.arange(100.0, 121.0)
    chop = np.tile([120.0, 121.0], 10)
    closes = np.concatenate((trend, chop))
    follower, fader = np.ones(40), -np.ones(40)
    follower[20:], fader[20:] = -np.sign(np.diff(closes))[20:], np.sign(np.diff(closes))[20:]
    weights = by_regime(Record(closes, np.array([follower, fader])))
    assert weights[0] == 0.0  # it chops now, and in chop only the second one earned
    assert weights[1] > 0.0


def test_past_wishes_are_what_each_member_would_have_said_then():
    members = (SmaCross(fast=2, warmup=4), Says(share=0.25), Says(share=None))
    rng = np.random.default_rng(3)
    shown = candles(1_000 + np.cumsum(rng.integers(-5, 6, 40)))
    found = record_of(members, shown, 20)
    for column in range(20):
        stop = len(shown) - 20 + column
        past = shown.part(stop - 4, stop)
        wish = members[0].observe(Market("", past, int(past.close_ns[-1])))
        assert found.held[0][column] == wish.share
    assert (found.held[1] == 0.25).all()
    assert (found.held[2] == 0.0).all()
    np.testing.assert_allclose(found.results[1], 0.25 * np.diff(np.log(shown.close[-21:])))


@pytest.mark.parametrize("weighting", ["performance", "volatility", "regime"])
def test_weights_follow_from_what_is_shown_alone(weighting):
    create = strategy_registry().create
    strategy = create(
        "combination",
        {
            "members": "sma_cross(fast=2, warmup=5) + breakout(warmup=9, leave=4)",
            "weighting": weighting,
            "judged": 30,
        },
    )
    assert strategy.warmup == 9 + 30 + 1
    rng = np.random.default_rng(11)
    shown = candles(1_000 + np.cumsum(rng.integers(-5, 6, strategy.warmup)))
    first = strategy.observe(Market("", shown, 1))
    assert first == strategy.observe(Market("", shown, 1))
    assert -1.0 <= first.share <= 1.0
    assert strategy.exposures(shown) is None


def test_members_are_read_from_text():
    terms = parse_members("2 * sma_cross(fast=10, warmup=50) + breakout+ 0.5*rsi_reversion(both_sides=true)")
    assert terms == [
        (2.0, "sma_cross", {"fast": 10, "warmup": 50}),
        (1.0, "breakout", {}),
        (0.5, "rsi_reversion", {"both_sides": True}),
    ]
    made = strategy_registry().create(
        "combination", {"members": "2*sma_cross(fast=10, warmup=50) + breakout"}
    )
    assert made.members == (SmaCross(fast=10, warmup=50), Breakout())
    assert (made.weights, made.warmup) == ((2.0, 1.0), 56)


@pytest.mark.parametrize(
    "text", ["", "sma_cross +", "3 *", "sma_cross(fast)", "sma_cross(fast=1", "1.2.3*breakout"]
)
def test_unreadable_members_are_refused_with_an_example(text):
    with pytest.raises(InvalidInputError, match=r"write"):
        parse_members(text)


def test_members_are_read_from_tables_as_settings_have_them():
    tables = [
        {"name": "sma_cross", "weight": 2.0, "parameters": {"fast": 10, "warmup": 50}},
        {"name": "breakout"},
    ]
    text = "2 * sma_cross(fast=10, warmup=50) + breakout"
    registry = strategy_registry()
    assert registry.create("combination", {"members": tables}) == registry.create(
        "combination", {"members": text}
    )


@pytest.mark.parametrize(
    ("tables", "match"),
    [
        ([], "write at least one"),
        ([{"weight": 1.0}], "missing required field `name`.*write"),
        ([{"name": "breakout", "wieght": 1.0}], "unknown field `wieght`.*write"),
        ([{"name": "breakout", "weight": -1.0}], ">= 0.0.*write"),
        ([{"name": "breakuot"}], "did you mean 'breakout'"),
        ([{"name": "sma-cross", "parameters": {"fsat": 1}}], "did you mean 'fast'"),
    ],
)
def test_tables_that_cannot_be_used_are_told_with_their_remedy(tables, match):
    with pytest.raises(InvalidInputError, match=match):
        strategy_registry().create("combination", {"members": tables})


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(InvalidInputError, match="may not quote"):
        Combination(members=(MarketMaker(),), weights=(1.0,), warmup=100)
    with pytest.raises(InvalidInputError, match="statically"):
        Combination(members=(ModelDirected(),), weights=(1.0,), weighting="performance", warmup=500)
    with pytest.raises(InvalidInputError, match="give 56 or more"):
        Combination(members=(Breakout(),), weights=(1.0,))
    with pytest.raises(InvalidInputError, match="not all 0"):
        Combination(members=(Says(),), weights=(0.0,))
    with pytest.raises(InvalidInputError, match="weights"):
        Combination(members=(Says(),), weights=(math.nan,))
    assert Combination(members=(ModelDirected(), Says()), weights=(1.0, 1.0)).needs == Needs(opinions=True)

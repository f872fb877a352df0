"""A desk whose strategy looks at several symbols, at features, or answers what it must not."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import candle

from openoutcry.domain.control import CandleHistory
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.opinions import Signal
from openoutcry.domain.orders import OrderIntent, Refused
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs
from openoutcry.strategies.desk import DeskSettings, StrategyDesk
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.order_flow_imbalance import OrderFlowImbalance
from openoutcry.strategies.pairs import Pairs
from openoutcry.strategies.strategy import Needs, Quotes, Strategy
from openoutcry.strategies.symbol_join import SymbolJoin

NOW = TimestampNs(2 * 10**18)
FIRST, SECOND = "BTC/USDT", "ETH/USDT"
EAGER = DeskSettings(volatility_candles=2)
PAIRS = Pairs(warmup=4, enter=1.0, leave=0.2)


class Spread(Strategy, frozen=True):
    """Wants the sign of the last moves of two symbols."""

    needs = Needs(symbols=2)
    warmup: int = 3

    def observe(self, market):
        ((symbol, other),) = market.others.items()
        assert (market.candles.close_ns == other.close_ns).all()
        mine, theirs = (np.sign(np.diff(each[-2:])[0]) for each in (market.close, other.close))
        return self.hold(mine, "moved", others={symbol: float(theirs)})


class Quoter(Strategy, frozen=True):
    """Quotes though it did not say so."""

    warmup: int = 1

    def observe(self, market):
        return Quotes(PriceTicks(1), PriceTicks(2), SizeLots(1), SizeLots(1))


class Lost(Strategy, frozen=True):
    """Wants a share of a symbol that nobody shows it."""

    needs = Needs(symbols=2)
    warmup: int = 1

    def observe(self, market):
        return self.hold(0.0, "lost", others={"ETH/USDC": 1.0})


@pytest.fixture
def both(candles_of):
    """Candles of two symbols, side by side."""

    def build(first, second):
        seconds = [
            msgspec.structs.replace(each, symbol=SECOND, id=each.id.replace(FIRST, SECOND))
            for each in candles_of(second)
        ]
        return list(zip(candles_of(first), seconds, strict=True))

    return build


def desk(strategy, **options):
    options = {"settings": EAGER, "others": (SECOND,)} | options
    return StrategyDesk(symbol=FIRST, strategy=strategy, **options)


def run(decider, messages):
    return [answer for message in messages for answer in decider.decide(message, NOW)]


def exposures(messages):
    return {message.symbol: message.exposure for message in messages if isinstance(message, OrderIntent)}


def test_each_symbol_gets_a_signal_and_an_intent_of_its_own(both):
    moments = both([10_000, 10_000, 10_020, 10_050], [5_000, 5_000, 5_010, 4_990])
    decider = desk(Spread(), settings=DeskSettings(volatility_candles=2, long_only=False))
    for pair in moments[:2]:
        assert run(decider, pair) == []
    first, second = moments[2]
    assert run(decider, [second]) == []  # its counterpart has not closed
    said = run(decider, [first])
    assert [type(each) for each in said] == [Signal, OrderIntent, Signal, OrderIntent]
    assert exposures(said) == {FIRST: 1.0, SECOND: -1.0}
    assert [each.cause_id for each in said[::2]] == [first.id, second.id]
    assert [each.cause_id for each in said[1::2]] == [said[0].id, said[2].id]
    assert [each.reference_price_ticks for each in said[1::2]] == [10_050, 4_990]
    closes = np.array([5_000, 5_010, 4_990])
    assert said[3].volatility == pytest.approx(np.diff(np.log(closes)).std(ddof=1))


def test_a_long_only_account_rotates_into_the_cheaper_leg(both):
    calm = [10_000, 10_010, 10_020, 10_010, 10_000]
    dear = both([*calm, 10_300], [*calm, 10_000])
    assert exposures(run(desk(PAIRS), [each for pair in dear for each in pair])) == {FIRST: 0.0, SECOND: 0.5}
    cheap = both([*calm, 9_700], [*calm, 10_000])
    assert exposures(run(desk(PAIRS), [each for pair in cheap for each in pair])) == {FIRST: 0.5, SECOND: 0.0}


def test_a_refusal_pauses_its_own_symbol_only(both):
    moments = both([10_000 + 10 * i for i in range(9)], [5_000 + 10 * i for i in range(9)])
    decider = desk(Spread())
    said = run(decider, [each for pair in moments[:3] for each in pair])
    refused = next(each for each in said if isinstance(each, OrderIntent) and each.symbol == SECOND)
    run(
        decider,
        [
            Refused(
                id="refused",
                cause_id=refused.id,
                symbol=SECOND,
                intent_id=refused.id,
                check="staleness",
                limit="1 s",
                value="2 s",
                at_ns=NOW,
            )
        ],
    )
    assert exposures(run(decider, moments[3])) == {SECOND: 1.0}
    assert exposures(run(decider, moments[4])) == {}


def test_an_intent_that_may_be_lost_is_made_again_for_every_symbol(both):
    moments = both([10_000 + 10 * i for i in range(9)], [5_000 + 10 * i for i in range(9)])
    decider = desk(Spread())
    run(decider, [each for pair in moments[:3] for each in pair])
    decider.forget_intent()
    assert exposures(run(decider, moments[3])) == {FIRST: 1.0, SECOND: 1.0}


def test_history_warms_every_symbol(both):
    moments = both([10_000 + 10 * i for i in range(30)], [5_000 + 10 * i for i in range(30)])
    cold, warm = desk(Spread()), desk(Spread())
    run(cold, [each for pair in moments[:20] for each in pair])
    for side in (0, 1):
        candles = tuple(pair[side] for pair in moments[:20])
        history = CandleHistory(id=f"history:{side}", symbol=candles[0].symbol, candles=candles)
        assert run(warm, [history]) == []
    warm.forget_intent()
    cold.forget_intent()
    assert run(warm, moments[20]) == run(cold, moments[20])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["first", "second", "both"]), min_size=5, max_size=40), st.randoms())
def test_what_is_shown_lies_side_by_side_whatever_is_missing(present, random):
    """The strategy itself asserts it; and it is asked at each moment that both have, once warm."""
    decider, asked, complete = desk(Spread()), 0, 0
    for index, which in enumerate(present):
        first = candle(index, 10_000 + index, 10_001 + index)
        second = msgspec.structs.replace(first, symbol=SECOND, id=f"candle:{SECOND}:{first.open_ns}")
        pair = {"first": [first], "second": [second], "both": [first, second]}[which]
        random.shuffle(pair)
        complete += which == "both"
        asked += len(run(decider, pair)) > 0
    assert asked == max(complete - 2, 0)


def test_the_join_counts_what_it_drops(both):
    (a, b), (c, d), (e, f) = both([10_000] * 4, [5_000] * 4)
    join = SymbolJoin((FIRST, SECOND), capacity=1)
    assert [join.take(each) for each in (a, d, a)] == [None, None, None]
    assert join.take(c) == (c, d)
    assert join.counts == {"candles_without_counterpart": 1, "candles_too_late": 1}
    assert join.take(b) is None
    assert join.take(f) is None
    assert join.take(e) == (e, f)
    assert join.counts == {"candles_without_counterpart": 1, "candles_too_late": 2}


def test_the_join_waits_for_a_bounded_number_of_moments(candles_of):
    join = SymbolJoin((FIRST, SECOND), capacity=1)
    for each in candles_of([10_000] * 51):
        assert join.take(each) is None
    assert join.counts["candles_without_counterpart"] == 50 - 8


def test_features_are_asked_for_when_they_are_needed(candles_of):
    asked = []

    def features(symbol):
        asked.append(symbol)
        return {"buy_volume_rate": 1.0, "sell_volume_rate": 1.0, "order_flow_5": 4.0}

    decider = desk(OrderFlowImbalance(), others=(), features=features)
    said = run(decider, candles_of([10_000, 10_010, 10_020, 10_030]))
    assert (asked, exposures(said)) == ([FIRST], {FIRST: 1.0})


@pytest.mark.parametrize(
    ("strategy", "others", "match"),
    [
        (MarketMaker(), (), "market-maker quotes, .* backtest of book events"),
        (OrderFlowImbalance(), (), "order-flow-imbalance needs the features of the book"),
        (PAIRS, (), "pairs looks at 2 different symbols, not at BTC/USDT; name"),
        (PAIRS, (FIRST,), "not at BTC/USDT, BTC/USDT; name"),
        (PAIRS, (SECOND, "SOL/USDT"), "not at BTC/USDT, ETH/USDT, SOL/USDT; name"),
        (Quoter(), (SECOND,), "quoter looks at 1 different symbols"),
    ],
)
def test_a_desk_that_cannot_serve_a_strategy_says_so_at_once(strategy, others, match):
    with pytest.raises(InvalidInputError, match=match):
        desk(strategy, others=others)


def test_opinions_and_several_symbols_do_not_go_together():
    class Both(Spread, frozen=True):
        needs = Needs(symbols=2, opinions=True)

    with pytest.raises(InvalidInputError, match="opinions and several symbols"):
        desk(Both())


def test_quotes_and_strange_symbols_are_failures_with_a_remedy(candles_of, both):
    with pytest.raises(OpenOutcryError, match=r"answered Quotes.*answer self\.hold"):
        run(desk(Quoter(), others=()), candles_of([10_000] * 4))
    with pytest.raises(OpenOutcryError, match=r"'ETH/USDC' in `others`; did you mean 'ETH/USDT'"):
        run(desk(Lost()), [each for pair in both([10_000] * 4, [5_000] * 4) for each in pair])


def test_messages_of_a_third_symbol_are_refused(candles_of):
    (stray,) = candles_of([10_000, 10_010])
    with pytest.raises(InvalidInputError, match="came to the strategy desk of BTC/USDT, ETH/USDT"):
        desk(Spread()).decide(msgspec.structs.replace(stray, symbol="SOL/USDT"), NOW)

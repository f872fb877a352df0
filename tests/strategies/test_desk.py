import math
import statistics
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.control import CandleHistory, Start
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import NO_TRADE_BAND, Done, OrderIntent, Refused, approved_id
from openoutcry.domain.units import SizeLots, TimestampNs
from openoutcry.strategies.candle_join import MAX_WAITING
from openoutcry.strategies.desk import DeskSettings, StrategyDesk
from openoutcry.strategies.leg import MAX_RETRY_CANDLES
from openoutcry.strategies.momentum import MovingAverageCross
from openoutcry.strategies.strategy import Needs, Strategy

NOW = TimestampNs(2 * 10**18)
SYMBOL = "BTC/USDT"
EAGER = DeskSettings(volatility_candles=2)

check = settings(derandomize=True, deadline=None, max_examples=50)
walks = st.lists(st.integers(-40, 40), min_size=20, max_size=50).map(
    lambda steps: [10_000 + sum(steps[:i]) for i in range(len(steps))]
)


class Told(Strategy, frozen=True):
    """Wants what the classification's `up` says; `flat` of 1 is no opinion, `down` of 1 is a failure."""

    needs = Needs(opinions=True)
    warmup: int = 1

    def observe(self, market):
        assert len(market.candles) == self.warmup
        opinion = market.classification
        if opinion.down == 1.0:
            raise ZeroDivisionError("told to")
        if opinion.down == 0.9:
            return 0.9
        return None if opinion.flat == 1.0 else self.hold(2 * opinion.up - 1, "told to")


def opinion_on(candle, up=0.5, flat=0.0, down=0.0):
    return Classification(
        id=f"classification:{candle.id}",
        cause_id=candle.id,
        symbol=candle.symbol,
        close_ns=candle.close_ns,
        close_ticks=candle.close_ticks,
        up=up,
        flat=flat,
        down=down,
        abstained=False,
        votes=(),
    )


def wanting(candle, exposure):
    return opinion_on(candle, up=(exposure + 1) / 2)


def desk(strategy=None, settings=EAGER):
    return StrategyDesk(symbol=SYMBOL, strategy=strategy or Told(), settings=settings)


def run(decider, messages):
    return [answer for message in messages for answer in decider.decide(message, NOW)]


def pairs(candles):
    return [message for candle in candles for message in (candle, opinion_on(candle, up=0.6, flat=0.4))]


def refusal(intent):
    return Refused(
        id=f"refused:{intent.id}",
        cause_id=intent.id,
        symbol=SYMBOL,
        intent_id=intent.id,
        check="staleness",
        limit="1 s",
        value="2 s",
        at_ns=NOW,
    )


@pytest.fixture
def live(candles_of):
    """A desk past its warm-up, and the candles that come next."""
    candles = candles_of([10_000 + 10 * (i % 3) for i in range(100)])
    decider = desk()
    run(decider, candles[:3])
    assert run(decider, [wanting(candles[2], 0.0)])[-1].id.startswith("intent")
    return decider, iter(candles[3:])


def wish(decider, candles, exposure):
    candle = next(candles)
    return run(decider, [candle, wanting(candle, exposure)])


def test_signals_and_intents_name_their_cause(live):
    decider, candles = live
    candle = next(candles)
    signal, intent = run(decider, [candle, wanting(candle, 0.8)])
    assert signal == Signal(
        id=f"signal:told:{candle.id}",
        cause_id=f"classification:{candle.id}",
        symbol=SYMBOL,
        strategy="told",
        exposure=pytest.approx(0.8),
        reason="told to",
        at_ns=candle.close_ns,
    )
    assert (intent.id, intent.cause_id) == (f"intent:told:{candle.id}", signal.id)
    assert intent.reference_price_ticks == candle.close_ticks
    assert intent.event_ns == candle.close_ns
    assert intent.deadline_ns == NOW + EAGER.ttl_ns
    assert intent.candle_seconds == 5.0
    assert intent.exposure == signal.exposure


def test_volatility_is_the_deviation_of_log_returns(candles_of):
    closes = [10_000, 10_010, 10_030, 9_990, 10_050]
    candles = candles_of([10_000, *closes])
    *_, intent = run(desk(settings=DeskSettings(volatility_candles=4)), [*candles, wanting(candles[-1], 1.0)])
    returns = [math.log(after / before) for before, after in pairwise(closes)]
    assert intent.volatility == pytest.approx(statistics.stdev(returns))


def test_small_changes_are_no_reason_to_trade(live):
    decider, candles = live
    assert len(wish(decider, candles, 0.09)) == 1
    assert len(wish(decider, candles, 0.09)) == 1  # the band is around the intent, not around the last wish
    first = wish(decider, candles, 0.18)[1]
    assert first.exposure == pytest.approx(0.18)
    assert len(wish(decider, candles, 0.09)) == 1
    assert wish(decider, candles, 0.0)[1].exposure == 0.0


def test_large_changes_are_spread_and_small_ones_are_not(live):
    decider, candles = live
    assert wish(decider, candles, 0.4)[1].style == "immediate"
    spread = wish(decider, candles, 0.95)[1]
    assert (spread.style, spread.horizon_ns) == ("twap", EAGER.horizon_ns)


def test_long_only_reads_short_as_flat(live):
    decider, candles = live
    [signal] = wish(decider, candles, -1.0)  # flat already
    assert signal.exposure == -1.0
    wish(decider, candles, 1.0)
    assert wish(decider, candles, -1.0)[1].exposure == 0.0
    both_ways = desk(settings=DeskSettings(volatility_candles=2, long_only=False))
    run(both_ways, [next(candles) for _ in range(3)])
    assert wish(both_ways, candles, -1.0)[1].exposure == -1.0


def test_the_first_wish_after_a_start_is_an_intent_even_if_it_is_flat(candles_of):
    candles = candles_of([10_000, 10_010, 10_020, 10_030])
    signal, intent = run(desk(), [*candles, wanting(candles[-1], 0.0)])
    assert (signal.exposure, intent.exposure) == (0.0, 0.0)


def test_no_opinion_says_nothing(live):
    decider, candles = live
    candle = next(candles)
    assert run(decider, [candle, opinion_on(candle, up=0.0, flat=1.0)]) == []


def test_a_refused_intent_is_tried_again_with_growing_pauses(live):
    decider, candles = live
    tries = [0]
    intent = wish(decider, candles, 1.0)[1]
    for candle_number in range(1, 80):
        if intent:
            decider.decide(refusal(intent), NOW)
        answers = wish(decider, candles, 1.0)
        intent = answers[1] if len(answers) > 1 else None
        if intent:
            tries.append(candle_number)
    assert [after - before for before, after in pairwise(tries)] == [1, 2, 4, 8, 16, MAX_RETRY_CANDLES]


def test_an_accepted_intent_is_not_repeated_and_a_strange_refusal_is_nothing_to_us(live):
    decider, candles = live
    intent = wish(decider, candles, 1.0)[1]
    decider.decide(refusal(msgspec.structs.replace(intent, id="intent:another:1")), NOW)
    assert all(len(wish(decider, candles, 1.0)) == 1 for _ in range(10))


def test_a_change_of_mind_forgets_the_refusal(live):
    decider, candles = live
    for _ in range(3):
        decider.decide(refusal(wish(decider, candles, 1.0)[1]), NOW)
        decider.decide(refusal(wish(decider, candles, 0.0)[1]), NOW)
    assert len(wish(decider, candles, 0.0)) == 2  # a pause of one candle: the count began anew


@check
@given(walks, st.randoms(use_true_random=False))
def test_a_candle_and_its_classification_may_come_in_either_order(candles_of, walk, random):
    candles = candles_of(walk)
    swapped = []
    for candle in candles:
        pair = [candle, opinion_on(candle, up=0.6, flat=0.4)]
        random.shuffle(pair)
        swapped += pair
    cross = MovingAverageCross()
    assert run(desk(cross), swapped) == run(desk(cross), pairs(candles))


@check
@given(walks, st.integers(1, MAX_WAITING))
def test_classifications_may_lag_behind(candles_of, walk, lag):
    candles = candles_of(walk)
    opinions = [opinion_on(candle, up=0.6, flat=0.4) for candle in candles]
    lagging = [*candles[:lag]]
    for i, opinion in enumerate(opinions):
        lagging.append(opinion)
        lagging.extend(candles[i + lag : i + lag + 1])
    cross = MovingAverageCross()
    assert run(desk(cross), lagging) == run(desk(cross), pairs(candles))


@check
@given(walks, st.integers(0, 100))
def test_the_future_does_not_reach_the_past(candles_of, walk, cut):
    messages = pairs(candles_of(walk))
    past = run(desk(MovingAverageCross()), messages[:cut])
    assert run(desk(MovingAverageCross()), messages)[: len(past)] == past


@check
@given(walks, st.integers(1, 40))
def test_warming_up_on_a_history_gives_the_same_signals(candles_of, walk, cut):
    candles = candles_of(walk)
    cut = min(cut, len(candles))
    warmed = desk(MovingAverageCross())
    history = tuple(candles[max(0, cut - warmed.warmup) : cut])
    assert warmed.decide(CandleHistory(id="history", symbol=SYMBOL, candles=history), NOW) == ()
    later = [m for m in run(warmed, pairs(candles[cut:])) if isinstance(m, Signal)]
    assert later == [
        m
        for m in run(desk(MovingAverageCross()), pairs(candles))
        if isinstance(m, Signal) and m.at_ns > candles[cut - 1].close_ns
    ]


@check
@given(walks)
def test_messages_that_come_twice_have_no_second_effect(candles_of, walk):
    messages = pairs(candles_of(walk))
    decider = desk(MovingAverageCross())
    assert run(decider, [m for m in messages for _ in range(2)]) == run(desk(MovingAverageCross()), messages)
    assert decider._join.oldest_waiting_ns is None
    late = decider.counters["classifications_without_candle"]
    assert decider.counters["strategy_duplicate_messages"] + late == len(messages)


def end(intent, filled_lots, reason="unfilled"):
    parent_id = approved_id(intent.id)
    return Done(
        id=f"{parent_id}:done",
        symbol=SYMBOL,
        parent_id=parent_id,
        ordered_lots=SizeLots(10),
        filled_lots=SizeLots(filled_lots),
        reason=reason,
        at_ns=NOW,
    )


def candles_until_intent(decider, candles, exposure):
    """How many candles the same wish takes to be intended again, and the intent."""
    for waited in range(1, 10):
        messages = wish(decider, candles, exposure)
        if len(messages) == 2:
            return waited, messages[1]
    return None, None


def test_what_is_filled_in_part_is_tried_again_at_the_next_candle(live):
    decider, candles = live
    intent = wish(decider, candles, 1.0)[1]
    for _ in range(3):
        decider.decide(end(intent, 4), NOW)
        waited, intent = candles_until_intent(decider, candles, 1.0)
        assert waited == 1
    assert decider.counters["strategy_orders_unfilled"] == 3


def test_what_is_not_filled_at_all_is_tried_again_with_growing_pauses(live):
    decider, candles = live
    intent = wish(decider, candles, 1.0)[1]
    for pause in (1, 2, 4):
        decider.decide(end(intent, 0, "expired"), NOW)
        waited, intent = candles_until_intent(decider, candles, 1.0)
        assert waited == pause


def test_what_is_tried_again_is_sent_as_it_was_at_first(live):
    decider, candles = live
    intent = wish(decider, candles, 1.0)[1]
    decider.decide(end(intent, 4), NOW)
    _, again = candles_until_intent(decider, candles, 1.0)
    assert again.style == intent.style == "twap"
    assert again.id != intent.id


@pytest.mark.parametrize(
    ("filled_lots", "reason"), [(10, "filled"), (4, "canceled"), (4, "halt"), (0, "stop")]
)
def test_an_order_that_is_done_or_was_ended_by_others_is_not_tried_again(live, filled_lots, reason):
    decider, candles = live
    intent = wish(decider, candles, 1.0)[1]
    decider.decide(end(intent, filled_lots, reason), NOW)
    assert candles_until_intent(decider, candles, 1.0) == (None, None)


def test_the_end_of_an_older_order_changes_nothing(live):
    decider, candles = live
    older = wish(decider, candles, 1.0)[1]
    wish(decider, candles, 0.0)
    decider.decide(end(older, 4), NOW)
    assert candles_until_intent(decider, candles, 0.0) == (None, None)


def test_a_wish_that_is_as_good_as_held_is_not_tried_again(live):
    decider, candles = live
    refused = msgspec.structs.replace(refusal(wish(decider, candles, 1.0)[1]), check=NO_TRADE_BAND)
    decider.decide(refused, NOW)
    assert candles_until_intent(decider, candles, 1.0) == (None, None)


def test_a_lost_classification_costs_its_signal_but_not_its_candle(candles_of):
    candles = candles_of([10_000, 10_010, 10_020, 10_030, 10_040])
    decider = desk()
    signal, intent = run(decider, [*candles, wanting(candles[-1], 1.0)])
    assert decider.counters["candles_without_classification"] == 3
    assert intent.volatility > 0.0
    assert run(decider, [wanting(candles[0], 1.0)]) == []  # it came too late
    assert decider.counters["classifications_without_candle"] == 1
    assert isinstance(signal, Signal)


def test_waiting_is_bounded_on_both_sides(candles_of):
    candles = candles_of([10_000 + i % 7 for i in range(50)])
    decider = desk()
    assert run(decider, candles) == []
    assert len(decider._join._candles) == MAX_WAITING
    assert decider.counters["candles_without_classification"] == len(candles) - MAX_WAITING

    decider = desk()
    assert run(decider, [opinion_on(candle) for candle in candles]) == []
    assert len(decider._join._classifications) == MAX_WAITING
    assert decider.counters["classifications_without_candle"] == len(candles) - MAX_WAITING


def test_a_history_does_not_swallow_a_candle_that_waits(candles_of):
    candles = candles_of([10_000, 10_010, 10_020, 10_030, 10_040])
    decider = desk()
    run(decider, [candles[-1]])
    decider.decide(CandleHistory(id="history", symbol=SYMBOL, candles=tuple(candles)), NOW)
    signal, _ = run(decider, [wanting(candles[-1], 1.0)])
    assert signal.at_ns == candles[-1].close_ns


@pytest.mark.parametrize(
    ("down", "match"),
    [
        (1.0, r"ZeroDivisionError: told to \(at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, test_desk.py line \d+\)"),
        (0.9, r"answered a float.*\(at [-\d]+ [:\d]+ UTC\); nothing"),
    ],
    ids=["raises", "answers nonsense"],
)
def test_a_failing_strategy_is_named_and_the_next_candle_is_seen(live, down, match):
    decider, candles = live
    candle = next(candles)
    decider.decide(candle, NOW)
    with pytest.raises(OpenOutcryError, match=f"strategy told failed on {candle.id}: .*{match}"):
        decider.decide(opinion_on(candle, up=0.0, down=down), NOW)
    assert not decider.decide(opinion_on(candle, up=0.0, down=down), NOW)  # sent again: it has been judged
    assert decider.counters["strategy_failures"] == 1
    assert len(wish(decider, candles, 1.0)) == 2


def test_a_candle_that_cannot_be_used_is_refused_at_the_door(live):
    decider, candles = live
    candle = next(candles)
    for change, match in (
        ({"symbol": "ETH/USDT"}, "of ETH/USDT came to the strategy desk of BTC/USDT"),
        ({"low_ticks": 0}, "contradicts itself"),
        ({"close_ns": 3 * 10**18}, "after now"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            decider.decide(msgspec.structs.replace(candle, **change), NOW)
    assert len(run(decider, [candle, wanting(candle, 1.0)])) == 2


def test_unknown_messages_are_an_error_of_the_wiring():
    with pytest.raises(InvalidInputError, match="does not take Start; check the edges"):
        desk().decide(Start(id="start"), NOW)


@pytest.mark.parametrize(
    "bad",
    [
        {"no_trade_band": -0.1},
        {"ttl_ns": 0},
        {"horizon_ns": -1},
        {"volatility_candles": 1},
        {"twap_change": math.nan},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(InvalidInputError, match=f"DeskSettings: parameter {next(iter(bad))}"):
        DeskSettings(**bad)


def test_an_intent_per_direction_on_a_wave(candles_of):
    """Rises at both ends and in the middle, falls between: in and out of the market with each."""
    closes = [10_000 + round(300 * math.sin(i / 6)) for i in range(80)]
    intents = [
        m
        for m in run(desk(MovingAverageCross(), DeskSettings()), pairs(candles_of(closes)))
        if isinstance(m, OrderIntent)
    ]
    assert [intent.exposure for intent in intents] == [1.0, 0.0, 1.0, 0.0, 1.0]

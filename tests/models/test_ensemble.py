import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.control import CandleHistory, Start
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import TimestampNs
from openoutcry.models.classifier import Classifier, Opinion
from openoutcry.models.ensemble import MAX_CONSECUTIVE_FAILURES, Ensemble, log_opinion_pool
from openoutcry.models.moving_average_rsi import MovingAverageRsi
from openoutcry.models.shipped import classifier_registry
from openoutcry.models.talib_patterns import TalibPatterns

NOW = TimestampNs(2 * 10**18)
SYMBOL = "BTC/USDT"
BULL, BEAR = Opinion(0.8, 0.1, 0.1), Opinion(0.1, 0.1, 0.8)

check = settings(derandomize=True, deadline=None, max_examples=50)


@st.composite
def opinions(draw):
    ups, flats, downs = (draw(st.integers(0, 1000)) for _ in range(3))
    total = ups + flats + downs
    return Opinion(ups / total, flats / total, downs / total) if total else Opinion(0.0, 1.0, 0.0)


weights = st.floats(0.001, 100.0)
voters = st.lists(st.tuples(opinions(), weights), min_size=1, max_size=8)
walks = st.lists(st.integers(-40, 40), min_size=20, max_size=50).map(
    lambda steps: [10_000 + sum(steps[:i]) for i in range(len(steps))]
)


class Voter(Classifier, frozen=True):
    """Says what it was told to say; raises what it was told to raise."""

    label: str = "voter"
    says: object = None
    needs: int = 1

    @property
    def name(self):
        return self.label

    @property
    def warmup(self):
        return self.needs

    def classify(self, candles):
        assert len(candles) == self.needs
        if isinstance(self.says, BaseException):
            raise self.says
        return self.says(candles) if callable(self.says) else self.says


def ensemble(*classifiers, **options):
    return Ensemble(symbol=SYMBOL, classifiers=classifiers, **options)


def run(decider, candles):
    return [message for candle in candles for message in decider.decide(candle, NOW)]


@check
@given(voters)
def test_the_pool_is_a_distribution(given_voters):
    pooled = log_opinion_pool(*zip(*given_voters, strict=True))
    assert math.isclose(math.fsum((pooled.up, pooled.flat, pooled.down)), 1.0, abs_tol=1e-12)
    assert min(pooled.up, pooled.flat, pooled.down) > 0.0


@check
@given(voters, st.randoms(use_true_random=False))
def test_the_order_of_voters_does_not_matter_to_the_last_bit(given_voters, random):
    shuffled = list(given_voters)
    random.shuffle(shuffled)
    assert log_opinion_pool(*zip(*shuffled, strict=True)) == log_opinion_pool(
        *zip(*given_voters, strict=True)
    )


@check
@given(opinions(), st.lists(weights, min_size=1, max_size=5))
def test_unanimous_voters_are_believed(opinion, given_weights):
    pooled = log_opinion_pool([opinion] * len(given_weights), given_weights)
    for share, expected in zip(
        (pooled.up, pooled.flat, pooled.down), (opinion.up, opinion.flat, opinion.down), strict=True
    ):
        assert share == pytest.approx(expected, abs=1e-5)


def test_the_pool_is_the_weighted_geometric_mean():
    pooled = log_opinion_pool([Opinion(0.5, 0.3, 0.2), Opinion(0.2, 0.2, 0.6)], [3.0, 1.0])
    raw = [0.5**0.75 * 0.2**0.25, 0.3**0.75 * 0.2**0.25, 0.2**0.75 * 0.6**0.25]
    assert [pooled.up, pooled.flat, pooled.down] == pytest.approx([value / sum(raw) for value in raw])


def test_a_certain_voter_cannot_veto():
    pooled = log_opinion_pool([Opinion(0.0, 0.0, 1.0), BULL, BULL, BULL], [1.0] * 4)
    assert pooled.up > 0.05


@pytest.mark.parametrize(
    ("given_opinions", "given_weights"),
    [
        ([], []),
        ([BULL], [0.0]),
        ([BULL], [-1.0]),
        ([BULL], [math.nan]),
        ([BULL], [math.inf]),
        ([BULL], [1.0, 1.0]),
    ],
)
def test_impossible_pools_are_refused(given_opinions, given_weights):
    with pytest.raises(InvalidInputError):
        log_opinion_pool(given_opinions, given_weights)


def test_votes_and_classification_name_their_cause(candles_of):
    [candle] = candles_of([100, 110])
    [said] = ensemble(Voter(label="a", says=BULL), Voter(label="b")).decide(candle, NOW)
    assert said.id == f"classification:{candle.id}"
    assert [vote.id for vote in said.votes] == [f"vote:a:{candle.id}", f"vote:b:{candle.id}"]
    assert {said.cause_id, *(vote.cause_id for vote in said.votes)} == {candle.id}
    assert (said.close_ns, said.close_ticks, said.symbol) == (candle.close_ns, candle.close_ticks, SYMBOL)
    assert [vote.abstained for vote in said.votes] == [False, True]
    assert not said.abstained
    assert said.up == pytest.approx(0.8)


def test_abstains_with_too_few_votes_or_too_little_conviction(candles_of):
    [candle] = candles_of([100, 110])
    yes, mute = Voter(label="a", says=BULL), Voter(label="b")
    [few] = ensemble(yes, mute, min_votes=2).decide(candle, NOW)
    assert few.abstained
    assert few.up == few.down == pytest.approx(1 / 3)
    [torn] = ensemble(yes, Voter(label="c", says=BEAR), min_confidence=0.5).decide(candle, NOW)
    assert torn.abstained
    [weightless] = ensemble(yes, mute, weights={"a": 0.0}).decide(candle, NOW)
    assert weightless.abstained
    assert not weightless.votes[0].abstained


def test_weights_decide_between_voters(candles_of):
    [candle] = candles_of([100, 110])
    both = Voter(label="a", says=BULL), Voter(label="b", says=BEAR)
    [bearish] = ensemble(*both, weights={"a": 0.1, "b": 0.9}).decide(candle, NOW)
    assert bearish.down > 0.5


@pytest.mark.parametrize(
    "says",
    [
        ValueError("no idea"),
        SystemExit(3),
        lambda _: Opinion(math.nan, 0.5, 0.5),
        (0.8, 0.1, 0.1),
    ],
    ids=["raises", "exits", "nan", "wrong-type"],
)
def test_a_failing_classifier_abstains_is_counted_and_quarantined(candles_of, says):
    decider = ensemble(Voter(label="bad", says=says), Voter(label="good", says=BULL))
    candles = candles_of([100] * (MAX_CONSECUTIVE_FAILURES + 3))
    said = run(decider, candles)
    assert all(message.up == pytest.approx(0.8) for message in said)
    assert all(message.votes[0].abstained for message in said)
    assert said[0].votes[0].rationale.startswith("failed: ")
    assert said[-1].votes[0].rationale.startswith("quarantined after 5 failures")
    assert decider.quarantined == ("bad",)
    assert decider.counters["classifier_failures"] == MAX_CONSECUTIVE_FAILURES
    assert decider.counters["classifiers_quarantined"] == 1


def test_one_good_answer_ends_a_row_of_failures(candles_of):
    def sometimes(columns):
        if columns.close[-1] % 2:
            raise ValueError("odd")
        return BULL

    decider = ensemble(Voter(says=sometimes))
    run(decider, candles_of([100, *([101] * 4 + [102]) * 5]))
    assert decider.counters["classifier_failures"] == 20
    assert decider.quarantined == ()


def test_warms_up_aloud(candles_of):
    # each is shown what it needs and no more: the voters themselves insist on it
    said = run(
        ensemble(Voter(says=BULL, needs=3), Voter(label="b", says=BULL, needs=2)), candles_of([100] * 4)
    )
    assert [message.votes[0].rationale for message in said] == [
        "warming up: 1 of 3 candles",
        "warming up: 2 of 3 candles",
        "",
    ]
    assert [message.votes[1].abstained for message in said] == [True, False, False]


def shipped():
    return ensemble(MovingAverageRsi(), TalibPatterns())


@check
@given(walks, st.integers(0, 50))
def test_the_future_does_not_reach_the_past(candles_of, walk, cut):
    candles = candles_of(walk)
    assert run(shipped(), candles)[:cut] == run(shipped(), candles[:cut])


@check
@given(walks, st.integers(1, 30))
def test_warming_up_on_a_history_equals_having_been_there(candles_of, walk, cut):
    candles = candles_of(walk)
    cut = min(cut, len(candles))
    warmed = shipped()
    history = CandleHistory(
        id="history", symbol=SYMBOL, candles=tuple(candles[max(0, cut - warmed.warmup) : cut])
    )
    assert warmed.decide(history, NOW) == ()
    assert run(warmed, candles[cut:]) == run(shipped(), candles)[cut:]


@check
@given(walks)
def test_messages_that_come_twice_have_no_second_effect(candles_of, walk):
    candles = candles_of(walk)
    decider = shipped()
    doubled = run(decider, [candle for candle in candles for _ in range(2)])
    assert doubled == run(shipped(), candles)
    assert decider.counters["classification_duplicate_candles"] == len(candles)


def test_a_poisoned_future_is_refused_and_changes_nothing(candles_of):
    candles = candles_of([10_000 + 7 * (i % 5) for i in range(40)])
    decider, untouched = shipped(), shipped()
    for before, poison in pairwise(candles):
        assert decider.decide(before, before.close_ns) == untouched.decide(before, before.close_ns)
        future = msgspec.structs.replace(
            poison, open_ns=NOW, close_ns=TimestampNs(NOW + 1), close_ticks=poison.open_ticks
        )
        with pytest.raises(InvalidInputError, match="after now"):
            decider.decide(future, before.close_ns)


def test_a_price_that_stands_still_has_no_direction(candles_of):
    for message in run(shipped(), candles_of([10_000] * 60)):
        assert message.up == message.down
        assert message.flat >= message.up


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weights": {"vter": 1.0}}, "did you mean 'voter'"),
        ({"weights": {"voter": -1.0}}, "give a number ≥ 0"),
        ({"weights": {"voter": math.nan}}, "give a number ≥ 0"),
        ({"weights": {"voter": 0.0}}, "every classifier has weight 0"),
        ({"min_votes": 0}, "min_votes 0"),
        ({"min_votes": 2}, "min_votes 2"),
        ({"min_confidence": math.nan}, "min_confidence nan"),
    ],
)
def test_bad_settings_are_refused(options, match):
    with pytest.raises(InvalidInputError, match=match):
        ensemble(Voter(), **options)


def test_names_must_differ():
    with pytest.raises(InvalidInputError, match="different names"):
        ensemble(Voter(), Voter())
    with pytest.raises(InvalidInputError, match="1 to 64 classifiers"):
        ensemble()


def test_unknown_messages_are_an_error_of_the_wiring(candles_of):
    with pytest.raises(InvalidInputError, match="not Start; check the edges"):
        ensemble(Voter()).decide(Start(id="start"), NOW)
    [other] = candles_of([100, 110])
    with pytest.raises(InvalidInputError, match="a candle of ETH/USDT"):
        ensemble(Voter()).decide(msgspec.structs.replace(other, symbol="ETH/USDT"), NOW)


def test_the_shipped_classifiers_are_registered_under_their_own_names():
    registry = classifier_registry()
    assert registry.names == ("moving-average-rsi", "talib-patterns")
    for name in registry.names:
        assert registry.create(name).name == name
        assert registry.owner(name) == "openoutcry"
    with pytest.raises(InvalidInputError, match="did you mean 'fast'"):
        registry.create("moving-average-rsi", {"fsat": 3})

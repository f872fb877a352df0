"""A planted peek is caught, and what is clean passes."""

import functools
import itertools
import os
import random
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import pytest

from openoutcry.backtesting.lookahead import check_classifier, check_strategy
from openoutcry.backtesting.outside_access import outside_access
from openoutcry.backtesting.synthetic_candles import synthetic_candles
from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier, opinion_from_scores
from openoutcry.models.shipped import classifier_registry
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.pairs import Pairs
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Candles, Market, Needs, Quotes, Strategy, Touch

HISTORY = synthetic_candles(400, seed=3)
BY_DATE = dict(zip(HISTORY.close_ns.tolist(), np.sign(np.diff(HISTORY.close, append=0)), strict=True))
CALLS = itertools.count()


class Follow(Strategy, frozen=True):
    """Clean: follows the last move."""

    warmup: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 2

    def observe(self, market):
        return self.hold(float(market.close[-1] > market.close[-2]), "moved")

    def exposures(self, candles):
        rises = np.diff(candles.close)[self.warmup - 2 :] > 0
        return np.concatenate((np.full(self.warmup - 1, np.nan), rises))


class NextCandle(Follow, frozen=True):
    """Its `exposures` are shifted the wrong way."""

    def exposures(self, candles):
        return np.concatenate(([np.nan], np.diff(candles.close)[1:] > 0, [0.0]))


class MeanOfAll(Follow, frozen=True):
    """Both ways compare with the mean of the whole history; `observe` gets at it behind the window."""

    def observe(self, market):
        whole = market.close if market.close.base is None else market.close.base
        return self.hold(float(market.close[-1] > whole.mean()), "above the mean")

    def exposures(self, candles):
        above = (candles.close > candles.close.mean()).astype(float)
        above[0] = np.nan
        return above


class Behind(Strategy, frozen=True):
    """Looks into the memory behind its window."""

    warmup: Candles = 2

    def observe(self, market):
        close, whole = market.close, market.close.base
        if whole is None:
            return self.hold(0.0, "the end")
        at = (close.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // 8 + len(close)
        return self.hold(float(at < len(whole) and whole[at] > close[-1]), "knows")


class Diary(Strategy, frozen=True):
    """Knows the future by its date."""

    warmup: Candles = 1

    def observe(self, market):
        return self.hold(max(BY_DATE.get(int(market.now_ns), 0.0), 0.0), "remembers")


class Counting(Strategy, frozen=True):
    """Counts the candles in a global, to know where in the file it is."""

    warmup: Candles = 1

    def observe(self, market):
        return self.hold(float(HISTORY.close[next(CALLS) % 399 + 1] > market.close[-1]), "counts")


class Gambler(Strategy, frozen=True):
    """Uses unseeded random numbers."""

    warmup: Candles = 1

    def observe(self, market):
        return self.hold(random.random(), "luck")


class Reader(Strategy, frozen=True):
    """Reads a file at each candle."""

    warmup: Candles = 1

    def observe(self, market):
        return self.hold(float(len(Path(os.devnull).read_text())), "read")


class Forgetless(Strategy, frozen=True):
    """Its `exposures` are an exponential average that remembers everything; `observe` of its window."""

    warmup: Candles = 3

    def observe(self, market):
        return self.hold(float(market.close[-1] > self._average(market.close)[-1]), "above")

    def exposures(self, candles):
        above = (candles.close > self._average(candles.close)).astype(float)
        above[: self.warmup - 1] = np.nan
        return above

    @staticmethod
    def _average(close):
        return np.array(list(itertools.accumulate(close, lambda average, x: 0.98 * average + 0.02 * x)))


class Early(Follow, frozen=True):
    """Wants something before its warm-up."""

    warmup: Candles = 5

    def exposures(self, candles):
        return np.concatenate(([0.0], np.diff(candles.close) > 0))


class Narrow(Strategy, frozen=True):
    """Its range begins where it fails."""

    warmup: Candles = 2
    length: Annotated[int, msgspec.Meta(ge=0, le=50)] = 2

    def observe(self, market):
        return self.hold(1 / self.length, "one part")


class Writes(Strategy, frozen=True):
    """Writes into what it is shown."""

    warmup: Candles = 2

    def observe(self, market):
        market.close[-1] = 0


class Peek(Classifier, frozen=True):
    """A classifier that gets at the whole array."""

    name = "peek"
    warmup = 3

    def classify(self, candles):
        whole = candles.close if candles.close.base is None else candles.close.base
        return opinion_from_scores(float(whole[-1] > candles.close[-1]), 0.0, 0.0, "the end is known")


def found(checked, candles=HISTORY):
    check = check_classifier if isinstance(checked, Classifier) else check_strategy
    return {bias.kind: bias for bias in check(checked, candles).biases}


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_strategy_passes_on_any_candles(seed):
    report = check_strategy(Follow(), synthetic_candles(300, seed), seed=seed)
    assert report.is_fit, report.biases
    assert (report.rows, report.has_exposures, report.parameter_ends) == (300, True, 2)
    assert report.asked > 200


def test_the_next_candle_is_caught_at_the_first_row_that_knows_it():
    bias = found(NextCandle())["lookahead"]
    rises = np.diff(HISTORY.close) > 0
    first = next(row for row in range(1, 399) if rises[row])  # shortened there, it says 0
    assert (bias.row, bias.close_ns) == (first, HISTORY.close_ns[first])
    assert "no shift(-1)" in bias.remedy


@pytest.mark.parametrize(
    ("checked", "kind"),
    [
        (MeanOfAll(), "lookahead"),
        (Behind(), "lookahead"),
        (Peek(), "lookahead"),
        (Diary(), "outside"),
        (Reader(), "outside"),
        (Counting(), "memory"),
        (Gambler(), "memory"),
        (Forgetless(), "history"),
        (Early(), "shape"),
        (Narrow(), "parameter"),
        (Writes(), "failure"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_a_planted_fault_is_caught_and_told_with_its_remedy(checked, kind):
    biases = found(checked)
    assert next(iter(biases)) == kind, biases
    assert biases[kind].detail
    assert biases[kind].remedy


class PerVolume(Strategy, frozen=True):
    """Divides by the volume of a candle, which may have none."""

    warmup: Candles = 2

    def observe(self, market):
        per_lot = 1 / int(market.candles.volume[-1])
        return self.hold(float(per_lot > 0), "traded")


class Answers(Strategy, frozen=True):
    """Answers what is no answer."""

    warmup: Candles = 1
    number: Literal["5", "nan", "bare"] = "5"

    def observe(self, market):  # of Answers
        return 1.0 if self.number == "bare" else self.hold(float(self.number), "no share")


class OfTheWhole(Follow, frozen=True):
    """Its `exposures` say something else from a candle on that lies far behind."""

    def exposures(self, candles):
        shares = Follow.exposures(self, candles)
        shares[21_000:] = 0.5
        return shares


def line_of(text):
    lines = Path(__file__).read_text().splitlines()
    return f"({__file__}, line {next(number for number, line in enumerate(lines, 1) if text in line)})"


@pytest.mark.parametrize("where", [60, 23_456, 24_999])
def test_a_candle_without_volume_is_asked_about_wherever_it_lies(where):
    candles = synthetic_candles(25_000, seed=2)
    volume = np.maximum(candles.volume, 1.0)
    volume[where] = 0.0
    columns = (candles.open, candles.high, candles.low, candles.close, volume, candles.close_ns)
    report = check_strategy(PerVolume(), CandleColumns(*columns))
    (bias,) = report.biases
    assert (bias.kind, bias.row, bias.close_ns) == ("failure", where, candles.close_ns[where])
    assert bias.detail.startswith("it failed: ZeroDivisionError: ")
    assert bias.detail.endswith(line_of("per_lot = 1 / int("))
    assert (report.rows, report.verdict, report.is_fit) == (25_000, "FAILS", False)
    assert report.asked <= 300


@pytest.mark.parametrize("number", ["5", "nan", "bare"])
def test_what_is_no_answer_fails_and_is_no_bias_and_its_line_is_told(number):
    report = check_strategy(Answers(number=number))
    assert report.verdict == "FAILS"
    line = (
        "def observe(self, market):  # of Answers" if number == "bare" else 'return 1.0 if self.number == "'
    )
    assert report.biases[0].detail.endswith(line_of(line))
    assert report.biases[0].close_ns


def test_who_knows_the_future_is_biased_and_who_knows_nothing_in_order():
    assert check_strategy(NextCandle()).verdict == "BIASED"
    assert check_strategy(Follow()).verdict == "in order"


def test_exposures_are_compared_over_the_whole_of_a_long_history():
    report = check_strategy(OfTheWhole(), synthetic_candles(25_000, seed=2))
    (bias,) = report.biases
    assert bias.kind == "contradiction"
    assert bias.row >= 21_000


def test_a_cache_does_not_hide_a_peek():
    class Cached(Behind, frozen=True):
        def observe(self, market):
            return remembered(int(market.now_ns), lambda: Behind.observe(self, market))

    @functools.cache
    def kept(now_ns):
        return []

    def remembered(now_ns, ask):
        answers = kept(now_ns)
        if not answers:
            answers.append(ask())
        return answers[0]

    assert "outside" in found(Cached())


@pytest.mark.parametrize("name", [name for name in strategy_registry().names if name != "combination"])
def test_what_is_shipped_passes(name):
    report = check_strategy(strategy_registry().create(name), synthetic_candles(500, seed=1))
    assert report.is_fit, report.biases


@pytest.mark.parametrize("weighting", ["static", "performance", "volatility", "regime"])
def test_a_combination_passes_however_it_is_weighed(weighting):
    members = "sma-cross(fast=3, warmup=9) + 2 * breakout(warmup=8, leave=3)"
    combined = strategy_registry().create(
        "combination", {"members": members, "weighting": weighting, "judged": 20}
    )
    report = check_strategy(combined, synthetic_candles(200, seed=1))
    assert report.is_fit, report.biases


@pytest.mark.parametrize("name", classifier_registry().names)
def test_the_shipped_classifiers_pass(name):
    report = check_classifier(classifier_registry().create(name), synthetic_candles(400, seed=1))
    assert report.is_fit, report.biases
    assert report.subject == "classifier"


def test_too_few_candles_are_refused():
    with pytest.raises(InvalidInputError, match=r"sma-cross needs 100 candles .* there are 50; give more"):
        check_strategy(strategy_registry().create("sma-cross"), synthetic_candles(50))


def test_the_same_seed_gives_the_same_report():
    assert check_strategy(NextCandle(), seed=5) == check_strategy(NextCandle(), seed=5)


def test_synthetic_candles_are_candles_and_the_same_for_a_seed():
    one, same, other = synthetic_candles(3_000, 1), synthetic_candles(3_000, 1), synthetic_candles(3_000, 2)
    assert (one.close == same.close).all()
    assert (one.close != other.close).any()
    assert (one.close[:100] == synthetic_candles(100, 1).close).all()
    assert (one.low <= np.minimum(one.open, one.close)).all()
    assert (one.high >= np.maximum(one.open, one.close)).all()
    assert one.low.min() > 0
    assert (one.close == one.close.round()).all()
    assert not one.close.flags.writeable


def test_outside_access_hears_files_and_sockets_but_no_imports(tmp_path):
    (tmp_path / "a").write_text("x")
    with outside_access() as heard:
        (tmp_path / "a").read_text()
        (tmp_path / "b.py").touch()
    (tmp_path / "a").read_text()
    assert heard == [f"opens {tmp_path / 'a'}"]


def test_quotes_are_compared_too():
    class Quoter(Strategy, frozen=True):
        needs = Needs(book=True)
        warmup: Candles = 2

        def observe(self, market: Market):
            touch: Touch = market.book
            ahead = market.close.base is not None
            return Quotes(touch.bid_ticks - ahead, touch.ask_ticks, touch.bid_lots, touch.ask_lots)

    assert "lookahead" in found(Quoter())


@pytest.mark.parametrize("subject", [SmaCross(), Pairs(), BuyAndHold()], ids=lambda each: each.name)
def test_questions_are_counted_up_to_the_most_and_change_nothing(subject):
    told = []
    report = check_strategy(subject, progress=lambda done, most: told.append((done, most)))
    assert msgspec.json.encode(report) == msgspec.json.encode(check_strategy(subject))
    (most,) = {each for _, each in told}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert 0.8 * most < told[-1][0] <= most

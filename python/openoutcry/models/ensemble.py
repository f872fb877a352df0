"""Many classifiers, one opinion."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from openoutcry.domain.control import CandleHistory
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification, Vote
from openoutcry.domain.units import TimestampNs
from openoutcry.memory.candle_window import MAX_CLOCK_LEAD_NS, CandleWindow
from openoutcry.models.classifier import MAX_RATIONALE_CHARS, Classifier, Opinion, opinion_from_scores
from openoutcry.plugins.registry import did_you_mean

PROBABILITY_FLOOR: Final = 1e-6  # so that no single voter can veto an outcome with a zero
MAX_CONSECUTIVE_FAILURES: Final = 5  # then a classifier is no longer asked
MAX_CLASSIFIERS: Final = 64
EVEN: Final = Opinion(1 / 3, 1 / 3, 1 / 3)


def log_opinion_pool(opinions: Sequence[Opinion], weights: Sequence[float]) -> Opinion:
    """Combine opinions: the normalised weighted geometric mean, p_k ∝ ∏ p_ik^(w_i / Σw).

    Sums are exactly rounded, so the order of the opinions does not matter to the last bit.
    Source: Heskes, Selecting weighting factors in logarithmic opinion pools, NIPS 10 (1997).

    Raises:
        InvalidInputError: there is no opinion, a weight is negative or not finite, or all are 0.
    """
    if len(opinions) != len(weights) or not all(0.0 <= weight < math.inf for weight in weights):
        raise InvalidInputError(
            f"weights {list(weights)} for {len(opinions)} opinions; give one ≥ 0 for each"
        )
    total = math.fsum(weights)
    if not total:
        raise InvalidInputError("no opinion has a weight; give at least one a weight above 0")

    def pooled_log(shares: Iterable[float]) -> float:
        return math.fsum(
            weight / total * math.log(max(share, PROBABILITY_FLOOR))
            for weight, share in zip(weights, shares, strict=True)
        )

    return opinion_from_scores(
        pooled_log(opinion.up for opinion in opinions),
        pooled_log(opinion.flat for opinion in opinions),
        pooled_log(opinion.down for opinion in opinions),
        rationale=f"pool of {len(opinions)}",
    )


class Ensemble:
    """Asks each classifier about each closed candle and pools what they say.

    It abstains if fewer than `min_votes` classifiers had something to say, or if the pooled opinion's
    largest share is below `min_confidence`. A classifier that raises or answers nonsense abstains for
    that candle, with the error in its rationale; after `MAX_CONSECUTIVE_FAILURES` in a row it is
    quarantined: no longer asked until the system is started anew.

    A decider: CandleClosed → [Classification], CandleHistory → nothing (it warms up).
    """

    def __init__(
        self,
        *,
        symbol: str,
        classifiers: Sequence[Classifier],
        weights: Mapping[str, float] | None = None,
        min_votes: int = 1,
        min_confidence: float = 0.4,
        max_clock_lead_ns: int = MAX_CLOCK_LEAD_NS,
    ) -> None:
        names = [classifier.name for classifier in classifiers]
        if not 1 <= len(names) <= MAX_CLASSIFIERS or len(set(names)) != len(names):
            raise InvalidInputError(
                f"an ensemble needs 1 to {MAX_CLASSIFIERS} classifiers of different names, not {names}"
            )
        if not 1 <= min_votes <= len(names) or not 0.0 <= min_confidence <= 1.0:
            raise InvalidInputError(
                f"min_votes {min_votes} must lie in 1..{len(names)} "
                f"and min_confidence {min_confidence} in [0, 1]"
            )
        self._classifiers = tuple(classifiers)
        self._weights = _checked_weights(names, weights or {})
        self._min_votes = min_votes
        self._min_confidence = min_confidence
        self._window = CandleWindow(symbol=symbol, capacity=self.warmup, max_clock_lead_ns=max_clock_lead_ns)
        self._failures_in_a_row = dict.fromkeys(names, 0)
        self._failures = 0
        self._duplicates = 0

    @property
    def warmup(self) -> int:
        """How many candles the most demanding classifier looks at."""
        return max(classifier.warmup for classifier in self._classifiers)

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Classifiers that are no longer asked."""
        return tuple(
            name for name, count in self._failures_in_a_row.items() if count >= MAX_CONSECUTIVE_FAILURES
        )

    @property
    def counters(self) -> dict[str, float]:
        """Figures for monitoring."""
        return {
            "classifier_failures": self._failures,
            "classifiers_quarantined": len(self.quarantined),
            "classification_duplicate_candles": self._duplicates,
        }

    def decide(self, message: Message, now_ns: TimestampNs) -> Sequence[Message]:
        """Take a candle, or a history to warm up on.

        Raises:
            InvalidInputError: the message is of another kind, or its candle cannot be used.
        """
        match message:
            case CandleClosed():
                if not self._window.append(message, now_ns):
                    self._duplicates += 1
                    return ()
                return (self._classify(message),)
            case CandleHistory():
                self._window.merge(message.candles, now_ns)
                return ()
            case _:
                raise InvalidInputError(
                    f"the ensemble takes candles, not {type(message).__name__}; check the edges"
                )

    def _classify(self, candle: CandleClosed) -> Classification:
        votes = tuple(self._vote(classifier, candle) for classifier in self._classifiers)
        cast = [vote for vote in votes if not vote.abstained]
        weights = [self._weights[vote.classifier] for vote in cast]
        pooled = EVEN
        enough = len(cast) >= self._min_votes and math.fsum(weights) > 0.0
        if enough:
            pooled = log_opinion_pool([Opinion(vote.up, vote.flat, vote.down) for vote in cast], weights)
        return Classification(
            id=f"classification:{candle.id}",
            cause_id=candle.id,
            symbol=candle.symbol,
            close_ns=candle.close_ns,
            close_ticks=candle.close_ticks,
            up=pooled.up,
            flat=pooled.flat,
            down=pooled.down,
            abstained=not enough or max(pooled.up, pooled.flat, pooled.down) < self._min_confidence,
            votes=votes,
        )

    def _vote(self, classifier: Classifier, candle: CandleClosed) -> Vote:
        opinion, reason = self._ask(classifier)
        said = opinion or EVEN
        return Vote(
            id=f"vote:{classifier.name}:{candle.id}",
            cause_id=candle.id,
            symbol=candle.symbol,
            classifier=classifier.name,
            up=said.up,
            flat=said.flat,
            down=said.down,
            abstained=opinion is None,
            rationale=(opinion.rationale if opinion else reason)[:MAX_RATIONALE_CHARS],
        )

    def _ask(self, classifier: Classifier) -> tuple[Opinion | None, str]:
        """A classifier's opinion, or None and why it has none."""
        if self._failures_in_a_row[classifier.name] >= MAX_CONSECUTIVE_FAILURES:
            return None, f"quarantined after {MAX_CONSECUTIVE_FAILURES} failures in a row"
        if len(self._window) < classifier.warmup:
            return None, f"warming up: {len(self._window)} of {classifier.warmup} candles"
        try:
            opinion = _checked_answer(classifier.classify(self._window.columns(classifier.warmup)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a classifier may be anybody's code
            self._failures += 1
            self._failures_in_a_row[classifier.name] += 1
            return None, f"failed: {type(error).__name__}: {error}"
        self._failures_in_a_row[classifier.name] = 0
        return opinion, "nothing to say"


def _checked_answer(answer: object) -> Opinion | None:
    if answer is None or isinstance(answer, Opinion):
        return answer
    raise InvalidInputError(f"answered a {type(answer).__name__}, not an Opinion or None")


def _checked_weights(names: Sequence[str], weights: Mapping[str, float]) -> dict[str, float]:
    """A weight for each classifier, 1 where none is given."""
    for name, weight in weights.items():
        if name not in names:
            raise InvalidInputError(
                f"a weight for {name!r}, which is not in the ensemble; {did_you_mean(name, names)}"
            )
        if not 0.0 <= weight < math.inf:
            raise InvalidInputError(f"the weight {weight} of {name!r} cannot be used; give a number ≥ 0")
    checked = {name: float(weights.get(name, 1.0)) for name in names}
    if not any(checked.values()):
        raise InvalidInputError("every classifier has weight 0; give at least one a weight above 0")
    return checked

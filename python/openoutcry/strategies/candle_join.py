"""Brings each candle together with its classification, in whichever order they come."""

from typing import Final

from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import TimestampNs

MAX_WAITING: Final = 8  # candles that wait for their classification, and the other way round

Joined = tuple[CandleClosed, Classification | None]


class CandleJoin:
    """Releases candles in order, each with its classification, or with None where that was lost.

    A classification counts as lost when a later candle has been joined, or when more than `MAX_WAITING`
    candles wait. A classification whose candle does not come, or has been released, is dropped. All of
    these, and candles that came twice or too late, are counted.
    """

    def __init__(self) -> None:
        self._candles: dict[str, CandleClosed] = {}  # by id, in order of their close
        self._classifications: dict[str, Classification] = {}  # by candle id, in order of arrival
        self._newest_ns = TimestampNs(0)  # of the candles taken
        self._released_ns = TimestampNs(0)  # of the candles released
        self.counts = {
            "candles_without_classification": 0,
            "classifications_without_candle": 0,
            "strategy_duplicate_messages": 0,
        }

    @property
    def oldest_waiting_ns(self) -> TimestampNs | None:
        """The close of the oldest candle that waits."""
        return next((candle.close_ns for candle in self._candles.values()), None)

    def take_candle(self, candle: CandleClosed) -> list[Joined]:
        """Take a candle; returns what is released, oldest first."""
        if candle.close_ns <= self._newest_ns:
            self.counts["strategy_duplicate_messages"] += 1
            return []
        self._newest_ns = candle.close_ns
        self._candles[candle.id] = candle
        if candle.id in self._classifications:
            return self._release_through(candle.id)
        if len(self._candles) > MAX_WAITING:
            return self._release_through(next(iter(self._candles)))
        return []

    def take_classification(self, classification: Classification) -> list[Joined]:
        """Take a classification; returns what is released, oldest first."""
        candle_id = classification.cause_id
        if candle_id in self._classifications:
            self.counts["strategy_duplicate_messages"] += 1
            return []
        if classification.close_ns <= self._released_ns:
            self.counts["classifications_without_candle"] += 1
            return []
        self._classifications[candle_id] = classification
        if candle_id in self._candles:
            return self._release_through(candle_id)
        if len(self._classifications) > MAX_WAITING:
            del self._classifications[next(iter(self._classifications))]
            self.counts["classifications_without_candle"] += 1
        return []

    def _release_through(self, candle_id: str) -> list[Joined]:
        """Release a candle and those before it; they no longer matter once a later one is known."""
        released: list[Joined] = []
        for waiting_id in list(self._candles):
            candle = self._candles.pop(waiting_id)
            classification = self._classifications.pop(waiting_id, None)
            self.counts["candles_without_classification"] += classification is None
            self._released_ns = candle.close_ns
            released.append((candle, classification))
            if waiting_id == candle_id:
                break
        return released

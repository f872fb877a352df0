"""Alarms against labels: what was seen, how late, and what was told for nothing."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benches.anomaly.recording import NS_PER_MS, NS_PER_S

# Normal quantile of a two-sided 95 % interval.
Z_95 = 1.959964
TAIL = 0.025
NS_PER_HOUR = 3_600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Alarm:
    """Somebody raised it, and it was out when the market's clock stood at `known_ns`."""

    known_ns: int
    detector: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which something was wrong, and what."""

    kind: str
    intensity: str
    begin_ns: int
    end_ns: int


@dataclass(slots=True)
class Seen:
    """How many of some spans were seen, and how long that took."""

    spans: int = 0
    delays_ns: list[int] = field(default_factory=list)

    def as_row(self) -> dict:
        """For the report."""
        hits = len(self.delays_ns)
        return {
            "n": self.spans,
            "hits": hits,
            "recall": ratio(hits, self.spans),
            "recall_95": wilson(hits, self.spans),
            "delay_ms_median": percentile_ms(self.delays_ns, 0.5),
            "delay_ms_p90": percentile_ms(self.delays_ns, 0.9),
        }


@dataclass(slots=True)
class Score:
    """What one detector, or the panel, did over some streams."""

    tolerance_ns: int
    # False alarms closer together than this are one disturbance.
    merge_ns: int
    by_kind: dict[tuple[str, str], Seen] = field(default_factory=dict)
    hits: int = 0
    spans: int = 0
    repeats: int = 0
    false_alarms: int = 0
    false_episodes: int = 0
    clean_ns: int = 0

    def add(self, alarms: Iterable[Alarm], spans: Sequence[Span], begin_ns: int, end_ns: int) -> None:
        """Take one stream from begin to end; its spans must not overlap, tolerance included.

        A span is seen by the first alarm between its begin and `tolerance_ns` after its end; further alarms
        there are repeats. Every other alarm is false.
        """
        times = sorted(alarm.known_ns for alarm in alarms if begin_ns <= alarm.known_ns <= end_ns)
        covered_ns = 0
        for span in sorted(spans, key=lambda one: one.begin_ns):
            last_ns = span.end_ns + self.tolerance_ns
            inside = [time for time in times if span.begin_ns <= time <= last_ns]
            times = [time for time in times if not span.begin_ns <= time <= last_ns]
            covered_ns += last_ns - span.begin_ns
            self._see(span, inside)
        self.clean_ns += end_ns - begin_ns - covered_ns
        self.false_alarms += len(times)
        self.false_episodes += merged(times, self.merge_ns)

    def _see(self, span: Span, inside: Sequence[int]) -> None:
        seen = self.by_kind.setdefault((span.kind, span.intensity), Seen())
        seen.spans += 1
        self.spans += 1
        if inside:
            seen.delays_ns.append(inside[0] - span.begin_ns)
            self.hits += 1
            self.repeats += len(inside) - 1

    def of_kind(self, kind: str, intensity: str | None = None) -> Seen:
        """What was seen of a kind, of one intensity or of all."""
        total = Seen()
        for (one, strength), seen in self.by_kind.items():
            if one == kind and intensity in {None, strength}:
                total.spans += seen.spans
                total.delays_ns += seen.delays_ns
        return total

    def as_row(self) -> dict:
        """For the report."""
        total = Seen(self.spans, [delay for seen in self.by_kind.values() for delay in seen.delays_ns])
        told = self.hits + self.false_episodes
        hours = self.clean_ns / NS_PER_HOUR
        return {
            **total.as_row(),
            "precision": ratio(self.hits, told),
            "precision_95": wilson(self.hits, told),
            "repeats": self.repeats,
            "false_alarms": self.false_alarms,
            "false_episodes": self.false_episodes,
            "clean_hours": round(hours, 3),
            "false_alarms_per_hour": ratio(self.false_alarms, hours),
            "false_episodes_per_hour": ratio(self.false_episodes, hours),
            "false_episodes_per_hour_95": [
                ratio(bound, hours) for bound in poisson_interval(self.false_episodes)
            ],
        }


def merged(times: Sequence[int], merge_ns: int) -> int:
    """How many disturbances sorted times are, when a pause longer than `merge_ns` parts two."""
    count, last = 0, None
    for time in times:
        count += last is None or time - last > merge_ns
        last = time
    return count


def ratio(part: float, whole: float) -> float | None:
    """A share to four digits, or None of nothing."""
    return round(part / whole, 4) if whole else None


def percentile_ms(values_ns: Sequence[int], share: float) -> int | None:
    """Nearest-rank percentile, in milliseconds."""
    if not values_ns:
        return None
    rank = max(1, math.ceil(share * len(values_ns)))
    return round(sorted(values_ns)[rank - 1] / NS_PER_MS)


def wilson(hits: int, count: int) -> list[float] | None:
    """Wilson's 95 % interval of a share."""
    if not count:
        return None
    share, z2 = hits / count, Z_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return [round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)]


def poisson_interval(count: int) -> tuple[float, float]:
    """Garwood's exact 95 % interval of a Poisson count's mean."""
    low = _mean_with(count - 1, 1 - TAIL) if count else 0.0
    return low, _mean_with(count, TAIL)


def _mean_with(count: int, probability: float) -> float:
    """The mean at which `count` or fewer have this probability."""
    low, high = 0.0, 2.0 * count + 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if poisson_cdf(count, middle) > probability:
            low = middle
        else:
            high = middle
    return low


def poisson_cdf(count: int, mean: float) -> float:
    """Probability of `count` or fewer."""
    if not mean:
        return 1.0
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))

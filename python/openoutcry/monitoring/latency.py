"""Latencies as counts in power-of-two buckets: cheap to record, exact to merge, small to send."""

from collections.abc import Iterable, Sequence
from typing import Final

from openoutcry.domain.errors import InvalidInputError

BUCKETS: Final = 32  # the last one takes everything from 2^30 µs (18 minutes) on


class LatencyHistogram:
    """Counts of latencies: bucket 0 counts those below 1 µs, bucket i those in [2^(i-1), 2^i) µs.

    The last bucket takes whatever is longer. A negative latency (clocks that disagree) counts in bucket 0.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Sequence[int] = ()) -> None:
        """Start empty, or from counts of before.

        Raises:
            InvalidInputError: there are more counts than buckets, or a negative one.
        """
        if len(counts) > BUCKETS or any(count < 0 for count in counts):
            raise InvalidInputError(
                f"{list(counts)} are no counts of {BUCKETS} buckets; give at most so many, each ≥ 0"
            )
        self._counts = [*counts, *[0] * (BUCKETS - len(counts))]

    def record(self, latency_us: float) -> None:
        """Count one latency, in microseconds. Constant time."""
        self._counts[min(max(int(latency_us), 0).bit_length(), BUCKETS - 1)] += 1

    def merge(self, counts: Iterable[int]) -> None:
        """Add another histogram's counts."""
        for index, count in enumerate(LatencyHistogram(tuple(counts)).counts):
            self._counts[index] += count

    @property
    def counts(self) -> tuple[int, ...]:
        """Counts by bucket, not cumulative: what a Heartbeat carries."""
        return tuple(self._counts)

    @property
    def total(self) -> int:
        """Latencies recorded."""
        return sum(self._counts)

    def quantile_us(self, share: float) -> int | None:
        """An upper bound of a quantile in µs: the upper edge of the bucket in which it lies; None if empty.

        The true value is less, and at least half of it (below 1 µs aside): the answer errs by at most a
        factor of two, and never flatters. (The last bucket has no upper edge: 2^31 means 2^30 or more.)

        Raises:
            InvalidInputError: `share` is outside (0, 1].
        """
        if not 0.0 < share <= 1.0:
            raise InvalidInputError(
                f"a quantile of {share} does not exist; give a share above 0 and at most 1"
            )
        total, seen = self.total, 0
        for index, count in enumerate(self._counts):
            seen += count
            if count and seen >= share * total:
                return 1 << index
        return None

    def quantiles_us(self) -> dict[str, int]:
        """`count`, `p50` and `p99`, or only a count of 0."""
        p50, p99 = self.quantile_us(0.50), self.quantile_us(0.99)
        return {"count": 0} if p50 is None or p99 is None else {"count": self.total, "p50": p50, "p99": p99}

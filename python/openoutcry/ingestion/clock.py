"""The two clocks of the edge: wall time for stamps, monotonic time for durations."""

import time
from typing import Protocol

from openoutcry.domain.units import TimestampNs


class Clock(Protocol):
    """Where a feed gets the time from."""

    def wall_ns(self) -> TimestampNs:
        """UTC nanoseconds since the epoch, for stamps."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, for durations."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall_ns(self) -> TimestampNs:
        """UTC nanoseconds since the epoch."""
        return TimestampNs(time.time_ns())

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        return time.monotonic_ns()

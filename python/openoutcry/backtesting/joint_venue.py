"""Several instruments' venues as one."""

from collections.abc import Mapping, Sequence
from typing import Final

from openoutcry.backtesting.candle_venue import CandleVenue
from openoutcry.backtesting.floor import VenueNews
from openoutcry.domain.units import TimestampNs
from openoutcry.execution.commands import Command


class JointVenue:
    """A command goes to its symbol's venue; those that wake at one moment do so in their order."""

    def __init__(self, venues: Mapping[str, CandleVenue]) -> None:
        """Join the venues of symbols."""
        self.wake_ns: TimestampNs | None = None
        self._venues: Final = dict(venues)

    def take(self, command: Command, now_ns: TimestampNs) -> Sequence[VenueNews]:
        """Carry out a command."""
        events = self._venues[command.symbol].take(command, now_ns)
        self._look_ahead()
        return events

    def wake(self, now_ns: TimestampNs) -> Sequence[VenueNews]:
        """Tell what happened where something was due."""
        events: list[VenueNews] = []
        for venue in self._venues.values():
            if venue.wake_ns is not None and venue.wake_ns <= now_ns:
                events += venue.wake(now_ns)
        self._look_ahead()
        return events

    def _look_ahead(self) -> None:
        moments = [each.wake_ns for each in self._venues.values() if each.wake_ns is not None]
        self.wake_ns = min(moments) if moments else None

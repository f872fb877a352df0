"""The state of one feed: which channels are up, how old their data is, and what went wrong so far."""

from dataclasses import asdict, dataclass, field
from typing import Final

from openoutcry.domain.market import FeedState
from openoutcry.domain.units import NS_PER_MS

CHANNELS: Final = ("depth", "trade", "book_ticker")


@dataclass(slots=True)
class FeedCounters:
    """What happened, counted since the feed was made."""

    gaps: int = 0  # sequence gaps in the depth stream
    snapshots: int = 0  # books joined: the first and every resynchronisation
    reconnects: int = 0
    backfilled_trades: int = 0
    tape_restarts: int = 0  # holes too large to fill
    decode_errors: int = 0
    faults: int = 0  # lost connections, breaches of the venue's rule (gaps among them) and malformed frames
    recovered_faults: int = 0  # of these, those after which the feed was live again

    @property
    def resyncs(self) -> int:
        """Books joined after the first."""
        return max(0, self.snapshots - 1)

    def as_dict(self) -> dict[str, int]:
        """By name, `resyncs` included."""
        return {**asdict(self), "resyncs": self.resyncs}


@dataclass(slots=True)
class ChannelHealth:
    """Connections and ages of the channels. Times are monotonic nanoseconds."""

    stale_after_ms: dict[str, int]
    connected: set[str] = field(default_factory=set)
    newest_ns: dict[str, int] = field(default_factory=dict)
    lost_reason: str = ""

    @property
    def is_whole(self) -> bool:
        """Every channel is connected."""
        return len(self.connected) == len(CHANNELS)

    def up(self, channel: str, now_ns: int) -> None:
        """A channel is subscribed; its age counts from here."""
        self.connected.add(channel)
        self.newest_ns[channel] = now_ns
        if self.is_whole:
            self.lost_reason = ""

    def down(self, channel: str, reason: str) -> None:
        """A channel was lost."""
        self.connected.discard(channel)
        self.lost_reason = reason

    def ages_ms(self, now_ns: int) -> dict[str, int]:
        """How long each connected channel has been silent."""
        return {
            name: (now_ns - self.newest_ns[name]) // NS_PER_MS for name in CHANNELS if name in self.connected
        }

    def state(
        self, now_ns: int, *, book_is_valid: bool, missing_trades: tuple[int, int] | None
    ) -> tuple[FeedState, str]:
        """The feed's state and the reason for it. Everything but `live` forbids new orders."""
        if not self.is_whole:
            return ("down", self.lost_reason) if self.lost_reason else ("connecting", "waiting for the venue")
        for name, age_ms in self.ages_ms(now_ns).items():
            if age_ms > self.stale_after_ms[name]:
                return "stale", f"no {name} frame for more than {self.stale_after_ms[name]} ms"
        if not book_is_valid:
            return "syncing", "the book waits for a snapshot"
        if missing_trades is not None:
            return "syncing", "the tape waits for missing trades"
        return "live", ""

"""How the system is run: start, stop, halt, health."""

from typing import Literal

import msgspec

from openoutcry.domain.market import CandleClosed
from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs

ActorState = Literal["starting", "ready", "running", "stopping", "stopped", "failed", "quarantined"]


class Start(Message, frozen=True, kw_only=True):
    """Begin work."""


class Stop(Message, frozen=True, kw_only=True):
    """End in order: take no new work, withdraw what rests, settle, answer with Stopped."""

    reason: str = ""


class Stopped(Message, frozen=True, kw_only=True):
    """An actor has ended its work in order. `unreconciled` counts orders it could not account for."""

    role: str
    unreconciled: int = 0


class Halt(Message, frozen=True, kw_only=True):
    """No new orders; withdraw what rests. It latches: only an operator's `resume` lifts it."""

    reason: str
    by: str
    at_ns: TimestampNs


class ReportPosition(Message, frozen=True, kw_only=True):
    """Ask execution for a PositionReport."""

    symbol: str


class ReplayCandles(Message, frozen=True, kw_only=True):
    """Ask for the last `count` candles, to warm up after a restart."""

    symbol: str
    count: int


class CandleHistory(Message, frozen=True, kw_only=True):
    """The last candles, oldest first."""

    symbol: str
    candles: tuple[CandleClosed, ...]


class Failure(Message, frozen=True, kw_only=True):
    """A handler raised: which actor, on what, and the error in words. The supervisor decides."""

    role: str
    handling: str
    error: str
    at_ns: TimestampNs


class Pulse(Message, frozen=True, kw_only=True):
    """An actor still takes its turns. The supervisor kills one whose pulse stops."""

    role: str
    pid: int


class Heartbeat(Message, frozen=True, kw_only=True):
    """An actor's health and figures, for monitoring.

    `counters` and `gauges` are keyed by the names of the metrics catalogue; `latency_us` maps a hop
    ("source>role") to its power-of-two bucket counts, bucket i counting latencies below 2^i µs.
    `detail` is free for the live screen (a book, positions, open orders).
    """

    role: str
    pid: int
    state: ActorState
    restarts: int = 0
    mailbox: int = 0
    rss_bytes: int = 0
    last_message_ns: TimestampNs = TimestampNs(0)
    counters: dict[str, float] = msgspec.field(default_factory=dict)
    gauges: dict[str, float] = msgspec.field(default_factory=dict)
    latency_us: dict[str, tuple[int, ...]] = msgspec.field(default_factory=dict)
    detail: dict[str, object] = msgspec.field(default_factory=dict)

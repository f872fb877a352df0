"""One turn of the execution desk: what an input leads to, and the desk's times."""

import msgspec

from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs
from openoutcry.execution import schedule
from openoutcry.execution.commands import Command
from openoutcry.execution.parent import Child
from openoutcry.execution.records import Record


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The desk's times, in ns.

    `answer_timeout_ns` must exceed the adapter's own timeout. `answer_limit_ns` is the longest that a
    command may wait in the adapter before its request is made or given up. `recv_window_ns` is how old a
    request the venue still takes, `fence_slack_ns` what our clock may be off by.
    """

    slice_interval_ns: int = schedule.DEFAULT_SLICE_INTERVAL_NS
    slice_jitter: float = 0.0
    answer_timeout_ns: int = 10 * NS_PER_S
    answer_limit_ns: int = 60 * NS_PER_S
    query_backoff_ns: int = 250 * NS_PER_MS
    query_backoff_max_ns: int = 8 * NS_PER_S
    fills_grace_ns: int = 500 * NS_PER_MS
    recv_window_ns: int = 5 * NS_PER_S
    fence_slack_ns: int = 1 * NS_PER_S


class Decision(msgspec.Struct, frozen=True):
    """Commands for the venue, in this order, and messages to send. The journal holds both already."""

    commands: tuple[Command, ...] = ()
    messages: tuple[Message, ...] = ()


class Turn:
    """What one input leads to: gathered first, then journaled in one transaction, then given out."""

    def __init__(self, now_ns: TimestampNs) -> None:
        self.now_ns = now_ns
        self.records: list[Record] = []
        self.commands: list[Command] = []
        self.messages: list[Message] = []
        self.sent: list[Child] = []

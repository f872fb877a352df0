"""What the director of a measurement and its players tell each other. It is no part of what is measured."""

from typing import Any

import msgspec


class Join(msgspec.Struct, frozen=True):
    """To a player: its sender directs it, and what it has to pass on goes to `successor`."""

    successor: Any


class Joined(msgspec.Struct, frozen=True):
    """A player is there. `admin_pid` is Thespian's admin, the ancestor of every process of the system."""

    pid: int
    admin_pid: int


class Measure(msgspec.Struct, frozen=True):
    """To the first of a ring: send `count` messages round, each when the one before is back."""

    count: int


class Samples(msgspec.Struct, frozen=True):
    """How long each message took."""

    latencies_ns: tuple[int, ...]


class Produce(msgspec.Struct, frozen=True):
    """To the producer: send `count` messages as fast as the base allows, in the take `epoch`."""

    epoch: int
    count: int


class Continue(msgspec.Struct, frozen=True):
    """The producer to itself: the next batch."""


class Look(msgspec.Struct, frozen=True):
    """To producer or consumer: how far are you?"""


class Sent(msgspec.Struct, frozen=True):
    """How many messages of a take the producer has handed to the base."""

    epoch: int
    count: int


class Received(msgspec.Struct, frozen=True):
    """What the consumer has of a take; `misplaced` came after a later one, or twice.

    The times are monotonic: when the first was sent, and when the last was received.
    """

    epoch: int = -1
    count: int = 0
    misplaced: int = 0
    first_sent_ns: int = 0
    last_received_ns: int = 0


class Broke(msgspec.Struct, frozen=True):
    """A player cannot go on, and why."""

    error: str

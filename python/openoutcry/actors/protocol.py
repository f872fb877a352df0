"""What actors say to each other about themselves. Decisions travel in an Envelope."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import msgspec

from openoutcry.actors.transport.codec import CODEC
from openoutcry.assembly.topology import KINDS
from openoutcry.domain.message import Message

if TYPE_CHECKING:
    AnyMessage = Message
else:  # msgspec decodes by the tag of each kind
    AnyMessage = reduce(or_, sorted(KINDS, key=lambda kind: kind.__name__))


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A message on an edge: who sends it, which of the pair's messages it is, and when it left.

    `epoch` counts the sender's restarts: sequences begin anew with each. `sent_ns` and `origin_ns` are
    monotonic (comparable between processes of one host); `origin_ns` is when the event entered the system
    that led to this message. After `deadline_ns` (wall clock, UTC; 0 is never) the receiver refuses it.
    """

    source: str
    epoch: int
    sequence: int
    sent_ns: int
    origin_ns: int
    message: AnyMessage
    deadline_ns: int = 0


class Credit(msgspec.Struct, frozen=True, array_like=True):
    """How many of the pair's messages the receiver has taken: room for as many more.

    `epoch` is the sending end's, so that credit for a predecessor is not taken for one's own.
    """

    role: str
    epoch: int
    received: int


class Configure(msgspec.Struct, frozen=True):
    """What a new actor must know: its role, the settings (no secrets), where the run is kept."""

    role: str
    settings: bytes
    run_dir: str
    run_id: str
    restarts: int


class Wiring(msgspec.Struct, frozen=True):
    """Where each role that is up lives now, and which life of each role counts. Sent at every change.

    What a role sent in an earlier life (`epochs`) is refused from here on. A role with an epoch and without
    an address is gone: nothing is sent to it. `pids` are of the receiver's own host.
    """

    addresses: dict[str, Any]
    epochs: dict[str, int] = {}
    pids: dict[str, int] = {}


class Ready(msgspec.Struct, frozen=True):
    """An actor is configured and waits for Start. `info` is for the operator."""

    role: str
    info: dict[str, str]
    pid: int = 0


class Launch(msgspec.Struct, frozen=True):
    """To the supervisor: build and start the system. It stops in order when `launcher_pid` is gone."""

    settings: bytes
    run_dir: str
    run_id: str
    launcher_pid: int


class Launched(msgspec.Struct, frozen=True):
    """The system runs. `info` gathers what the actors reported; `pid` is the supervisor's process."""

    info: dict[str, str]
    pid: int = 0


class LaunchFailed(msgspec.Struct, frozen=True):
    """The system could not be started, and why."""

    error: str


class StopSystem(msgspec.Struct, frozen=True):
    """To the supervisor: stop every actor in order."""

    reason: str


class SystemStopped(msgspec.Struct, frozen=True):
    """Every actor has stopped. `unreconciled` orders could not be accounted for; `late` never answered."""

    unreconciled: int
    late: tuple[str, ...]
    restarts: dict[str, int]
    failures: tuple[str, ...]


class HaltSystem(msgspec.Struct, frozen=True):
    """To the supervisor: arm the halt and tell everybody."""

    reason: str
    by: str


# Envelopes and credits are what travels most: on our own base they go as msgpack, all else as pickles.
CODEC.register(Envelope, accepts=lambda envelope: type(envelope.message) in KINDS)
CODEC.register(Credit)

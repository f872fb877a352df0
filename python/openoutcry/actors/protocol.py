"""What actors say to each other about themselves. Decisions travel in an Envelope."""

from typing import Any

import msgspec

from openoutcry.domain.message import Message


class Envelope(msgspec.Struct, frozen=True):
    """A message on an edge: who sends it, which of the pair's messages it is, and when it left.

    `epoch` counts the sender's restarts: sequences begin anew with each. `sent_ns` and `origin_ns` are
    monotonic (comparable between processes of one host); `origin_ns` is when the event entered the system
    that led to this message.
    """

    source: str
    epoch: int
    sequence: int
    sent_ns: int
    origin_ns: int
    message: Message


class Credit(msgspec.Struct, frozen=True):
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
    """Where every role lives now. Sent again whenever one of them was restarted."""

    addresses: dict[str, Any]


class Ready(msgspec.Struct, frozen=True):
    """An actor is configured and waits for Start. `info` is for the operator."""

    role: str
    info: dict[str, str]


class Launch(msgspec.Struct, frozen=True):
    """To the supervisor: build and start the system. It stops in order when `launcher_pid` is gone."""

    settings: bytes
    run_dir: str
    run_id: str
    launcher_pid: int


class Launched(msgspec.Struct, frozen=True):
    """The system runs. `info` gathers what the actors reported."""

    info: dict[str, str]


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

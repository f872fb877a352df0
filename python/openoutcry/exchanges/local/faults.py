"""Faults the local exchange can inject, on a schedule along the recording or on demand."""

from collections import deque
from typing import Any, Final, Literal, get_args

import msgspec

from openoutcry.domain.errors import InvalidInputError

FaultKind = Literal[
    "drop",  # every market socket is cut off; the market goes on meanwhile
    "gap",  # one depth message is withheld from the subscribers; the venue's own book has it
    "malformed",  # one depth message is sent cut in half
    "drop_user",  # every user stream is cut off
    "error_5xx",  # the next order is executed and answered with 503
    "slow_ack",  # the next order is executed at once and answered after delay_ms
    "error_429",  # the next order request is turned away: too many requests
    "reject",  # the next order is refused
    "duplicate_report",  # the next trade's execution report is sent twice
]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)

DEFAULT_DELAY_MS: Final = 3_000
MAX_DELAY_MS: Final = 120_000
MAX_PENDING_FAULTS: Final = 1_000


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault to come. `at` is a fraction of the recording's lines; `delay_ms` is for slow_ack alone."""

    kind: FaultKind
    at: float = 0.0
    delay_ms: int = DEFAULT_DELAY_MS

    def __post_init__(self) -> None:
        if not 0 <= self.at <= 1:
            raise InvalidInputError(
                f"fault {self.kind} at {self.at}: give a fraction of the recording, 0 to 1"
            )
        if not 0 <= self.delay_ms <= MAX_DELAY_MS:
            raise InvalidInputError(
                f"fault {self.kind}: a delay of {self.delay_ms} ms is not in 0 to {MAX_DELAY_MS}"
            )


class InjectedFault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that struck: when, by the recording's line and receive time."""

    kind: FaultKind
    line: int
    market_ns: int


def parse_fault(text: str) -> Fault:
    """Read `kind[:delay_ms]@fraction`, as `drop@0.3` or `slow_ack:2000@0.5`.

    Raises:
        InvalidInputError: it is not of that form.
    """
    head, _, fraction = text.partition("@")
    kind, _, delay = head.partition(":")
    try:
        fields: dict[str, Any] = {"kind": kind, "at": float(fraction)}
        if delay:
            fields["delay_ms"] = int(delay)
        return fault_from(fields)
    except ValueError as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"fault {text!r}: give kind[:delay_ms]@fraction, as drop@0.3") from None


def fault_from(fields: object) -> Fault:
    """Make a fault from plain data. Raises InvalidInputError, naming the kinds there are."""
    try:
        return msgspec.convert(fields, Fault)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"no such fault ({error}); the kinds are {', '.join(FAULT_KINDS)}") from None


class FaultBoard:
    """Which faults are still to come by schedule, which are armed for the next occasion, which struck."""

    def __init__(self, schedule: tuple[Fault, ...], lines_total: int) -> None:
        self._scheduled = deque(
            sorted(((int(fault.at * lines_total), fault) for fault in schedule), key=lambda p: p[0])
        )
        self._armed: dict[FaultKind, deque[Fault]] = {kind: deque() for kind in FAULT_KINDS}
        self.injected: list[InjectedFault] = []
        self._line = 0
        self._market_ns = 0

    @property
    def pending(self) -> list[Fault]:
        """Faults that have not struck yet."""
        return [fault for queue in self._armed.values() for fault in queue] + [
            fault for _, fault in self._scheduled
        ]

    def advance(self, line: int, market_ns: int) -> None:
        """The replay has come to a line: arm what is due."""
        self._line = line
        self._market_ns = market_ns
        while self._scheduled and self._scheduled[0][0] <= line:
            self.arm(self._scheduled.popleft()[1])

    def arm(self, fault: Fault) -> None:
        """Let a fault strike at the next occasion. Raises InvalidInputError if too many are waiting."""
        if len(self.pending) >= MAX_PENDING_FAULTS:
            raise InvalidInputError(f"{MAX_PENDING_FAULTS} faults are waiting already; let them strike first")
        self._armed[fault.kind].append(fault)

    def take(self, kind: FaultKind) -> Fault | None:
        """The occasion for a kind of fault: the one that strikes now, if one is armed."""
        queue = self._armed[kind]
        if not queue:
            return None
        self.injected.append(InjectedFault(kind=kind, line=self._line, market_ns=self._market_ns))
        return queue.popleft()

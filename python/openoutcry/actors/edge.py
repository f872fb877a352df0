"""The sending end of the edges between two roles: bounded by credit from the receiver.

The two keep one order for all kinds of message. At most `window` messages are under way; what comes on
top waits here, and each kind's policy says what happens when the waiting room is full as well.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from openoutcry.actors.protocol import Envelope
from openoutcry.assembly.topology import Edge, Policy
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_S

ACKNOWLEDGE_EVERY: Final = 16  # messages between two credits; well below every window


class EdgeFullError(Exception):
    """An edge that may lose nothing is full: its receiver does not keep up or is gone."""


class EdgeFigures(msgspec.Struct):
    """What one kind of message has come to. Depth and age are of what the receiver has not taken."""

    depth: int = 0
    age_s: float = 0.0
    dropped: int = 0
    conflated: int = 0
    refused: int = 0


class OutgoingEdge:
    """One sender's way to one receiver. `send` hands an envelope to the transport.

    With `is_resending`, what a dead receiver had not acknowledged goes to its successor as well, if its
    policy is to refuse: the receiver must take the same message twice without harm.
    """

    def __init__(
        self,
        destination: str,
        send: Callable[[Envelope], None],
        window: int = 256,
        *,
        is_resending: bool = False,
    ) -> None:
        self.destination = destination
        self._figures: dict[type[Message], EdgeFigures] = {}
        self._send = send
        self._window = window
        self._sent = 0
        self._received = 0
        self._is_resending = is_resending
        self._is_open = False  # until the receiver's address is known
        self._is_lost = False  # the receiver was known, and is gone
        self._under_way: deque[tuple[Edge, Envelope]] = deque()  # one for each sent and not acknowledged
        self._waiting: deque[tuple[Edge, Envelope]] = deque()

    @property
    def depth(self) -> int:
        """Messages under way or waiting."""
        return self._sent - self._received + len(self._waiting)

    @property
    def is_congested(self) -> bool:
        """Whether the receiver is a whole window behind, or gone: time to begin nothing new."""
        return self._is_lost or (self._is_open and bool(self._waiting))

    def figures(self) -> Iterator[tuple[str, EdgeFigures]]:
        """The figures of each kind that was ever sent, by the edge's name."""
        now_ns = time.monotonic_ns()
        for each in self._figures.values():
            each.depth, each.age_s = 0, 0.0
        for edge, envelope in (*self._under_way, *self._waiting):  # oldest first
            each = self._figures[edge.message]
            each.depth += 1
            each.age_s = each.age_s or (now_ns - envelope.sent_ns) / NS_PER_S
        for kind, each in self._figures.items():
            yield f"{self.destination}/{kind.__name__}", each

    def offer(self, edge: Edge, envelope: Envelope) -> None:
        """Send now, or let wait.

        Raises:
            EdgeFullError: the edge is full and may lose nothing.
        """
        if edge.message not in self._figures:
            self._figures[edge.message] = EdgeFigures()
        if self._is_lost and not self._is_resending:
            self._figures[edge.message].dropped += 1
        elif self._has_room and not self._waiting:
            self._transmit(edge, envelope)
        elif edge.policy is Policy.CONFLATE and self._conflate(edge, envelope):
            self._figures[edge.message].conflated += 1
        else:
            self._make_room(edge)
            self._waiting.append((edge, envelope))

    def credit(self, received: int) -> None:
        """The receiver has taken `received` messages in all."""
        while self._received < min(received, self._sent):
            self._received += 1
            self._under_way.popleft()
        while self._waiting and self._has_room:
            self._transmit(*self._waiting.popleft())

    def close(self) -> None:
        """The receiver is gone: nothing is sent until `reopen`.

        Where its successor begins with what memory knows, what was meant for the dead, or comes meanwhile, is
        dropped: late, it would be taken for new. An edge that is resending keeps all it may not lose.
        """
        self._is_open, self._is_lost = False, True
        if self._is_resending:
            return
        for edge, _ in self._waiting:
            self._figures[edge.message].dropped += 1
        self._waiting.clear()
        self._under_way.clear()
        self._sent = self._received = 0

    def reopen(self) -> None:
        """The receiver's address is known, or it was replaced: it has taken nothing, nothing is under way."""
        self._is_open, self._is_lost = True, False
        if self._is_resending:
            lost = [each for each in self._under_way if each[0].policy is Policy.REFUSE]
            self._waiting.extendleft(reversed(lost))
        self._under_way.clear()
        self._sent = self._received = 0
        self.credit(0)

    @property
    def _has_room(self) -> bool:
        return self._is_open and self._sent - self._received < self._window

    def _transmit(self, edge: Edge, envelope: Envelope) -> None:
        self._sent += 1
        self._under_way.append((edge, envelope))
        self._send(
            Envelope(
                envelope.source,
                envelope.epoch,
                self._sent,
                envelope.sent_ns,
                envelope.origin_ns,
                envelope.message,
                envelope.deadline_ns,
            )
        )

    def _conflate(self, edge: Edge, envelope: Envelope) -> bool:
        key = _conflation_key(envelope)
        for index, (_, waiting) in enumerate(self._waiting):
            if _conflation_key(waiting) == key:
                self._waiting[index] = (edge, envelope)
                return True
        return False

    def _make_room(self, edge: Edge) -> None:
        if sum(waiting.message is edge.message for waiting, _ in self._waiting) < edge.capacity:
            return
        if edge.policy is Policy.REFUSE:
            self._figures[edge.message].refused += 1
            raise EdgeFullError(
                f"{edge.source} has {self.depth} messages waiting for {self.destination}, which takes none; "
                f"another {edge.message.__name__} is refused"
            )
        for index, (waiting, _) in enumerate(self._waiting):
            if waiting.message is edge.message:
                del self._waiting[index]
                self._figures[edge.message].dropped += 1
                return


def _conflation_key(envelope: Envelope) -> tuple[type, str]:
    return type(envelope.message), getattr(envelope.message, "symbol", "")

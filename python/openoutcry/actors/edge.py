"""The sending end of the edges between two roles: bounded by credit from the receiver.

The two keep one order for all kinds of message. At most `window` messages are under way; what comes on
top waits here, and each kind's policy says what happens when the waiting room is full as well.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from openoutcry.actors.protocol import Envelope
from openoutcry.assembly.topology import Edge, Policy

ACKNOWLEDGE_EVERY: Final = 16  # messages between two credits; well below every window


class EdgeFullError(Exception):
    """An edge that may lose nothing is full: its receiver does not keep up or is gone."""


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
        self.dropped = 0
        self.conflated = 0
        self._send = send
        self._window = window
        self._sent = 0
        self._received = 0
        self._is_resending = is_resending
        self._is_open = False  # until the receiver's address is known
        self._under_way: deque[tuple[Edge, Envelope]] = deque()  # one for each sent and not acknowledged
        self._waiting: deque[tuple[Edge, Envelope]] = deque()

    @property
    def depth(self) -> int:
        """Messages under way or waiting."""
        return self._sent - self._received + len(self._waiting)

    def offer(self, edge: Edge, envelope: Envelope) -> None:
        """Send now, or let wait.

        Raises:
            EdgeFullError: the edge is full and may lose nothing.
        """
        if self._has_room and not self._waiting:
            self._transmit(edge, envelope)
        elif edge.policy is Policy.CONFLATE and self._conflate(edge, envelope):
            self.conflated += 1
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

    def reopen(self) -> None:
        """The receiver's address is known, or it was replaced: it has taken nothing, nothing is under way."""
        self._is_open = True
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
        self._send(msgspec.structs.replace(envelope, sequence=self._sent))

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
            raise EdgeFullError(
                f"{edge.source} has {self.depth} messages waiting for {self.destination}, which takes none; "
                f"another {edge.message.__name__} is refused"
            )
        for index, (waiting, _) in enumerate(self._waiting):
            if waiting.message is edge.message:
                del self._waiting[index]
                self.dropped += 1
                return


def _conflation_key(envelope: Envelope) -> tuple[type, str]:
    return type(envelope.message), getattr(envelope.message, "symbol", "")

"""Latency: messages that go round a ring of actors, one after the other.

A ring of two measures a round trip, a ring of five the way of a decision from the closed candle to the
approved order in the hands of execution.
"""

import time
from abc import abstractmethod
from typing import Any

from openoutcry.actors.benchmark import decisions
from openoutcry.actors.benchmark.player import Player
from openoutcry.actors.benchmark.script import Measure, Samples
from openoutcry.actors.protocol import Envelope
from openoutcry.domain.message import Message


class First(Player):
    """Begins each round, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self._sequence = 0
        self._left = 0
        self._latencies_ns: list[int] = []

    @abstractmethod
    def opening(self, number: int) -> Message:
        """The message that begins a round."""

    @abstractmethod
    def latency_ns(self, envelope: Envelope, arrived_ns: int) -> int:
        """What is measured, when a round's last envelope is here."""

    def direct(self, direction: Any) -> None:
        """Begin."""
        assert isinstance(direction, Measure)
        self._left = direction.count
        self._latencies_ns = []
        self._begin_round()

    def take(self, envelope: Envelope) -> None:
        """A round has ended."""
        arrived_ns = time.monotonic_ns()
        if envelope.sequence != self._sequence:
            raise ValueError(f"message {envelope.sequence} came back instead of {self._sequence}")
        self._latencies_ns.append(self.latency_ns(envelope, arrived_ns))
        self._left -= 1
        if self._left:
            self._begin_round()
        else:
            self.tell(Samples(tuple(self._latencies_ns)))

    def _begin_round(self) -> None:
        self._sequence += 1
        message = self.opening(self._sequence)
        self.pass_on(0, self._sequence, time.monotonic_ns(), message)


class Caller(First):
    """Measures a small message there and back, on its own clock."""

    def opening(self, number: int) -> Message:
        """A fill: small, and none may be lost."""
        return decisions.fill(number)

    def latency_ns(self, envelope: Envelope, arrived_ns: int) -> int:
        """There and back."""
        return arrived_ns - envelope.origin_ns


class Ingestion(First):
    """Measures from the closed candle until execution had the order in hand (its stamp on the answer)."""

    def opening(self, number: int) -> Message:
        """A closed candle."""
        return decisions.candle(number)

    def latency_ns(self, envelope: Envelope, arrived_ns: int) -> int:
        """Four hops; the answer's way back is none of them."""
        del arrived_ns
        return envelope.sent_ns - envelope.origin_ns


class Hop(Player):
    """Takes a message, derives the next one from it, and passes that on."""

    @abstractmethod
    def derive(self, message: Any) -> Message:
        """The next message."""

    def take(self, envelope: Envelope) -> None:
        """Derive, and pass on."""
        self.pass_on(envelope.epoch, envelope.sequence, envelope.origin_ns, self.derive(envelope.message))


class Echo(Hop):
    """The other end of a round trip."""

    def derive(self, message: Any) -> Message:
        """The same again."""
        assert isinstance(message, Message)
        return message


class Classification(Hop):
    """The first hop."""

    def derive(self, message: Any) -> Message:
        """Candle to classification."""
        return decisions.classify(message)


class Strategy(Hop):
    """The second hop."""

    def derive(self, message: Any) -> Message:
        """Classification to intent."""
        return decisions.intend(message)


class Risk(Hop):
    """The third hop."""

    def derive(self, message: Any) -> Message:
        """Intent to approval, by the real review."""
        return decisions.approve(message)


class Execution(Hop):
    """The fourth hop: what it stamps is the moment at which the order could go to the venue."""

    def derive(self, message: Any) -> Message:
        """Approval to acceptance."""
        return decisions.accept(message)

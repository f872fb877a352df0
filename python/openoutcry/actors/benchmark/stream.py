"""Throughput: one actor sends to another as fast as the base allows."""

import time
from typing import Any, Final

from openoutcry.actors.benchmark import decisions
from openoutcry.actors.benchmark.player import Player
from openoutcry.actors.benchmark.script import Continue, Look, Produce, Received, Sent
from openoutcry.actors.protocol import Envelope

BATCH_MESSAGES: Final = 128  # sent in one handler; between two of them the producer hears others


class Producer(Player):
    """Sends numbered messages, a batch in each handler."""

    def __init__(self) -> None:
        super().__init__()
        self._current = Produce(-1, 0)
        self._sent = 0
        self._began_ns = 0

    def direct(self, direction: Any) -> None:
        """Begin, go on, or say how far it is."""
        match direction:
            case Produce():
                self._current, self._sent, self._began_ns = direction, 0, time.monotonic_ns()
                self._send_batch()
            case Continue():
                self._send_batch()
            case Look():
                self.tell(Sent(self._current.epoch, self._sent))
            case _:
                super().direct(direction)

    def take(self, envelope: Envelope) -> None:
        """Nobody sends it one."""
        raise ValueError(f"the producer received message {envelope.sequence}")

    def _send_batch(self) -> None:
        end = min(self._sent + BATCH_MESSAGES, self._current.count)
        while self._sent < end:
            self._sent += 1
            self.pass_on(self._current.epoch, self._sent, self._began_ns, decisions.fill(self._sent))
        if self._sent < self._current.count:
            self.send(self.myAddress, Continue())


class Consumer(Player):
    """Counts what arrives, and whether it arrives in order."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = -1
        self._count = self._misplaced = self._last_sequence = 0
        self._first_sent_ns = self._last_received_ns = 0

    def take(self, envelope: Envelope) -> None:
        """Count one. What is left of an earlier take counts no more."""
        now_ns = time.monotonic_ns()
        if envelope.epoch < self._epoch:
            return
        if envelope.epoch > self._epoch:
            self._epoch, self._first_sent_ns = envelope.epoch, envelope.origin_ns
            self._count = self._misplaced = self._last_sequence = 0
        if envelope.sequence > self._last_sequence:
            self._last_sequence = envelope.sequence
            self._count += 1
        else:
            self._misplaced += 1
        self._last_received_ns = now_ns

    def direct(self, direction: Any) -> None:
        """Say how far it is."""
        if not isinstance(direction, Look):
            return super().direct(direction)
        received = Received(
            self._epoch, self._count, self._misplaced, self._first_sent_ns, self._last_received_ns
        )
        return self.tell(received)

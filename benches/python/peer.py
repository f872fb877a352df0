"""What the actors of other libraries do: the same messages and the same clock as ours."""

import time

from openoutcry.actors.benchmark import decisions
from openoutcry.actors.protocol import Envelope


def envelope(sequence, origin_ns):
    return Envelope("peer", 0, sequence, time.monotonic_ns(), origin_ns, decisions.fill(sequence))


def round_trips_ns(there_and_back, count):
    """How long each took; the same in either library: the caller waits for the answer."""
    times = []
    for number in range(1, count + 1):
        began_ns = time.monotonic_ns()
        answer = there_and_back(envelope(number, began_ns))
        times.append(time.monotonic_ns() - began_ns)
        assert answer.sequence == number
    return times


def send_all(send, count):
    began_ns = time.monotonic_ns()
    for number in range(1, count + 1):
        send(envelope(number, began_ns))


class Tally:
    """What a consumer has, and nanoseconds a message when it has all."""

    def __init__(self):
        self.count = 0
        self.ns_per_message = 0.0

    def take(self, message):
        self.count += 1
        assert message.sequence == self.count, "out of order"
        self.ns_per_message = (time.monotonic_ns() - message.origin_ns) / self.count

"""What a decider is: an ordinary synchronous object that turns a message into messages."""

from collections.abc import Sequence
from typing import Protocol

from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs


class Decider(Protocol):
    """State, a message and the time in; messages out. No I/O, no clock, no randomness of its own.

    Who receives an answer is not the decider's business: the table of edges says it.
    """

    def decide(self, message: Message, now_ns: TimestampNs) -> Sequence[Message]:
        """Take one message. Messages of a kind the decider does not know are an error of the wiring."""
        ...

"""What every actor of a measurement has in common."""

import os
import time
from abc import abstractmethod
from typing import Any

import thespian.actors as thespian

from openoutcry.actors.benchmark.script import Broke, Join, Joined
from openoutcry.actors.protocol import Envelope
from openoutcry.domain.message import Message


class Player(thespian.Actor):  # type: ignore[misc]  # Thespian has no types
    """Takes envelopes from players and directions from whoever let it join."""

    def __init__(self) -> None:
        super().__init__()
        self._director: Any = None
        self._successor: Any = None

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  Thespian's name
        """Thespian's entry. An error is told to the director: Thespian would run the handler twice."""
        try:
            match message:
                case Envelope():
                    self.take(message)
                case Join():
                    self._director, self._successor = sender, message.successor
                    self.tell(Joined(os.getpid(), os.getppid()))
                case thespian.ActorSystemMessage():
                    pass
                case _:
                    self.direct(message)
        except Exception as error:  # noqa: BLE001  see above
            self.tell(Broke(f"{type(self).__name__}: {type(error).__name__}: {error}"))

    @abstractmethod
    def take(self, envelope: Envelope) -> None:
        """A message of the measurement."""

    def direct(self, direction: Any) -> None:
        """A direction of the director."""
        raise TypeError(f"no part for {type(direction).__name__} in this play")

    def tell(self, news: Any) -> None:
        """Tell the director."""
        self.send(self._director, news)

    def pass_on(self, epoch: int, sequence: int, origin_ns: int, message: Message) -> None:
        """Send the next player a message, as our actors do: in an envelope, stamped when it leaves."""
        name = type(self).__name__
        self.send(self._successor, Envelope(name, epoch, sequence, time.monotonic_ns(), origin_ns, message))

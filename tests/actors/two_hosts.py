"""Two actors of a convention: one that lives on the trading host, and one that it places on another."""

import os
import time
from pathlib import Path

import msgspec
import thespian.actors as thespian

from openoutcry.actors.protocol import Envelope
from openoutcry.actors.transport.tcp import HOST_CAPABILITY


class Look(msgspec.Struct, frozen=True):
    """Ask what an actor has seen."""


class Watch(msgspec.Struct, frozen=True):
    """To the floor: be told who joins and who is lost."""


class Place(msgspec.Struct, frozen=True):
    """To the floor: create a distant actor on a host."""

    host: str


class Post(msgspec.Struct, frozen=True):
    """To the floor: send this to the distant actor of that number."""

    number: int
    message: object


class Distant(thespian.Actor):
    """It obeys envelopes in time, refuses late ones, and says which."""

    def __init__(self):
        super().__init__()
        self.obeyed, self.refused = [], []

    @staticmethod
    def actorSystemCapabilityCheck(capabilities, requirements):  # noqa: N802  Thespian's name
        return all(capabilities.get(key) == value for key, value in requirements.items())

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        match message:
            case Envelope():
                is_late = 0 < message.deadline_ns < time.time_ns()
                (self.refused if is_late else self.obeyed).append(message.sequence)
            case Look():
                network = Path("/proc/self/ns/net").stat().st_ino
                seen = {
                    "obeyed": self.obeyed,
                    "refused": self.refused,
                    "network": network,
                    "pid": os.getpid(),
                }
                self.send(sender, seen)


class Floor(thespian.Actor):
    """It watches the convention and places distant actors, as a supervisor would."""

    def __init__(self):
        super().__init__()
        self.distant, self.notices, self.answers = [], [], []

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        match message:
            case Watch():
                self.notifyOnSystemRegistrationChanges(self.myAddress)
                self.send(sender, True)
            case Place():
                self.distant.append(self.createActor("two_hosts.Distant", {HOST_CAPABILITY: message.host}))
                self.send(sender, len(self.distant) - 1)
            case Post():
                self.send(self.distant[message.number], message.message)
                self.send(sender, True)
            case Look():
                self.send(sender, {"notices": self.notices, "answers": self.answers})
            case thespian.ActorSystemConventionUpdate():
                host = message.remoteCapabilities.get(HOST_CAPABILITY)
                self._notice("joined" if message.remoteAdded else "lost", host)
            case thespian.ChildActorExited():
                self._notice("exited", self.distant.index(message.childAddress))
            case thespian.PoisonMessage():
                self._notice("poison", type(message.poisonMessage).__name__)
            case dict():
                self.answers.append((self.distant.index(sender), message))

    def _notice(self, what, of):
        self.notices.append((what, of, time.monotonic()))

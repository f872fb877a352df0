"""Actors that know nothing of ours, as the base must carry them.

They are no part of a test's module, so that a process that is spawned finds them.
"""

# ruff: noqa: N802  receiveMessage is Thespian's name

import logging
import os
import signal
from pathlib import Path

import msgspec
import thespian.actors as thespian

from openoutcry.actors.transport.guardian import GuardianLost


class Note(msgspec.Struct, frozen=True):
    """A message that takes the short way of our own ones."""

    text: str


class Echo(thespian.Actor):
    """Answers each message with itself; `pid` with its process's, bytes with their number."""

    def receiveMessage(self, message, sender):
        if message == "pid":
            self.send(sender, os.getpid())
        elif isinstance(message, bytes):
            self.send(sender, len(message))
        elif isinstance(message, thespian.ActorExitRequest | thespian.ChildActorExited | GuardianLost):
            pass
        else:
            self.send(sender, message)


class Collector(thespian.Actor):
    """Keeps what it is sent, and hands it over when there are as many as somebody waits for."""

    def __init__(self):
        self.kept = []
        self.awaited = None

    def receiveMessage(self, message, sender):
        match message:
            case ("await", count):
                self.awaited = count, sender
            case "pid":
                self.send(sender, os.getpid())
            case "handle dead letters":
                self.handleDeadLetters()
                self.send(sender, "handles")
            case thespian.DeadEnvelope():
                self.kept.append(message.deadMessage)
            case thespian.ActorSystemMessage():
                pass
            case _:
                self.kept.append(message)
        if self.awaited is not None and len(self.kept) >= self.awaited[0]:
            self.send(self.awaited[1], self.kept)
            self.awaited = None


class Peer(thespian.Actor):
    """Sends numbers to another while that one sends to it."""

    def __init__(self):
        self.come = []
        self.awaited = None

    def receiveMessage(self, message, sender):
        match message:
            case ("send", peer, count):
                for number in range(count):
                    self.send(peer, Note(str(number)) if number % 3 else number)
            case ("await", count):
                self.awaited = count, sender
            case int():
                self.come.append(message)
            case Note():
                self.come.append(int(message.text))
        if self.awaited is not None and len(self.come) >= self.awaited[0]:
            self.send(self.awaited[1], self.come)
            self.awaited = None


class Flooder(thespian.Actor):
    """Sends more than its target takes."""

    def __init__(self):
        self.poison = []

    def receiveMessage(self, message, sender):
        match message:
            case ("flood", target, count, size):
                for _ in range(count):
                    self.send(target, b"x" * size)
                self.send(sender, os.getpid())
            case thespian.PoisonMessage():
                self.poison.append(message.details)
            case "poison":
                self.send(sender, self.poison)


class Logger(thespian.Actor):
    """Logs lines."""

    def receiveMessage(self, message, sender):
        if isinstance(message, tuple):
            count, size = message
            for _ in range(count):
                logging.getLogger("naive").error("x" * size)
            self.send(sender, "logged")
        elif message == "logger's pid":
            socket = Path(self._myRef.asLogger.addressDetails.path)
            self.send(sender, int(socket.name.partition("-")[0]))


class Mother(thespian.Actor):
    """Has children, and does with them as it is told."""

    def __init__(self):
        self.child = None
        self.exited = []
        self.awaited = None

    def receiveMessage(self, message, sender):
        match message:
            case ("await exits", count):
                self.awaited = count, sender
            case thespian.ChildActorExited():
                if message.childAddress not in self.exited:
                    self.exited.append(message.childAddress)
                    self.send(message.childAddress, "after")
            case ("kill together", *pids):
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
            case str():
                self.do(message, sender)
        if self.awaited is not None and len(self.exited) >= self.awaited[0]:
            self.send(self.awaited[1], len(self.exited))
            self.awaited = None

    def do(self, what, asker):
        match what:
            case "pid":
                self.send(asker, os.getpid())
            case "bear":
                self.child = self.createActor(Echo)
                self.send(asker, self.child)
            case "kill it at birth":
                self.child = self.createActor(Echo)
                self.send(self.child, "unborn")
                os.kill(self._myRef._child_procs[-1].childProc.pid, signal.SIGKILL)
            case "send, change, send":
                note = ["as sent"]
                self.send(self.child, note)
                note[0] = "changed"
                self.send(asker, "sent")
            case "last work":
                self.send(self.child, ("work", 1))
                self.send(self.child, thespian.ActorExitRequest())


class Nursery(thespian.Actor):
    """Has many short-lived children; says what it had open before them, and has when all have gone."""

    def __init__(self):
        self.asker = None
        self.left = self.before = 0
        self.patience = 1000
        self.exited = []

    def receiveMessage(self, message, sender):
        match message:
            case ("bear", count):
                self.asker, self.left, self.before = sender, count, descriptors()
                self.next()
            case ("here", _):
                self.send(sender, thespian.ActorExitRequest())
            case thespian.ChildActorExited() if message.childAddress not in self.exited:
                self.exited.append(message.childAddress)
                self.next()
            case thespian.WakeupMessage():
                self.settle()

    def next(self):
        if self.left:
            self.left -= 1
            self.send(self.createActor(Echo), ("here", "x" * 2000))
        else:
            self.settle()

    def settle(self):
        if descriptors() > self.before and self.patience:
            self.patience -= 1
            self.wakeupAfter(0.01)
        else:
            links, incoming = self._myRef.transport._links, self._myRef.transport._incoming
            self.send(self.asker, (self.before, descriptors(), len(links), len(incoming)))


class Chain(thespian.Actor):
    """Makes the next one, as often as it is told; the last one answers."""

    def receiveMessage(self, message, sender):
        if isinstance(message, tuple):
            count, asker = message
            asker = asker or sender
            if count:
                self.send(self.createActor(Chain), (count - 1, asker))
            else:
                self.send(asker, "at the end")


class Recorder(thespian.Actor):
    """Keeps the news about its guardians."""

    orphan_grace_s = 2.0

    def __init__(self):
        self.lost = []

    def receiveMessage(self, message, sender):
        if isinstance(message, GuardianLost):
            self.lost.append(message.is_admin)
        elif message == "lost":
            self.send(sender, self.lost)
        elif message == "child":
            self.send(sender, self.createActor(Recorder))
        elif message == "pid":
            self.send(sender, os.getpid())


class Forker(thespian.Actor):
    """Forks a process of its own, as a library might."""

    def receiveMessage(self, message, sender):
        if message == "fork":
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.write(writer, b"is up")
                signal.pause()
            os.read(reader, 5)
            self.send(sender, (os.getpid(), child))


class Breaker(thespian.Actor):
    """Raises at every note, and counts."""

    def __init__(self):
        self.count = 0

    def receiveMessage(self, message, sender):
        if isinstance(message, Note):
            self.count += 1
            raise RuntimeError(message.text)  # noqa: TRY004  of no meaning
        if message == "count":
            self.send(sender, self.count)
        if message == "pid":
            self.send(sender, os.getpid())
        if message == "fault":
            os.kill(os.getpid(), signal.SIGSEGV)


class Waker(thespian.Actor):
    """Is awake at the end of each period, and says in which order."""

    def __init__(self):
        self.come = []
        self.asker = None
        self.count = 0

    def receiveMessage(self, message, sender):
        if isinstance(message, list):
            self.asker, self.count = sender, len(message)
            for period_s in message:
                self.wakeupAfter(period_s, payload=period_s)
        elif isinstance(message, thespian.WakeupMessage):
            self.come.append(message.payload)
            if len(self.come) == self.count:
                self.send(self.asker, self.come)


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))

"""Naive actors, written as Thespian's documentation has it. On its bases they fall into its traps."""

import ctypes
import mmap
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import thespian.actors as thespian

from openoutcry.actors.loop_thread import LoopThread
from openoutcry.actors.protocol import Configure, Envelope, Ready
from openoutcry.actors.transport.address import path_of
from openoutcry.actors.transport.guardian import GuardianLost
from openoutcry.actors.transport.link import MailboxFullError
from openoutcry.actors.transport.unix import UnixTransport
from openoutcry.domain.orders import Approved, OrderIntent, SizedOrder

LOCK = threading.Lock()
CALLS: Counter[str] = Counter()  # in this process


@dataclass
class Do:
    """Call a method; what it returns is sent back, unless that is None."""

    number: int
    what: str
    arguments: tuple[Any, ...]


@dataclass
class Did:
    number: int
    result: Any


@dataclass
class Load:
    number: int
    payload: bytes


class Parcel(msgspec.Struct):
    """A message of our own kind."""

    number: int


class Described:
    def __str__(self):
        CALLS["described"] += 1
        return "described"


class DescribedParcel(Parcel):
    def __str__(self):
        CALLS["described"] += 1
        return "described"


def explode():
    raise LookupError("the receiver has no such class")


class Unreadable:
    """It can be pickled, but not unpickled."""

    def __reduce__(self):
        return explode, ()


def obey(actor, message, sender):
    """What an actor does with a `Do`; False if it is none."""
    if not isinstance(message, Do):
        return False
    actor.asker = sender
    result = getattr(actor, message.what)(*message.arguments)
    if result is not None:
        actor.send(sender, Did(message.number, result))
    return True


class Naive(thespian.Actor):
    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        if not obey(self, message, sender):
            self.take(message, sender)

    def take(self, message, sender):
        """Any other message."""

    def ping(self):
        return "pong"

    def pid(self):
        return os.getpid()


class Faulty(Naive):
    """Its handler has an effect, and then raises."""

    runs = 0

    def take(self, message, sender):
        self.runs += 1
        raise ValueError("after an order was sent")

    def figures(self):
        return {"runs": self.runs}


def die_of(fault):
    """Do to this process what a broken native extension does."""
    match fault:
        case "SIGSEGV":
            ctypes.string_at(0)
        case "SIGBUS":
            with tempfile.TemporaryFile() as file:
                file.truncate(mmap.PAGESIZE)
                memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)
                file.truncate(0)
                memory[0]
        case "SIGABRT":
            ctypes.CDLL(None).abort()
        case _:
            os.kill(os.getpid(), getattr(signal, fault))


class Victim(Naive):
    def die_of(self, fault):
        die_of(fault)


class Parent(Naive):
    """Keeps children, and what it is told of their ends."""

    def __init__(self):
        super().__init__()
        self.children = []
        self.exits = []
        self.doomed = None

    def have(self, path):
        self.children.append(self.createActor(path))
        return len(self.children)

    def pass_on(self, child, what, *arguments):
        """Have a child do something; its answer comes here."""
        self.send(self.children[child], Do(0, what, arguments))

    def take(self, message, sender):
        match message:
            case thespian.ChildActorExited():
                self.exits.append(self.children.index(message.childAddress))
                if self.doomed is not None:
                    self.doomed.kill()
                    while self.doomed.status() != psutil.STATUS_ZOMBIE:
                        pass
                    self.doomed = None
            case Did():
                self.send(self.asker, message.result)

    def end_with_the_first(self, pid):
        """One for all: kill another child as soon as the exit of one is told."""
        self.doomed = psutil.Process(pid)
        return True

    def exited(self):
        return {"children": self.exits}


class Ancestor(Naive):
    """Has a child, which has a child, and so on; each tells who asked for it who it is."""

    def beget(self, generations, witness=None):
        self.witness = witness or self.asker
        self.send(self.witness, ("born", generations, os.getpid()))
        if generations:
            self.send(self.createActor(type(self)), Do(0, "beget", (generations - 1, self.witness)))

    def take(self, message, sender):
        if isinstance(message, GuardianLost):
            self.send(self.witness, ("told", os.getpid()))


class Sleeper(Naive):
    """Collects wake-ups, of which some were due while it was busy."""

    def __init__(self):
        super().__init__()
        self.woken = []

    def oversleep(self, number):
        for each in range(number):
            self.wakeupAfter(timedelta(milliseconds=5 * (each + 1)), payload=each)
        over_s = time.monotonic() + 0.005 * (number + 1)
        while time.monotonic() < over_s:
            pass  # a handler that computes

    def take(self, message, sender):
        if isinstance(message, thespian.WakeupMessage):
            self.woken.append(message.payload)

    def wakings(self):
        return {"payloads": self.woken}


class Consumer(Naive):
    """Takes loads; the one with its number kills it in the middle of its work."""

    def __init__(self):
        super().__init__()
        self.taken = []
        self.deadly = -1

    def die_at(self, number):
        self.deadly = number
        return True

    def take(self, message, sender):
        number = getattr(message, "number", 0)
        if number == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.taken.append(number)

    def figures(self):
        return {"taken": self.taken, "described": CALLS["described"]}


class Governor:
    """In the place of Thespian's throttle."""

    def eventRatePause(self, now):  # noqa: N802  Thespian's name
        CALLS["throttled"] += 1


class Producer(Naive):
    """Sends loads to a consumer of its own."""

    def __init__(self):
        super().__init__()
        self.returned = []

    def begin(self):
        self.consumer = self.createActor(Consumer)
        self.send(self.asker, ("consumer", self.consumer))  # leaves when it is up: it has an address then

    def flood(self, first, last, size):
        """Send many in one handler; returns by how much this process has grown."""
        before = psutil.Process().memory_info().rss
        payload = bytes(size)
        for number in range(first, last):
            try:
                self.send(self.consumer, Load(number, payload))
            except MailboxFullError as error:
                self.returned.append(str(error))
        return psutil.Process().memory_info().rss - before

    def send_all(self, *messages):
        for message in messages:
            self.send(self.consumer, message)
        return len(messages)

    def send_unreadable(self):
        self.send(self.consumer, Unreadable())
        return True

    def send_described(self, count):
        for number in range(count):
            self.send(self.consumer, Described())
            self.send(self.consumer, DescribedParcel(number))
        return True

    def replace_governor(self):
        self._myRef._governer = Governor()
        return True

    def untaken(self):
        """Messages that the consumer has not acknowledged. The stock base acknowledges before it handles."""
        transport = self._myRef.transport
        if not isinstance(transport, UnixTransport):
            return {"messages": 0}
        path = path_of(self._myRef._addrManager.exportAddr(self.consumer))
        return {"messages": transport._links[path].depth}

    def take(self, message, sender):
        if isinstance(message, thespian.PoisonMessage):
            self.returned.append(message.details)

    def figures(self):
        return {"returned": len(self.returned), **CALLS}

    def details(self):
        return {"first": self.returned[0] if self.returned else ""}


class DeadLetterOffice(Naive):
    def __init__(self):
        super().__init__()
        self.letters = []

    def begin(self):
        self.handleDeadLetters(True)
        return True

    def take(self, message, sender):
        if isinstance(message, thespian.DeadEnvelope) and isinstance(message.deadMessage, Load):
            self.letters.append(message.deadMessage.number)

    def read(self):
        return {"numbers": self.letters}


class Lingering(Naive):
    """It says goodbye, and its process ends only when the test lets it."""

    def take(self, message, sender):
        if isinstance(message, thespian.ActorExitRequest):
            linger()


def linger():
    gate = Path(os.environ["OPENOUTCRY_TRAP_GATE"])
    if gate.exists():
        threading.Thread(target=gate.read_bytes).start()  # no daemon: the process waits for it


class Restarter(Naive):
    """Replaces a child whenever it is told that it has exited."""

    notices = restarts = 0

    def begin(self):
        self.child = self.createActor(Lingering)
        self.send(self.child, Do(0, "pid", ()))

    def take(self, message, sender):
        match message:
            case Did():
                self.send(self.asker, ("child", message.result))
            case thespian.ChildActorExited():
                self.notices += 1
                self.restarts += 1
                self.child = self.createActor(Lingering)

    def figures(self):
        return {"notices": self.notices, "restarts": self.restarts}


class LoopOwner(Naive):
    """Has a loop in a thread, and asks Thespian once to watch what the loop wakes it with."""

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        match message:
            case thespian.WatchMessage():
                self.thread.drain()
            case Do(what="begin"):
                self.thread = LoopThread()
                self.send(sender, Did(message.number, True))
                return self.thread.watched()
            case Do():
                obey(self, message, sender)
        return None

    def say_from_the_loop(self, number):
        self.thread.on_loop(lambda: self.thread.on_actor(lambda: self.send(self.asker, ("said", number))))


class Courier(Naive):
    """Brings messages where the outside would have to wait, and the answers back."""

    def who_asks(self):
        return self.asker

    def bring(self, target, *messages):
        for message in messages:
            self.send(target, message)
        return len(messages)

    def take(self, message, sender):
        self.send(self.asker, message)


class Obedient(Naive):
    """Risk that approves of whatever it is asked, whenever that comes."""

    def take(self, message, sender):
        match message:
            case Configure():
                self.send(sender, Ready(message.role, {}, os.getpid()))
            case Envelope(message=OrderIntent() as intent):
                self.send(sender, Envelope("risk", 0, 1, 1, 1, approval(intent)))


def approval(intent):
    order = SizedOrder(
        symbol=intent.symbol, side="buy", size_lots=1, limit_price_ticks=intent.reference_price_ticks,
        style=intent.style, horizon_ns=0, deadline_ns=intent.deadline_ns,
    )  # fmt: skip
    return Approved(id=f"{intent.id}:approved", cause_id=intent.id, intent=intent, order=order)


def try_the_lock():
    """In a new process: the lock that a thread of its parent holds."""
    os._exit(0 if LOCK.acquire(timeout=1.0) else 1)

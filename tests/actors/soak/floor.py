"""A small floor for the state machine: one sender, one receiver, and somebody who starts them anew.

They are the package's own Actor, edges and system base. The receiver takes a message twice without harm, as
execution does: what it took stands in a file that outlives it.
"""

import os
import time
from pathlib import Path

import thespian.actors as thespian

from openoutcry.actors.actor import Actor
from openoutcry.actors.edge import EdgeFullError
from openoutcry.actors.protocol import Configure, Ready, Wiring
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import EXECUTION, RISK, SUPERVISOR
from openoutcry.domain.control import ReportPosition


class Produce:
    """To the sender: publish so many more messages."""

    def __init__(self, count):
        self.count = count


class Produced:
    """How many it has published in this life, and whether its edge refused one."""

    def __init__(self, epoch, published, is_refused, rss_bytes):
        self.epoch, self.published, self.is_refused, self.rss_bytes = epoch, published, is_refused, rss_bytes


class Look:
    """To the floor: who lives, and which deaths were noticed."""


class Seen:
    def __init__(self, pids, epochs, noticed):
        self.pids, self.epochs, self.noticed = pids, epochs, noticed


class Leave:
    """To the floor: ask one of them to exit in order."""

    def __init__(self, role):
        self.role = role


def whole_lines(path):
    """The lines that have an end: a write that crosses a page is seen in parts."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


class Sender(Actor):
    role = RISK

    def configure(self):
        self.published = 0
        return {}

    def receive_other(self, message, sender):
        if not isinstance(message, Produce):
            return
        is_refused = False
        for _ in range(message.count):
            try:
                self.publish(ReportPosition(id=f"{self.restarts}:{self.published}", symbol="X"))
            except EdgeFullError:
                is_refused = True
                break
            self.published += 1
        rss_bytes = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.send(sender, Produced(self.restarts, self.published, is_refused, rss_bytes))


class Receiver(Actor):
    role = EXECUTION

    def configure(self):
        path = self.run_dir / "taken"
        path.touch()
        whole = "".join(f"{line}\n" for line in whole_lines(path))
        os.truncate(path, len(whole))  # a kill may have torn the last line: that message was not taken
        self.known = set(whole.split())
        self.file = path.open("a")
        return {}

    def handle_ReportPosition(self, message, now_ns):  # noqa: N802  found by name
        if message.id not in self.known:
            self.known.add(message.id)
            self.file.write(f"{message.id}\n")
            self.file.flush()  # the kernel keeps it when this process is killed


CLASSES = {RISK: Sender, EXECUTION: Receiver}


class Floor(thespian.Actor):
    """A supervisor reduced to what the state machine needs; it restarts at once."""

    def __init__(self):
        super().__init__()
        self.addresses, self.pids, self.epochs, self.noticed = {}, {}, dict.fromkeys(CLASSES, 0), []

    def receiveMessage(self, message, sender):  # noqa: C901, N802  one case a message; Thespian's name
        match message:
            case str():
                self.run_dir = message
                for role in CLASSES:
                    self.create(role)
                self.send(sender, "begun")
            case Ready():
                self.pids[message.role] = message.pid
                if len(self.pids) == len(CLASSES):
                    for address in self.addresses.values():
                        self.send(
                            address, Wiring({**self.addresses, SUPERVISOR: self.myAddress}, self.epochs)
                        )
            case thespian.ChildActorExited():
                self.replace(message.childAddress)
            case Produce():
                self.asker = sender
                self.send(self.addresses[RISK], message)
            case Produced():
                self.send(self.asker, message)
            case Leave():
                self.send(self.addresses[message.role], thespian.ActorExitRequest())
            case Look():
                self.send(sender, Seen(dict(self.pids), dict(self.epochs), list(self.noticed)))

    def wire(self):
        if len(self.pids) == len(CLASSES):
            wiring = Wiring({**self.addresses, SUPERVISOR: self.myAddress}, self.epochs)
            for address in self.addresses.values():
                self.send(address, wiring)

    def create(self, role):
        self.addresses[role] = self.createActor(CLASSES[role])
        settings = encode_settings(load_settings(None, {}))
        self.send(self.addresses[role], Configure(role, settings, self.run_dir, "r-soak", self.epochs[role]))

    def replace(self, address):
        for role, known in list(self.addresses.items()):
            if known == address:
                self.noticed.append((self.pids.pop(role, 0), time.monotonic_ns()))
                self.epochs[role] += 1
                self.create(role)

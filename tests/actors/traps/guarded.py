"""The same, written upon our classes."""

import os

import thespian.actors as thespian
from cast import die_of, linger, obey

from openoutcry.actors.actor import Actor
from openoutcry.actors.loop_actor import LoopActor
from openoutcry.actors.protocol import Configure, Envelope, Ready
from openoutcry.actors.supervisor import Supervisor
from openoutcry.assembly.topology import RISK, STRATEGY
from openoutcry.domain.control import Pulse, ReportPosition, Start, Stop, Stopped


class Guarded(Actor):
    role = STRATEGY

    def receive_other(self, message, sender):
        obey(self, message, sender)

    def ping(self):
        return "pong"


class GuardedVictim(Guarded):
    def die_of(self, fault):
        die_of(fault)


class GuardedFaulty(Guarded):
    runs = 0

    def handle_Fill(self, message, now_ns):  # noqa: N802  found by name
        self.runs += 1
        raise ValueError("after an order was sent")

    def figures(self):
        return {"runs": self.runs}


class GuardedProducer(Guarded):
    """Risk, which asks execution more than that can take."""

    role = RISK

    def flood(self, first, last, size):
        for number in range(first, last):
            self.publish(ReportPosition(id=f"report-position:{number}", symbol="BTC/USDT"))


class GuardedLoopOwner(LoopActor):
    role = STRATEGY

    def receive_other(self, message, sender):
        super().receive_other(message, sender)
        obey(self, message, sender)

    def ping(self):
        return "pong"

    def say_from_the_loop(self, number):
        self._on_loop("say", lambda: self._on_actor(lambda: self.send(self.asker, ("said", number))))


class Idle(thespian.Actor):
    """In the place of any role: it says what the supervisor needs to hear, and does no work."""

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        match message:
            case Configure():
                self.role, self.restarts, self.sequence = message.role, message.restarts, 0
                self.supervisor = sender
                self.send(sender, Ready(self.role, {}, os.getpid()))
            case Envelope(message=Start()):
                self.wakeupAfter(1.0)
            case Envelope(message=Stop()):
                self.say(Stopped(id=f"stopped:{self.role}", role=self.role))
            case thespian.WakeupMessage():
                self.say(Pulse(id=f"pulse:{self.role}", role=self.role, pid=os.getpid()))
                self.wakeupAfter(1.0)
            case thespian.ActorExitRequest():
                linger()

    def say(self, message):
        self.sequence += 1
        self.send(self.supervisor, Envelope(self.role, self.restarts, self.sequence, 1, 1, message))


class SupervisorOfIdles(Supervisor):
    """The supervisor itself; its actors are idle."""

    notices = 0

    def createActor(self, path):  # noqa: N802  Thespian's name
        return super().createActor("guarded.Idle")

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        self.notices += isinstance(message, thespian.ChildActorExited)
        if not obey(self, message, sender):
            super().receiveMessage(message, sender)

    def pid_of(self, role):
        return self._children[role].pid

    def figures(self):
        return {
            "notices": self.notices,
            "restarts": sum(child.restarts for child in self._children.values()),
            "ready": sum(child.is_ready for child in self._children.values()),
        }

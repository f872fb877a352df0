"""An actor that plays everybody else: it creates the actor under test, wires it, and keeps what it says."""

import thespian.actors as thespian

from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready, Wiring


class Play:
    """Tell the probe to send a message to the actor under test, as `source`."""

    def __init__(self, source, sequence, message, epoch=0):
        self.envelope = Envelope(source, epoch, sequence, 1, 1, message)


class Create:
    def __init__(self, path, configure: Configure, roles):
        self.path, self.configure, self.roles = path, configure, roles


class Await:
    """Answered as soon as the actor under test has said a message of a kind."""

    def __init__(self, kind):
        self.kind = kind


class End:
    """Let the actor under test exit; the answer is what it has said until then."""


class Probe(thespian.Actor):
    def __init__(self):
        super().__init__()
        self.heard = []
        self.awaited = None

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        match message:
            case Create():
                self.asker = sender
                self.roles = message.roles
                self.target = self.createActor(message.path)
                self.send(self.target, message.configure)
            case Ready():
                self.send(self.target, Wiring(dict.fromkeys(self.roles, self.myAddress)))
                self.send(self.asker, message)
            case Play():
                self.send(self.target, message.envelope)
            case End():
                self.asker = sender
                self.send(self.target, thespian.ActorExitRequest())
            case thespian.ChildActorExited():
                self.send(self.asker, list(self.heard))
            case Await():
                self.awaited = (message.kind, sender)
                self.tell_if_heard()
            case Envelope():
                self.heard.append(message)
                self.tell_if_heard()
            case Credit():
                self.heard.append(message)

    def tell_if_heard(self):
        if self.awaited and any(
            isinstance(getattr(each, "message", None), self.awaited[0]) for each in self.heard
        ):
            self.send(self.awaited[1], "heard")
            self.awaited = None

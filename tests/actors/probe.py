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


class Said:
    """Ask for what the actor under test has said so far."""


class Probe(thespian.Actor):
    def __init__(self):
        super().__init__()
        self.heard = []

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
            case Said():
                self.send(sender, list(self.heard))
            case Envelope():
                self.heard.append(message)
            case Credit():
                self.heard.append(message)

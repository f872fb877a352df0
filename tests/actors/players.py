"""Players for the tests of the benchmark: the processes of an actor system import them from here."""

from openoutcry.actors.benchmark.player import Player
from openoutcry.actors.benchmark.stream import Producer


class Stutterer(Producer):
    """Sends each tenth message twice."""

    def pass_on(self, epoch, sequence, origin_ns, message):
        super().pass_on(epoch, sequence, origin_ns, message)
        if sequence % 10 == 0:
            super().pass_on(epoch, sequence, origin_ns, message)


class Forgetter(Producer):
    """Keeps each tenth message to itself, once it is warm."""

    def pass_on(self, epoch, sequence, origin_ns, message):
        if not epoch or sequence % 10:
            super().pass_on(epoch, sequence, origin_ns, message)


class Witness(Player):
    """Says what carries its messages: the transport's class, and that of Thespian's layer above."""

    def take(self, envelope):
        raise AssertionError(f"message {envelope.sequence} has come astray")

    def direct(self, direction):
        layers = (self._myRef, self._myRef.transport)
        self.tell(tuple(f"{type(each).__module__}.{type(each).__name__}" for each in layers))

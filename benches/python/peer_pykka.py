"""Two actors of Pykka: threads of one process, which hand each other references."""

import pykka
from peer import Tally, round_trips_ns, send_all

from openoutcry.actors.protocol import Envelope


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


class Consumer(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.tally = Tally()

    def on_receive(self, message):
        if isinstance(message, Envelope):
            return self.tally.take(message)
        return self.tally


class Caller(pykka.ThreadingActor):
    """The measuring actor: told what to do as a function of its own thread."""

    def on_receive(self, message):
        return message()


class Peer:
    def __init__(self, folder):
        del folder  # it needs none

    def round_trips_ns(self, count):
        caller, echo = Caller.start(), Echo.start()
        return caller.ask(lambda: round_trips_ns(echo.ask, count))

    def ns_per_message(self, count):
        producer, consumer = Caller.start(), Consumer.start()
        producer.ask(lambda: send_all(consumer.tell, count))
        tally = consumer.ask("tally")
        assert tally.count == count
        return tally.ns_per_message

    def close(self):
        pykka.ActorRegistry.stop_all()

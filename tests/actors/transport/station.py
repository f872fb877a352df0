"""Both ends of a connection on one real loop, and what came of the messages."""

import asyncio
import socket
import threading
from itertools import count

import uvloop

from openoutcry.actors.transport import codec
from openoutcry.actors.transport.link import Incoming, Outgoing

LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
PAYLOAD = "x" * 300
SELF = "/sender"


class Station:
    """Both ends' owner on one real loop: a listener, what came, what was lost."""

    def __init__(self, kind, path):
        self.loop = LOOPS[kind]()
        self.lock = threading.RLock()
        self.errors = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self.path = str(path)
        self.incoming = []
        self.inbox = []  # (link, message): arrived, not taken
        self.come = []  # messages, in the order of their arrival
        self.lost = []  # (link, whether in order)
        self.closed = []
        self.drained = 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.setblocking(False)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.loop.add_reader(self.listener.fileno(), self._accept)

    def _accept(self):
        peer, _ = self.listener.accept()
        self.incoming.append(Incoming(peer, self.loop, self._on_message, self.closed.append))

    def _on_message(self, source, message):
        self.come.append(message)
        self.inbox.append((source, message))

    def in_loop(self, action, *arguments):
        self.loop.call_soon_threadsafe(action, *arguments)

    def on_lost(self, lost, in_order):
        self.lost.append((lost, in_order))

    def on_drained(self):
        self.drained += 1

    def connect(self):
        return Outgoing(self.path, codec.hello(SELF), self)

    def send(self, outgoing, message):
        with self.lock:
            return outgoing.send(codec.CODEC.frame(message))

    def flood(self, outgoing):
        """Send until that is refused."""
        for number in count():
            self.send(outgoing, (number, PAYLOAD))

    def turn(self, count=1):
        for _ in range(count):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def until(self, condition):
        for _ in range(20_000):
            if condition():
                return
            self.turn()
        raise AssertionError("it does not come to that")

    def take(self, count=None):
        for source, _ in self.inbox[:count]:
            source.took()
        del self.inbox[:count]

    def close(self):
        for each in self.incoming:
            each.close()
        self.listener.close()
        self.loop.close()
        assert self.errors == []

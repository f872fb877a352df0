"""An event loop beside an actor, for Thespian's own bases, which have none inside."""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import thespian.actors as thespian

_WAKE_BYTES: Final = 4096
_CLOSE_TIMEOUT_S: Final = 5.0


class LoopThread:
    """A loop on a thread of its own. What the loop wants said is carried to the actor's thread in order.

    A socket pair wakes that thread: Thespian watches the reading end, and `drain` is called there.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._outbox: deque[Callable[[], None]] = deque()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="loop", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def on_loop(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Call something on the loop's thread, soon."""
        self.loop.call_soon_threadsafe(action, *arguments)

    def on_actor(self, action: Callable[[], None]) -> None:
        """Call something on the actor's thread, soon."""
        self._outbox.append(action)
        with contextlib.suppress(BlockingIOError):  # a wake-up is already waiting
            self._wake_sender.send(b"\0")

    def watched(self) -> Any:
        """What Thespian shall watch."""
        return thespian.ThespianWatch([self._wake_receiver.fileno()])

    def drain(self) -> None:
        """On the actor's thread: do what the loop asked for."""
        with contextlib.suppress(BlockingIOError):  # one byte may stand for many
            self._wake_receiver.recv(_WAKE_BYTES)
        while self._outbox:
            self._outbox.popleft()()

    def close(self, last: Callable[[], Any]) -> None:
        """Await `last()` on the loop, then end its thread."""
        with contextlib.suppress(TimeoutError):  # the process ends anyway
            asyncio.run_coroutine_threadsafe(last(), self.loop).result(_CLOSE_TIMEOUT_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSE_TIMEOUT_S)

"""An actor with an event loop of its own, for those that hold connections.

Everything the role does happens on the loop's thread, one thing at a time; the actor's thread only carries
messages in and out. A socket pair wakes it: Thespian watches the reading end.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final

import thespian.actors as thespian

from openoutcry.actors.actor import Actor
from openoutcry.actors.edge import EdgeFullError
from openoutcry.actors.protocol import Envelope
from openoutcry.domain.message import Message

_WAKE_BYTES: Final = 4096
_CLOSE_TIMEOUT_S: Final = 5.0


class LoopActor(Actor):
    """A subclass writes `async run()`, which works until it is cancelled, and its handlers as usual.

    `start` runs `run` as a task. An error in it is reported and ends the process, so that the supervisor
    restarts the actor with a clean state.
    """

    def __init__(self) -> None:
        super().__init__()
        self._outbox: deque[tuple[Message, int, int] | None] = deque()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve_loop, name="loop", daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Work until cancelled."""

    async def finish(self, reason: str) -> int:
        """End work in order and return the number of orders that could not be accounted for."""
        del reason
        return 0

    # -- on the loop's thread ------------------------------------------------------------------

    def start(self) -> None:
        """Run `run`."""
        self.spawn(self.run(), "run")

    def stop(self, reason: str) -> None:
        """Run `finish`, then say so."""
        self.spawn(self._finish(reason), "finish")

    def spawn(self, work: Coroutine[Any, Any, Any], name: str = "work") -> None:
        """Run a coroutine on the loop; an error in it ends the actor."""
        task = self.loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def cancel_work(self) -> None:
        """Cancel every task but the one that ends the actor's work."""
        for task in self._tasks:
            if task.get_name() != "finish":
                task.cancel()

    async def _finish(self, reason: str) -> None:
        unreconciled = await self.finish(reason)
        self.stopped(unreconciled)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(task.get_name(), error)
            self._outbox.append(None)  # after the report: end the process
            self._wake()

    def publish(self, message: Message) -> None:
        """Queue a message for the actor's thread, which sends it."""
        now = time.monotonic_ns()
        self._outbox.append((message, now, self._origin_ns or now))
        self._wake()

    # -- on the actor's thread -----------------------------------------------------------------

    def dispatch(self, envelope: Envelope) -> None:
        """Hand a message to the loop."""
        self.loop.call_soon_threadsafe(self._dispatch_on_loop, envelope)

    def _dispatch_on_loop(self, envelope: Envelope) -> None:
        try:
            super().dispatch(envelope)
        except Exception as error:  # noqa: BLE001  reported, like any handler's error
            self.fail(type(envelope.message).__name__, error)

    def report_health(self) -> None:
        """Figures are read on the loop's thread, where they change."""
        self.loop.call_soon_threadsafe(self._report_health_on_loop)

    def _report_health_on_loop(self) -> None:
        try:
            super().report_health()
        except Exception as error:  # noqa: BLE001  reported, like any handler's error
            self.fail("heartbeat", error)

    def rewired(self) -> None:
        """Let the loop tell what others need to know."""
        self.loop.call_soon_threadsafe(self.rewired_on_loop)

    def rewired_on_loop(self) -> None:
        """Somebody was (re)started; runs on the loop's thread."""

    def receive_other(self, message: Any, sender: Any) -> None:
        """Drain what the loop wants sent."""
        del sender
        if isinstance(message, thespian.WatchMessage):
            self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):  # one byte may stand for many messages
            self._wake_receiver.recv(_WAKE_BYTES)
        while self._outbox:
            entry = self._outbox.popleft()
            if entry is None:  # in order: Thespian first sends what was said before, the report included
                self.send(self.myAddress, thespian.ActorExitRequest())
                return
            try:
                self.transmit(*entry)
            except EdgeFullError:
                os._exit(os.EX_SOFTWARE)

    def _watch(self) -> Any:
        return thespian.ThespianWatch([self._wake_receiver.fileno()])

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a wake-up is already waiting
            self._wake_sender.send(b"\0")

    def _serve_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def close(self) -> None:
        """Cancel what runs on the loop and end its thread."""

        async def cancel_all() -> None:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        with contextlib.suppress(TimeoutError):  # the process ends anyway
            asyncio.run_coroutine_threadsafe(cancel_all(), self.loop).result(_CLOSE_TIMEOUT_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_CLOSE_TIMEOUT_S)

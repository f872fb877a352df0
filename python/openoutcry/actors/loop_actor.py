"""An actor with an event loop, for those that hold connections. Its handlers may be coroutines.

On our own base the loop is the actor's: messages, timers and coroutines take turns on one thread. On
Thespian's own bases the loop has a thread beside the actor's, which only carries messages in and out.
"""

import asyncio
import inspect
import os
import time
from collections.abc import Callable, Coroutine
from typing import Any

import thespian.actors as thespian

from openoutcry.actors.actor import Actor, loop_of
from openoutcry.actors.edge import EdgeFullError
from openoutcry.actors.loop_thread import LoopThread
from openoutcry.actors.protocol import Configure, Envelope
from openoutcry.domain.message import Message


class LoopActor(Actor):
    """A subclass writes `async run()`, which works until it is cancelled, and its handlers as usual.

    `start` runs `run` as a task. An error in it is reported and ends the process, so that the supervisor
    restarts the actor with a clean state. While a handler that is a coroutine waits, others run.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self._thread: LoopThread | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Work until cancelled."""

    async def finish(self, reason: str) -> int:
        """End work in order and return the number of orders that could not be accounted for."""
        del reason
        return 0

    # -- on the loop ---------------------------------------------------------------------------

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
            self.leave()

    async def linger(self) -> None:
        """Cancel what runs and wait for it: a connection is closed, a journal is released."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def leave(self) -> None:
        """End the process when all that runs has ended: a successor must find journal and venue free."""
        task = self.loop.create_task(self.linger(), name="linger")
        task.add_done_callback(lambda _: self._on_actor(super(LoopActor, self).leave))

    def publish(self, message: Message) -> None:
        """Send a message along its edges. A full edge that may lose nothing ends the process at once.

        It starts again from the journal: to go on as if the message had been sent would be wrong.
        """
        now = time.monotonic_ns()
        origin_ns = self._origin_ns or now
        if self._thread is None:
            self._transmit_or_die(message, now, origin_ns)
        else:
            self._on_actor(lambda: self._transmit_or_die(message, now, origin_ns))

    def _transmit_or_die(self, message: Message, created_ns: int, origin_ns: int) -> None:
        try:
            self.transmit(message, created_ns, origin_ns)
        except EdgeFullError:
            os._exit(os.EX_SOFTWARE)

    def hand_over(self, message: Message) -> Any:
        """Call the handler; one that is a coroutine runs as a task."""
        result = super().hand_over(message)
        if inspect.iscoroutine(result):
            self.spawn(result, type(message).__name__)

    # -- between the loop and the actor's thread, where there are two ---------------------------

    def _configure(self, message: Configure, sender: Any) -> None:
        loop = loop_of(self)
        if loop is None:
            self._thread = LoopThread()
            loop = self._thread.loop
        self.loop = loop
        super()._configure(message, sender)

    def _on_actor(self, action: Callable[[], None]) -> None:
        if self._thread is None:
            action()
        else:
            self._thread.on_actor(action)

    def _on_loop(self, what: str, action: Callable[..., Any], *arguments: Any) -> None:
        """Do something where the role's state is; an error is reported like a handler's."""

        def act() -> None:
            try:
                action(*arguments)
            except Exception as error:  # noqa: BLE001  see above
                self.fail(what, error)

        if self._thread is None:
            act()
        else:
            self._thread.on_loop(act)

    def dispatch(self, envelope: Envelope) -> None:
        """Hand a message to the loop."""
        self._on_loop(type(envelope.message).__name__, super().dispatch, envelope)

    def turn_away(self, message: Message, reason: str) -> None:
        """Refuse a message where it would have been handled."""
        self._on_loop(type(message).__name__, super().turn_away, message, reason)

    def report_health(self) -> None:
        """Figures are read where they change."""
        self._on_loop("heartbeat", super().report_health)

    def rewired(self) -> None:
        """Let the loop tell what others need to know."""
        self._on_loop("rewired", self.rewired_on_loop)

    def rewired_on_loop(self) -> None:
        """Somebody was (re)started; runs where the role's state is."""

    def _guardian_lost(self, *, is_admin: bool) -> None:
        self._on_loop("orphaned", lambda: super(LoopActor, self)._guardian_lost(is_admin=is_admin))

    def receive_other(self, message: Any, sender: Any) -> None:
        """Do what the loop's thread asked for."""
        del sender
        if self._thread is not None and isinstance(message, thespian.WatchMessage):
            self._thread.drain()

    def watched(self) -> Any:
        """The end of the pipe that wakes this thread."""
        return None if self._thread is None else self._thread.watched()

    def close(self) -> None:
        """Let what runs end; on our own base the transport waits for `linger` afterwards."""
        if self._thread is not None:
            self._thread.close(self.linger)

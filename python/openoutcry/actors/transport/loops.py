"""The event loop of a process of the system: which one, and how it is run from within another."""

import asyncio
import contextlib
import os
from asyncio import events
from collections.abc import Iterator
from typing import Any, Final

EVENT_LOOP_VARIABLE: Final = "OPENOUTCRY_EVENT_LOOP"

# libuv reads it once, at a process's first loop, and a fork inherits the answer: so before any loop is made.
# The kernel thread of io_uring polls, and counts as one of ours: from then on children would be spawned.
os.environ["UV_USE_IO_URING"] = "0"


def new_loop(*, is_actor: bool) -> Any:
    """An actor's loop is uvloop's, unless the environment says otherwise."""
    if is_actor and os.environ.get(EVENT_LOOP_VARIABLE, "uvloop") == "uvloop":
        import uvloop  # noqa: PLC0415  outside processes need it not

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


@contextlib.contextmanager
def outside_of_any_loop() -> Iterator[None]:
    """Let this thread run a loop even if it was called from within another one (a blocking `ask`)."""
    outer = events._get_running_loop()  # noqa: SLF001  the documented hook for implementers of loops
    events._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        events._set_running_loop(outer)  # noqa: SLF001

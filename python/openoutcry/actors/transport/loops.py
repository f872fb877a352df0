"""The event loop of a process of the system: which one, and how it is run from within another."""

import asyncio
import contextlib
import os
from asyncio import events
from collections.abc import Iterator
from typing import Any, Final

EVENT_LOOP_VARIABLE: Final = "OPENOUTCRY_EVENT_LOOP"


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

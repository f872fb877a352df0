"""How processes of the system are started: forked where that is safe, else as fresh interpreters."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from thespian.system import multiprocCommon
from thespian.system.transport import TransportInit__Base

ALGEBRA_VARIABLES: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

_TASKS: Final = Path("/proc/self/task")


def is_single_threaded() -> bool:
    """Whether this process has one thread, of Python or any library: only then is a fork of it sound."""
    return len(list(_TASKS.iterdir())) == 1


@contextlib.contextmanager
def one_thread_of_algebra() -> Iterator[None]:
    """Processes started here begin with libraries of linear algebra that make no threads of their own.

    A decision multiplies a few numbers: it needs no pool of threads, and a pool would forbid forking.
    """
    added = [name for name in ALGEBRA_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


class Endpoint(TransportInit__Base):  # type: ignore[misc]  # Thespian has no types
    """What a new process must know: its instance number, its address if it is given one, its guardians."""

    def __init__(self, instance: int | None, assigned: str | None, parent: str, admin: str) -> None:
        self.instance = instance
        self.assigned = assigned
        self.parent = parent
        self.admin = admin

    @property
    def addrInst(self) -> int | None:  # noqa: N802  Thespian's name
        """The instance number by which the parent knows its child."""
        return self.instance


class Processes:
    """What Thespian takes for a multiprocessing context.

    A child is forked from a process that has exactly one thread: it shares the memory of what was imported
    and is up within milliseconds. From any other it is spawned: a lock that another thread holds at the
    moment of a fork (an event loop's, onnxruntime's, a Rust runtime's) stays locked in the child for ever.
    """

    def Process(  # noqa: N802  multiprocessing's name
        self, target: Callable[..., None], args: tuple[Any, ...], name: str | None = None
    ) -> Any:
        """A process that runs `target(*args)` as a part of the system."""
        method = "fork" if is_single_threaded() else "spawn"
        context: Any = multiprocessing.get_context(method)
        return context.Process(target=enter, args=(target, args), name=name)


def enter(target: Callable[..., None], args: tuple[Any, ...]) -> None:
    """The first function of every process of the system."""
    # They import this module.
    from openoutcry.actors.transport.layer import ActorLayer  # noqa: PLC0415
    from openoutcry.actors.transport.unix import UnixTransport  # noqa: PLC0415

    multiprocCommon.MultiProcManager = ActorLayer
    try:
        target(*args)
    finally:
        for transport in list(UnixTransport.living):
            transport.close()

"""A real actor system on our base, for one test."""

import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import psutil
import thespian.actors as thespian

from openoutcry.actors.transport import address
from openoutcry.actors.transport.unix import SYSTEM_BASE

PATIENCE_S = 30.0
_INTERVAL_S = 0.005


def until(condition):
    """What `condition` returns, once that is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(_INTERVAL_S)
    return found


class UnixSystem:
    """Use it in a `with`; whoever is left at the end is killed, and that is an error."""

    def __init__(self):
        self._root = tempfile.TemporaryDirectory(prefix="oo-")  # short enough for sockets
        self.folder = Path(self._root.name) / "s"
        self.system = None

    def __enter__(self):
        self.system = thespian.ActorSystem(
            SYSTEM_BASE, {address.SOCKET_DIR: str(self.folder)}, transientUnique=True
        )
        return self

    def __exit__(self, *error):
        try:
            self.system.shutdown()
            until(lambda: not self.folder.exists())
        finally:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._root.cleanup()

    def create(self, actor_class):
        return self.system.createActor(actor_class)

    def ask(self, actor, message):
        return self.system.ask(actor, message, PATIENCE_S)

    def pid_of(self, actor):
        return self.ask(actor, "pid")

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        gone(pid)

    def pids(self):
        """Of the processes that own a socket, but for this one and the admin."""
        names = [path.name.partition("-")[0] for path in self.folder.glob("*-*")]
        return [int(name) for name in names if int(name) != os.getpid()]

    def admin_pid(self, actor):
        """The admin is the parent of an actor that was created from outside."""
        return psutil.Process(self.pid_of(actor)).ppid()


def gone(pid):
    """Wait until a process has gone, or is a zombie."""

    def has_gone():
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    until(has_gone)

"""Actor systems for the tests of traps: how one is started, spoken to, disturbed, and ended."""

import contextlib
import gc
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import thespian.actors as thespian
from cast import Did, Do

from openoutcry.actors.ports import free_port
from openoutcry.actors.protocol import Configure, Ready
from openoutcry.actors.transport import address, tcp, unix
from openoutcry.assembly.settings import encode_settings, load_settings

STOCK = tcp.SYSTEM_BASE  # Thespian's TCP base; it is confined to loopback, and nothing else of it is changed
OURS = unix.SYSTEM_BASE
MARKER = "OPENOUTCRY_TRAP"  # in the environment of each process of a test's systems
PATIENCE_S = 30.0  # for what must come
NEVER_S = 2.5  # for what, on the naive side, never comes
POLL_S = 0.02

_numbers = count(1)


class Side(NamedTuple):
    """A base and a class of actor; how long it is given to do what ours does."""

    base: str
    actor: str
    patience_s: float


_THESPIAN_LEAKS = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # its TCP base does


def on(base: str, actor: str = "", *, patience_s: float = PATIENCE_S, name: str = "", marks: Any = ()) -> Any:
    """A side as a parameter of a test."""
    leaks = [_THESPIAN_LEAKS] if base == STOCK else []
    return pytest.param(Side(base, actor, patience_s), id=name, marks=[*marks, *leaks])


def trap(reason: str, *, naive: tuple[str, str], **ours: tuple[str, str]) -> Any:
    """Run a test on the naive side, where its assertion must fail, and on ours, where it must hold."""
    falls = pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)
    sides = [on(*each, name=name) for name, each in ours.items()]
    return pytest.mark.parametrize(
        "side", [on(*naive, patience_s=NEVER_S, name="naive", marks=[falls]), *sides]
    )


def eventually(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """What the condition gave last: something true, or the time is over."""
    deadline_s = time.monotonic() + within_s
    while not (found := condition()) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    return found


def require(condition: Callable[[], Any], what: str) -> Any:
    """What must be so on either side before the trap can be looked at; no assertion of the test."""
    if found := eventually(condition):
        return found
    raise TimeoutError(f"waited {PATIENCE_S} s for {what}")


def is_alive(pid: int) -> bool:
    """A zombie is dead; nobody may have taken note yet."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def kill(*pids: int) -> None:
    """Kill processes, and see them dead."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    require(lambda: not any(map(is_alive, pids)), f"the death of {pids}")


@contextlib.contextmanager
def held(pid: int) -> Iterator[None]:
    """A process that takes no step meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        require(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, f"{pid} to stop")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def marked(marker: Path) -> list[int]:
    """The living processes of a test's systems."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if f"{MARKER}={marker}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def slay(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    require(lambda: not any(map(is_alive, pids)), f"the death of {pids}")


@contextlib.contextmanager
def _second_thread() -> Iterator[None]:
    """With one, our base starts a fresh interpreter: its environment, as /proc shows it, has the marker."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Staged:
    """An actor system, seen from outside."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base = base
        self.folder = folder
        self.is_broken = False  # nobody is left to answer to a shutdown
        capabilities: dict[str, Any] = {
            "Admin Port": free_port(tcp.LOOPBACK_HOST),
            "Process Startup Method": "spawn",
        }
        self.sockets = Path(tempfile.mkdtemp(prefix="trap-"))  # short, as paths of sockets must be
        if base == OURS:
            capabilities = {address.SOCKET_DIR: str(self.sockets)}
        with _second_thread():
            self.system = thespian.ActorSystem(
                base, capabilities, logDefs=_log_definition(folder), transientUnique=True
            )
        self._transport = self.system._systemBase.transport
        self._heard: list[Any] = []  # and not asked for yet

    def create(self, path: str) -> Any:
        return self.system.createActor(path)

    def tell(self, actor: Any, what: str, *arguments: Any) -> int:
        """Have an actor call one of its methods; returns the number that the answer will have."""
        number = next(_numbers)
        self.system.tell(actor, Do(number, what, arguments))
        return number

    def ask(self, actor: Any, what: str, *arguments: Any, within_s: float = PATIENCE_S) -> Any:
        """What the method returned; None if nothing came."""
        number = self.tell(actor, what, *arguments)
        answer = self.hear(lambda message: isinstance(message, Did) and message.number == number, within_s)
        return None if answer is None else answer.result

    def must(self, actor: Any, what: str, *arguments: Any) -> Any:
        """As `ask`, for what is no question of the test."""
        found = self.ask(actor, what, *arguments)
        if found is None:
            raise TimeoutError(f"{what} was not answered within {PATIENCE_S} s")
        return found

    def hear(self, is_it: Callable[[Any], bool], within_s: float = PATIENCE_S) -> Any:
        """The next message of that kind to the outside; None if it did not come."""
        deadline_s = time.monotonic() + within_s
        for index, message in enumerate(self._heard):
            if is_it(message):
                return self._heard.pop(index)
        while (remaining_s := deadline_s - time.monotonic()) > 0:
            message = self.system.listen(remaining_s)
            if message is not None and is_it(message):
                return message
            self._heard.append(message)
        return None

    def consumer_of(self, producer: Any) -> Any:
        """Have a producer create its consumer; returns the address when that is up."""
        self.tell(producer, "begin")
        consumer = self.hear(lambda each: isinstance(each, tuple) and each[0] == "consumer")[1]
        self.must(consumer, "ping")
        return consumer

    def configure(self, actor: Any, role: str) -> Ready:
        """Play the supervisor to one of our actors: what it tells that one comes here."""
        settings = encode_settings(load_settings(None, {"paths.state_dir": str(self.folder)}))
        self.system.tell(actor, Configure(role, settings, str(self.folder), "r-trap", 0))
        ready = self.hear(lambda message: isinstance(message, Ready))
        if ready is None:
            raise TimeoutError(f"{role} was not ready within {PATIENCE_S} s")
        return ready

    def admin_of(self, pid: int) -> int:
        """The process that created an actor for the outside."""
        return psutil.Process(pid).ppid()

    def pids(self) -> list[int]:
        return marked(self.folder)

    def _abandon(self) -> None:
        """Close what Thespian's TCP leaves to the garbage collector, and let that do the rest now."""
        transport = self._transport
        owners = [transport, *transport._openSockets.values(), *transport._incomingSockets.values()]
        for each in filter(None, (getattr(owner, "socket", None) for owner in owners)):
            each.close()
        transport.close()
        self.system = self._transport = None
        gc.collect()

    def end(self) -> None:
        """Ours must end without force, whatever was done to it. For the stock base that is no question."""
        if self.base != OURS:
            slay(self.pids())
            self._abandon()
            return
        if self.is_broken:
            self._transport.close()
        else:
            self.system.shutdown()
        left = eventually(lambda: not self.pids())
        assert left, f"processes are left: {[psutil.Process(pid).cmdline() for pid in self.pids()]}"
        assert eventually(lambda: address.remove_folder(self.sockets)), "sockets are left"


def _log_definition(folder: Path) -> dict[str, Any]:
    file = {"class": "logging.FileHandler", "filename": str(folder / "thespian.log"), "delay": True}
    return {"version": 1, "handlers": {"file": file}, "root": {"level": "WARNING", "handlers": ["file"]}}

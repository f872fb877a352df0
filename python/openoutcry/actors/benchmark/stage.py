"""A running actor system of one base, with the players of a measurement, and the director who asks them."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import psutil
import thespian.actors as thespian

from openoutcry.actors.benchmark.bases import Base
from openoutcry.actors.benchmark.player import Player
from openoutcry.actors.benchmark.script import Broke, Join, Joined
from openoutcry.actors.ports import free_port
from openoutcry.actors.system import SystemFailedError

ANSWER_TIMEOUT_S: Final = 60.0
POLL_INTERVAL_S: Final = 0.25
END_TIMEOUT_S: Final = 10.0
_END_POLL_S: Final = 0.02
_LOOPBACK_HOST: Final = "127.0.0.1"
_LOG_FILE_VARIABLE: Final = "THESPLOG_FILE"  # Thespian's own log, in each of its processes
_SILENCE: Final[dict[str, Any]] = {
    "version": 1,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"level": "CRITICAL", "handlers": ["null"]},
}

Answer = TypeVar("Answer")


class Stage:
    """As a context manager it leaves no process and no file behind.

    Raises:
        SystemFailedError: the system does not start, a player failed, died or is silent for too long, or a
            process did not end.
    """

    def __init__(self, base: Base) -> None:
        self.folder: Path
        self.title = base.title
        self._system_base = base.system_base
        self._system: Any = None
        self._admin_pid = 0
        self._players: list[psutil.Process] = []
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._exits as exits:
            folder = tempfile.TemporaryDirectory(prefix="openoutcry-bench-", ignore_cleanup_errors=True)
            self.folder = Path(exits.enter_context(folder))
            resource_tracker.ensure_running()  # this process's own: it is none of the stage's
            exits.enter_context(_log_to(self._log))
            exits.callback(self._shutdown)
            capabilities = {
                "Admin Port": free_port(_LOOPBACK_HOST),
                "Socket Directory": str(self.folder / "sockets"),
                "Process Startup Method": "spawn",
            }
            try:
                self._system = thespian.ActorSystem(
                    self._system_base, capabilities, logDefs=_SILENCE, transientUnique=True
                )
            except (thespian.ActorSystemException, OSError) as error:
                raise SystemFailedError(f"{self.title} did not start: {error}") from error
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    @property
    def _log(self) -> Path:
        return self.folder / "thespian.log"

    def cast(self, *players: type[Player]) -> list[Any]:
        """Create players, each the successor of the one before it, and the first one of the last."""
        try:
            addresses = [self._system.createActor(player) for player in players]
        except thespian.ActorSystemException as error:
            raise SystemFailedError(f"{self.title}: an actor was not created: {error}") from error
        for index, address in enumerate(addresses):
            joined = self.ask(address, Join(addresses[(index + 1) % len(addresses)]), Joined)
            self._players.append(psutil.Process(joined.pid))
            self._admin_pid = joined.admin_pid
        return addresses

    def tell(self, player: Any, direction: Any) -> None:
        """Tell a player something, and wait for nothing."""
        self._system.tell(player, direction)

    def ask(self, player: Any, direction: Any, kind: type[Answer]) -> Answer:
        """Ask a player, and wait for its answer."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        answer = self.poll(player, direction, kind)
        while answer is None:
            if time.monotonic() > deadline:
                raise SystemFailedError(
                    f"{self.title}: {type(direction).__name__} was not answered in "
                    f"{ANSWER_TIMEOUT_S:.0f} s; measure less, or on a host with less to do"
                )
            answer = self._judge(self._system.listen(POLL_INTERVAL_S), kind)
        return answer

    def poll(self, player: Any, direction: Any, kind: type[Answer]) -> Answer | None:
        """Ask a player, and be content with no answer: it may be busy, or the base may have lost it."""
        return self._judge(self._system.ask(player, direction, POLL_INTERVAL_S), kind)

    def _judge(self, answer: Any, kind: type[Answer]) -> Answer | None:
        if isinstance(answer, Broke):
            raise SystemFailedError(f"{self.title}: {answer.error}")
        if isinstance(answer, kind):
            return answer
        for process in self._players:
            if not _lives(process):
                raise SystemFailedError(
                    f"{self.title}: process {process.pid} of an actor died; measure again"
                )
        return None  # nothing yet, or the late answer to an earlier question

    def processes(self) -> list[psutil.Process]:
        """Everybody: the admin, which is nobody's child, and its children: its logger and the players.

        If nobody has joined, they are known by the log that was given to them.
        """
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._admin_pid:
                admin = psutil.Process(self._admin_pid)
                return [admin, *admin.children(recursive=True)]
        log = str(self._log)
        return [each for each in psutil.process_iter() if _variable(each, _LOG_FILE_VARIABLE) == log]

    def _shutdown(self) -> None:
        processes = self.processes()
        grace_s = END_TIMEOUT_S if self._system is not None else 0.0
        try:
            if self._system is not None:
                self._system.shutdown()
        finally:
            alive = _await_end(processes, grace_s)
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        if alive and grace_s:
            raise SystemFailedError(
                f"{self.title}: {len(alive)} processes did not end in {grace_s:.0f} s and were killed; "
                "measure again"
            )


def _lives(process: psutil.Process) -> bool:
    """A dead process that its parent has not yet asked for does not live."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _await_end(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait for processes that are not our children; returns those that live on."""
    deadline_s = time.monotonic() + timeout_s
    while (alive := [each for each in processes if _lives(each)]) and time.monotonic() < deadline_s:
        time.sleep(_END_POLL_S)
    return alive


def _variable(process: psutil.Process, name: str) -> str:
    """What an environment variable of a process was when its program began."""
    try:
        return process.environ().get(name, "")
    except psutil.Error:
        return ""


@contextlib.contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Thespian logs there, and not into the folder that everybody shares."""
    before = os.environ.get(_LOG_FILE_VARIABLE)
    os.environ[_LOG_FILE_VARIABLE] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_LOG_FILE_VARIABLE]
        else:
            os.environ[_LOG_FILE_VARIABLE] = before

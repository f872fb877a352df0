"""The actor system seen from outside: start it, halt it, stop it."""

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil
import thespian.actors as thespian

from openoutcry.actors.bases import Base, base_of
from openoutcry.actors.protocol import HaltSystem, Launch, Launched, LaunchFailed, StopSystem, SystemStopped
from openoutcry.assembly.settings import Settings, encode_settings
from openoutcry.domain.errors import OpenOutcryError

LAUNCH_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 150.0
LEAVE_TIMEOUT_S: Final = 10.0
ORPHANS_TIMEOUT_S: Final = 110.0  # execution withdraws what rests, and asks the venue about every order
_POLL_S: Final = 0.05
_SUPERVISOR: Final = "openoutcry.actors.supervisor.Supervisor"


class SystemFailedError(OpenOutcryError):
    """The actor system did not start, or did not answer."""

    exit_code = 8


class TradingSystem:
    """A running system of actors. Use it as a context manager: it always ends with no process left."""

    def __init__(self, settings: Settings, run_dir: Path, run_id: str) -> None:
        self.info: dict[str, str] = {}
        self._settings = settings
        self._run_dir = run_dir
        self._run_id = run_id
        self._system: Any = None
        self._supervisor: Any = None
        self._process: psutil.Process | None = None  # the supervisor's
        self._base: Base = base_of(settings.transport, run_id)

    def __enter__(self) -> Self:
        try:
            self._launch()
        except BaseException:
            self._shutdown()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shutdown()

    @property
    def is_running(self) -> bool:
        """Whether it was launched and not ended."""
        return bool(self.info) and self._system is not None

    def check(self) -> None:
        """Whether somebody still looks after the actors.

        Raises:
            SystemFailedError: the supervisor died. The actors withdraw what rests and end by themselves.
        """
        if self._process is not None and not self._has_supervisor():
            raise SystemFailedError(
                "the supervisor died; the actors end by themselves and withdraw what rests: see "
                f"{self._run_dir / 'log.jsonl'}, and `openoutcry report` for the account"
            )

    def _has_supervisor(self) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self._process
            return process is not None and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    def halt(self, reason: str, by: str) -> None:
        """Arm the halt and tell everybody."""
        self._system.tell(self._supervisor, HaltSystem(reason, by))

    def stop(self, reason: str) -> SystemStopped:
        """Stop every actor in order and wait for it.

        Raises:
            SystemFailedError: the supervisor did not answer in time.
        """
        answer = self._ask(StopSystem(reason), SystemStopped, STOP_TIMEOUT_S)
        assert isinstance(answer, SystemStopped)
        return answer

    def _launch(self) -> None:
        self._system = thespian.ActorSystem(
            self._base.name,
            self._base.capabilities(),
            logDefs=_log_definition(self._run_dir / "thespian.log"),
        )
        self._supervisor = self._system.createActor(_SUPERVISOR)
        message = Launch(encode_settings(self._settings), str(self._run_dir), self._run_id, os.getpid())
        answer = self._ask(message, (Launched, LaunchFailed), LAUNCH_TIMEOUT_S)
        if isinstance(answer, LaunchFailed):
            raise SystemFailedError(f"the system did not start: {answer.error}")
        self.info = answer.info
        self._process = psutil.Process(answer.pid)

    def _ask(self, message: Any, kinds: Any, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        answer = self._system.ask(self._supervisor, message, timeout_s)
        while answer is not None and not isinstance(answer, kinds):
            remaining = deadline - time.monotonic()
            answer = self._system.listen(remaining) if remaining > 0 else None
        if answer is None:
            raise SystemFailedError(
                f"the supervisor did not answer {type(message).__name__} in {timeout_s:.0f} s; "
                f"look into {self._run_dir / 'log.jsonl'}"
            )
        return answer

    def _shutdown(self) -> None:
        if self._system is None:
            return
        was_orphaned = self._process is not None and not self._has_supervisor()
        with contextlib.suppress(Exception):  # nothing more can be done, and the first error counts
            self._system.shutdown()
        self._system = None
        self._base.leave()
        for child in multiprocessing.active_children():
            child.join(1.0)
        self._await_the_last(ORPHANS_TIMEOUT_S if was_orphaned else LEAVE_TIMEOUT_S)

    def _await_the_last(self, timeout_s: float) -> None:
        """No process stays behind: whoever does not end in time is killed."""
        deadline_s = time.monotonic() + timeout_s
        while not self._base.has_ended():
            if time.monotonic() > deadline_s:
                for pid in self._base.pids():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                deadline_s = float("inf")
            time.sleep(_POLL_S)


def _log_definition(path: Path) -> dict[str, Any]:
    """Where Thespian's own log goes: it may not write to the terminal, which shows the live screen."""
    os.environ.setdefault("THESPLOG_FILE", str(path))
    return {
        "version": 1,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(path),
                "formatter": "plain",
                "delay": True,
            }
        },
        "root": {"level": "WARNING", "handlers": ["file"]},
    }

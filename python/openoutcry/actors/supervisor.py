"""The supervisor: starts the actors in order, restarts what dies, stops all in order, halts when it must."""

import contextlib
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil
import structlog
import thespian.actors as thespian

from openoutcry.actors.actor import wall_ns
from openoutcry.actors.process_logging import log_to
from openoutcry.actors.protocol import (
    Configure,
    Credit,
    Envelope,
    HaltSystem,
    Launch,
    Launched,
    LaunchFailed,
    Ready,
    StopSystem,
    SystemStopped,
    Wiring,
)
from openoutcry.assembly.paths import RunPaths, halt_latch
from openoutcry.assembly.settings import Settings, decode_settings
from openoutcry.assembly.topology import EXECUTION, INGESTION, MEMORY, RISK, ROLES, STOP_ORDER, SUPERVISOR
from openoutcry.domain.control import Failure, Halt, Start, Stop, Stopped
from openoutcry.domain.market import VenueStatus
from openoutcry.domain.message import Message
from openoutcry.memory.halt_latch import HaltLatch

LAUNCH_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
EXECUTION_STOP_TIMEOUT_S: Final = 80.0  # it asks the venue about every order of the run
EXECUTION_RETRY_S: Final = 10.0  # execution may not stay down: somebody has to withdraw what rests
RESTARTS_MAX: Final = 5
RESTART_WINDOW_S: Final = 60.0
RESTART_BACKOFF_S: Final = (0.0, 0.25, 1.0, 2.0, 4.0)
FAILURES_KEPT_MAX: Final = 100
_TICK: Final = timedelta(milliseconds=250)

_log = structlog.get_logger("openoutcry.supervisor")


class Child:
    """What the supervisor knows of one role's actor."""

    def __init__(self) -> None:
        self.address: Any = None
        self.is_ready = False
        self.is_started = False
        self.is_stopped = False
        self.restarts = 0
        self.restarted_at_s: list[float] = []
        self.sequence = 0
        self.restart_due_s: float | None = None
        self.info: dict[str, str] = {}


class Supervisor(thespian.Actor):  # type: ignore[misc]  # Thespian has no types
    """One a system. It talks to the outside, and it alone creates actors."""

    def __init__(self) -> None:
        super().__init__()
        self._children = {role: Child() for role in ROLES}
        self._launch: Launch | None = None
        self._requester: Any = None
        self._deadline_s: float | None = None
        self._is_running = False
        self._stopping: list[str] | None = None
        self._late: list[str] = []
        self._unreconciled = 0
        self._failures: list[str] = []
        self._settings: Settings
        self._latch: HaltLatch
        self._stop_reason = ""
        self._launcher: psutil.Process | None = None
        self._is_orphaned = False

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  Thespian's name
        """Thespian's entry; nothing raises out of it."""
        try:
            self._admit(message, sender)
        except Exception as error:  # noqa: BLE001  a supervisor that fails must say so, and trade no more
            self._note(f"supervisor: {type(error).__name__}: {error} while handling {type(message).__name__}")
            if not self._is_running and self._requester is not None:
                self.send(self._requester, LaunchFailed(self._failures[-1]))
            else:
                self._halt(f"the supervisor failed: {error}", by="supervisor")

    def _admit(self, message: Any, sender: Any) -> None:
        match message:
            case Launch():
                self._begin(message, sender)
            case Ready():
                self._on_ready(message)
            case Envelope():
                self._on_report(message.message)
                child = self._children[message.source]
                if child.address is not None:
                    self.send(child.address, Credit(SUPERVISOR, message.epoch, message.sequence))
            case StopSystem():
                self._begin_stop(message.reason, sender)
            case HaltSystem():
                self._halt(message.reason, by=message.by)
            case thespian.ChildActorExited():
                self._on_exit(message.childAddress)
            case thespian.WakeupMessage():
                self._tick()
            case thespian.ActorExitRequest():
                self._stopping = []  # what exits from here on was told to

    # -- start ---------------------------------------------------------------------------------

    def _begin(self, launch: Launch, requester: Any) -> None:
        self._requester = requester
        self._launch = launch
        self._launcher = psutil.Process(launch.launcher_pid)
        log_to(
            RunPaths(Path(launch.run_dir)).log,
            level=decode_settings(launch.settings).monitoring.log_level,
            role=SUPERVISOR,
            run_id=launch.run_id,
        )
        self._deadline_s = time.monotonic() + LAUNCH_TIMEOUT_S
        self._settings = decode_settings(launch.settings)
        self._latch = halt_latch(self._settings)
        for role in ROLES:
            self._create(role)
        self.wakeupAfter(_TICK)

    def _create(self, role: str) -> None:
        assert self._launch is not None
        child = self._children[role]
        child.is_ready = child.is_started = child.is_stopped = False
        child.sequence = 0
        child.restart_due_s = None
        child.address = self.createActor(f"openoutcry.actors.{role}.{role.capitalize()}Actor")
        launch = self._launch
        self.send(
            child.address, Configure(role, launch.settings, launch.run_dir, launch.run_id, child.restarts)
        )

    def _on_ready(self, ready: Ready) -> None:
        child = self._children[ready.role]
        child.is_ready = True
        child.info = ready.info
        up = [role for role in ROLES if self._children[role].is_ready]
        if not self._is_running and len(up) < len(ROLES):
            return
        # While it runs, one that stays down must not keep others from their work.
        wiring = Wiring({role: self._children[role].address for role in up})
        for role in up:
            self.send(self._children[role].address, wiring)
        if self._stopping is None:
            self._start(up)
        elif EXECUTION in self._stopping and EXECUTION in up:
            self._start([EXECUTION])  # it must connect to withdraw what its predecessor left
        if self._stopping and self._stopping[0] == ready.role:
            self._ask_to_stop()
        if self._is_running:
            return
        self._is_running = True
        self._deadline_s = None
        info = {key: value for each in self._children.values() for key, value in each.info.items()}
        self.send(self._requester, Launched(info))

    def _start(self, roles: list[str]) -> None:
        for role in roles:
            child = self._children[role]
            if not child.is_started:
                child.is_started = True
                self._tell(role, Start(id=f"start:{role}:{child.restarts}"))

    def _tell(self, role: str, message: Message) -> None:
        child = self._children[role]
        child.sequence += 1
        now = time.monotonic_ns()
        self.send(child.address, Envelope(SUPERVISOR, 0, child.sequence, now, now, message))

    # -- failure -------------------------------------------------------------------------------

    def _on_report(self, message: Message) -> None:
        match message:
            case Failure():
                self._note(f"{message.role}: {message.error} while handling {message.handling}")
                if not self._is_running:
                    self.send(self._requester, LaunchFailed(self._failures[-1]))
                    return
                if message.role in (RISK, EXECUTION):
                    self._halt(f"{message.role} failed: {message.error}", by=SUPERVISOR)
                if message.handling == Configure.__name__ and self._children[message.role].address:
                    # It cannot work; its exit counts against the budget of restarts.
                    self.send(self._children[message.role].address, thespian.ActorExitRequest())
            case Stopped():
                self._on_stopped(message)
            case Halt():
                self._halt(message.reason, by=message.by)

    def _on_exit(self, address: Any) -> None:
        role = next((role for role, child in self._children.items() if child.address == address), None)
        if role is None:
            return  # a notice that was delivered twice, or of an actor already replaced
        child = self._children[role]
        child.address = None
        child.is_ready = False
        if self._stopping is not None:
            if not child.is_stopped:
                self._late.append(role)  # it cannot vouch for its work any more
                child.is_stopped = True
            self._stop_next()
            return
        now = time.monotonic()
        child.restarted_at_s = [at for at in child.restarted_at_s if now - at < RESTART_WINDOW_S]
        if len(child.restarted_at_s) >= RESTARTS_MAX:
            self._halt(f"{role} keeps dying", by=SUPERVISOR)
            if role != EXECUTION:
                self._note(f"{role} died {RESTARTS_MAX} times in {RESTART_WINDOW_S:.0f} s and stays down")
                return
            child.restart_due_s = now + EXECUTION_RETRY_S
        else:
            child.restart_due_s = (
                now + RESTART_BACKOFF_S[min(len(child.restarted_at_s), len(RESTART_BACKOFF_S) - 1)]
            )
        child.restarted_at_s.append(now)
        child.restarts += 1
        if role == INGESTION:
            self._tell_feed_is_down()
        self._note(f"{role} exited; restart {child.restarts}")
        self._tick_restarts(now)

    def _tell_feed_is_down(self) -> None:
        """Nobody else can say so any more, and risk must not trust the last word."""
        if self._children[RISK].address is None:
            return
        now = wall_ns()
        for symbol in self._settings.symbols:
            status = VenueStatus(
                id=f"venue_status:{symbol}:{now}:down",
                venue=self._settings.venue.venue,
                symbol=symbol,
                state="down",
                reason="ingestion exited",
                at_ns=now,
            )
            self._tell(RISK, status)

    def _tick_restarts(self, now: float) -> None:
        for role, child in self._children.items():
            if child.restart_due_s is not None and child.restart_due_s <= now and self._stopping is None:
                self._create(role)

    def _tick(self) -> None:
        self.wakeupAfter(_TICK)
        now = time.monotonic()
        self._tick_restarts(now)
        self._watch_launcher()
        if self._deadline_s is None or now < self._deadline_s:
            return
        self._deadline_s = None
        if self._stopping is not None:
            self._late.append(self._stopping[0])
            self._children[self._stopping[0]].is_stopped = True
            self._stop_next()
        elif not self._is_running:
            waiting = ", ".join(role for role, child in self._children.items() if not child.is_ready)
            reasons = "; ".join(self._failures) or "no actor said why"
            self.send(
                self._requester,
                LaunchFailed(f"not ready after {LAUNCH_TIMEOUT_S:.0f} s: {waiting} ({reasons})"),
            )

    def _watch_launcher(self) -> None:
        """Nobody trades unattended: without the process that asked for it, the system stops in order."""
        launcher = self._launcher
        if self._is_orphaned or launcher is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            if launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
                return
        self._is_orphaned = True
        self._note("the process that launched the system is gone")
        if self._stopping is None:
            self._begin_stop("the launcher is gone", self._requester)
        elif not self._stopping:
            self.actorSystemShutdown()

    def _note(self, text: str) -> None:
        _log.error("failure", text=text)
        if len(self._failures) < FAILURES_KEPT_MAX:
            self._failures.append(text)

    def _halt(self, reason: str, *, by: str) -> None:
        now = wall_ns()
        try:
            self._latch.arm(reason=reason, by=by, at_ns=now)
        except OSError as error:  # they stop all the same; a later run would not know
            self._note(f"the halt could not be made durable: {error}")
        halt = Halt(id=f"halt:{now}", reason=reason, by=by, at_ns=now)
        for role in (EXECUTION, RISK, MEMORY):
            if self._children[role].address is not None:
                self._tell(role, halt)

    # -- stop ----------------------------------------------------------------------------------

    def _begin_stop(self, reason: str, requester: Any) -> None:
        if self._stopping is not None:
            return
        self._requester = requester
        self._stopping = list(STOP_ORDER)
        self._stop_reason = reason
        self._ask_to_stop()

    def _ask_to_stop(self) -> None:
        assert self._stopping is not None
        role = self._stopping[0]
        child = self._children[role]
        self._deadline_s = time.monotonic() + (
            EXECUTION_STOP_TIMEOUT_S if role == EXECUTION else STOP_TIMEOUT_S
        )
        if role == EXECUTION and child.restart_due_s is not None:
            self._create(role)
        if child.address is None:
            self._late.append(role)
            child.is_stopped = True
            self._stop_next()
        elif child.is_ready:  # else it is asked when it is
            self._tell(role, Stop(id=f"stop:{role}:{child.restarts}", reason=self._stop_reason))

    def _on_stopped(self, message: Stopped) -> None:
        self._children[message.role].is_stopped = True
        self._unreconciled += message.unreconciled
        self._stop_next()

    def _stop_next(self) -> None:
        if self._stopping is None or not self._stopping:
            return
        while self._stopping and self._children[self._stopping[0]].is_stopped:
            self._stopping.pop(0)
        if self._stopping:
            self._ask_to_stop()
            return
        self._deadline_s = None
        if self._is_orphaned:
            self.actorSystemShutdown()
            return
        restarts = {role: child.restarts for role, child in self._children.items()}
        self.send(
            self._requester,
            SystemStopped(self._unreconciled, tuple(self._late), restarts, tuple(self._failures)),
        )

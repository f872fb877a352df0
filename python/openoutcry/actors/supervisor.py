"""The supervisor: starts the actors in order, restarts what dies, stops all in order, halts when it must."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

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
STOP_TIMEOUT_S: Final = 20.0
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

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  Thespian's name
        """Thespian's entry; nothing raises out of it."""
        try:
            self._receive(message, sender)
        except Exception as error:  # noqa: BLE001  a supervisor that fails must say so, and trade no more
            self._note(f"supervisor: {type(error).__name__}: {error} while handling {type(message).__name__}")
            if not self._is_running and self._requester is not None:
                self.send(self._requester, LaunchFailed(self._failures[-1]))
            else:
                self._halt(f"the supervisor failed: {error}", by="supervisor")

    def _receive(self, message: Any, sender: Any) -> None:
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
        self._launch = launch
        log_to(
            RunPaths(Path(launch.run_dir)).log,
            level=decode_settings(launch.settings).monitoring.log_level,
            role=SUPERVISOR,
            run_id=launch.run_id,
        )
        self._requester = requester
        self._deadline_s = time.monotonic() + LAUNCH_TIMEOUT_S
        self._settings = decode_settings(launch.settings)
        self._latch = halt_latch(self._settings)
        for role in ROLES:
            self._create(role)
        self.wakeupAfter(_TICK)

    def _create(self, role: str) -> None:
        assert self._launch is not None
        child = self._children[role]
        child.is_ready = child.is_stopped = False
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
        if not all(each.is_ready for each in self._children.values()):
            return
        wiring = Wiring({role: each.address for role, each in self._children.items()})
        for each in self._children.values():
            self.send(each.address, wiring)
        if self._is_running:
            self._tell(ready.role, Start(id=f"start:{ready.role}:{child.restarts}"))
            return
        for role in ROLES:
            self._tell(role, Start(id=f"start:{role}:0"))
        self._is_running = True
        self._deadline_s = None
        info = {key: value for each in self._children.values() for key, value in each.info.items()}
        self.send(self._requester, Launched(info))

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
                elif message.role in (RISK, EXECUTION):
                    self._halt(f"{message.role} failed: {message.error}", by=SUPERVISOR)
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
            self._note(f"{role} died {RESTARTS_MAX} times in {RESTART_WINDOW_S:.0f} s and stays down")
            self._halt(f"{role} keeps dying", by=SUPERVISOR)
            return
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

    def _note(self, text: str) -> None:
        _log.error("failure", text=text)
        if len(self._failures) < FAILURES_KEPT_MAX:
            self._failures.append(text)

    def _halt(self, reason: str, *, by: str) -> None:
        now = wall_ns()
        if self._latch.read() is None:
            self._latch.arm(reason=reason, by=by, at_ns=now)
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
        self._deadline_s = time.monotonic() + STOP_TIMEOUT_S
        if child.address is None:
            self._late.append(role)
            child.is_stopped = True
            self._stop_next()
        else:
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
        restarts = {role: child.restarts for role, child in self._children.items()}
        self.send(
            self._requester,
            SystemStopped(self._unreconciled, tuple(self._late), restarts, tuple(self._failures)),
        )

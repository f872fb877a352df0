"""The supervisor: starts the actors in order, restarts what dies or hangs, stops all in order, halts when it
must.
"""

import contextlib
import os
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil
import structlog
import thespian.actors as thespian

from openoutcry.actors.actor import loop_of, wall_ns
from openoutcry.actors.child import RESTART_WINDOW_S, RESTARTS_MAX, Child
from openoutcry.actors.hosts import HOST_CAPABILITY, Hosts
from openoutcry.actors.memory_use import MemoryUse
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
from openoutcry.actors.transport.guardian import GuardianLost
from openoutcry.assembly.paths import RunPaths, halt_latch
from openoutcry.assembly.preload import preload
from openoutcry.assembly.settings import Settings, decode_settings
from openoutcry.assembly.topology import (
    EXECUTION,
    INGESTION,
    MEMORY,
    MONITORING,
    RISK,
    ROLES,
    STOP_ORDER,
    SUPERVISOR,
)
from openoutcry.domain.control import Failure, Halt, Heartbeat, Pulse, Start, Stop, Stopped
from openoutcry.domain.market import VenueStatus
from openoutcry.domain.message import Message
from openoutcry.memory.halt_latch import HaltLatch

LAUNCH_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
EXECUTION_STOP_TIMEOUT_S: Final = 80.0  # it asks the venue about every order of the run
EXECUTION_RETRY_S: Final = 10.0  # execution may not stay down: somebody has to withdraw what rests
FAILURES_KEPT_MAX: Final = 100
HEARTBEAT_S: Final = 1.0
_TICK: Final = timedelta(milliseconds=250)

_log = structlog.get_logger("openoutcry.supervisor")


class Supervisor(thespian.Actor):  # type: ignore[misc]  # Thespian has no types
    """One a system. It talks to the outside, and it alone creates actors."""

    orphan_grace_s: ClassVar[float] = 200.0  # longer than all stops together

    def __init__(self) -> None:
        super().__init__()
        self._children = {role: Child() for role in ROLES}
        self._hosts = Hosts({})
        self._launch: Launch | None = None
        self._requester: Any = None
        self._deadline_s: float | None = None
        self._heartbeat_due_s = 0.0
        self._is_running = False
        self._stopping: list[str] | None = None
        self._late: list[str] = []
        self._unreconciled = 0
        self._failures: list[str] = []
        self._settings: Settings
        self._latch: HaltLatch
        self._stop_reason = ""
        self._launcher: psutil.Process | None = None
        self._is_orphaned = self._has_admin_died = False
        self._memory_use = MemoryUse()

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
                self._on_ready(message, sender)
            case Envelope():
                self._take(message)
            case StopSystem():
                self._begin_stop(message.reason, sender)
            case HaltSystem():
                self._halt(message.reason, by=message.by)
            case _:
                self._on_notice(message)

    def _on_notice(self, notice: Any) -> None:
        match notice:
            case thespian.ChildActorExited():
                self._on_exit(notice.childAddress)
            case thespian.ActorSystemConventionUpdate():
                self._on_host(notice)
            case thespian.WakeupMessage():
                self._tick()
            case GuardianLost():
                self._has_admin_died = True
                self._end_alone("the admin process died")
            case thespian.ActorExitRequest():
                self._stopping = []  # what exits from here on was told to

    def _take(self, envelope: Envelope) -> None:
        child = self._children[envelope.source]
        is_present = envelope.epoch == child.restarts and child.address is not None
        if is_present:
            self.send(child.address, Credit(SUPERVISOR, envelope.epoch, envelope.sequence))
            self._on_report(envelope.message)
        elif isinstance(envelope.message, Failure):  # the dead may still warn
            self._note_failure(envelope.message)
        elif isinstance(envelope.message, Halt):
            self._on_report(envelope.message)

    # -- start ---------------------------------------------------------------------------------

    def _begin(self, launch: Launch, requester: Any) -> None:
        self._requester = requester
        self._launch = launch
        self._launcher = psutil.Process(launch.launcher_pid)
        self._settings = decode_settings(launch.settings)
        log_to(
            RunPaths(Path(launch.run_dir)).log,
            level=self._settings.monitoring.log_level,
            role=SUPERVISOR,
            run_id=launch.run_id,
        )
        self._deadline_s = time.monotonic() + LAUNCH_TIMEOUT_S
        self._latch = halt_latch(self._settings)
        if loop_of(self) is not None:
            preload()  # what is imported here is shared by all who are forked from here
        self._hosts = Hosts(self._settings.transport.placement)
        if self._hosts.missing():
            self.notifyOnSystemRegistrationChanges()
        for child in self._children.values():
            child.restart_due_s = 0.0
        self._tick_restarts(time.monotonic())  # what lives elsewhere waits for its host
        self.wakeupAfter(_TICK)

    def _create(self, role: str) -> None:
        assert self._launch is not None
        child = self._children[role]
        if child.abandoned is not None:
            self.send(child.abandoned, thespian.ActorExitRequest())
        path = f"openoutcry.actors.{role}.{role.capitalize()}Actor"
        requirements = self._hosts.requirements(role)
        address = self.createActor(path, requirements) if requirements else self.createActor(path)
        child.begin(address, time.monotonic())
        launch = self._launch
        self.send(
            child.address, Configure(role, launch.settings, launch.run_dir, launch.run_id, child.restarts)
        )

    def _on_ready(self, ready: Ready, sender: Any) -> None:
        if sender != self._children[ready.role].address:
            return  # an earlier life, heard late
        pid = 0 if self._hosts.host_of(ready.role) else ready.pid  # another host's number means nothing here
        self._children[ready.role].ready(pid, ready.info, time.monotonic())
        up = [role for role in ROLES if self._children[role].is_ready]
        if not self._is_running and len(up) < len(ROLES):
            return
        # While it runs, one that stays down must not keep others from their work.
        self._wire()
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
        self.send(self._requester, Launched(info, os.getpid()))

    def _wire(self) -> None:
        up = {role: child for role, child in self._children.items() if child.is_ready}
        addresses = {role: child.address for role, child in up.items()}
        epochs = {role: child.restarts for role, child in self._children.items()}
        pids = {role: child.pid for role, child in up.items() if child.pid} | {SUPERVISOR: os.getpid()}
        for role, child in up.items():
            self.send(child.address, Wiring(addresses, epochs, {} if self._hosts.host_of(role) else pids))

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
        self.send(child.address, Envelope(SUPERVISOR, child.restarts, child.sequence, now, now, message))

    # -- failure -------------------------------------------------------------------------------

    def _on_report(self, message: Message) -> None:
        match message:
            case Pulse():
                self._children[message.role].pulse(time.monotonic())
            case Failure():
                self._on_failure(message)
            case Stopped():
                self._on_stopped(message)
            case Halt():
                self._halt(message.reason, by=message.by)

    def _note_failure(self, failure: Failure) -> None:
        self._note(f"{failure.role}: {failure.error} while handling {failure.handling}")
        if self._is_running and failure.role in (RISK, EXECUTION):
            self._halt(f"{failure.role} failed: {failure.error}", by=SUPERVISOR)

    def _on_failure(self, failure: Failure) -> None:
        self._note_failure(failure)
        if not self._is_running:
            self.send(self._requester, LaunchFailed(self._failures[-1]))
        elif failure.handling == Configure.__name__ and self._children[failure.role].address:
            # It cannot work; its exit counts against the budget of restarts.
            self.send(self._children[failure.role].address, thespian.ActorExitRequest())

    def _on_exit(self, address: Any) -> None:
        role = next((role for role, child in self._children.items() if child.address == address), None)
        if role is None:
            return  # a notice that was delivered twice, or of an actor already replaced
        child = self._children[role]
        child.exited()
        if self._stopping is not None:
            if not child.is_stopped:
                self._late.append(role)  # it cannot vouch for its work any more
                child.is_stopped = True
            self._stop_next()
            return
        now_s = time.monotonic()
        if child.plan_restart(now_s):
            self._note(f"{role} exited; restart {child.restarts}")
        elif not self._quarantine(role, now_s):
            return
        if role == INGESTION:
            self._tell_feed_is_down()
        self._tick_restarts(now_s)

    def _quarantine(self, role: str, now_s: float) -> bool:
        """What keeps dying stays down, and nobody trades without it; says whether it will be tried again."""
        child = self._children[role]
        self._note(f"{role} died {RESTARTS_MAX} times in {RESTART_WINDOW_S:.0f} s and stays down")
        self._halt(f"{role} keeps dying", by=SUPERVISOR)
        child.is_quarantined = role != EXECUTION
        if role == EXECUTION:  # somebody has to withdraw what rests
            child.restarts += 1
            child.restart_due_s = now_s + EXECUTION_RETRY_S
        return role == EXECUTION

    def _kill_what_hangs(self, now_s: float) -> None:
        for role, child in self._children.items():
            silent_s = child.hangs_for_s(now_s)
            if not silent_s:
                continue
            child.hangs += 1
            child.pulse(now_s)
            if host := self._hosts.host_of(role):
                self._abandon(role, f"{role} on host {host} showed no sign of life for {silent_s:.0f} s")
                continue
            self._note(f"{role} showed no sign of life for {silent_s:.0f} s and is killed")
            pid = child.pid or self._pid_of(child.address)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # its exit is noticed like any other

    def _pid_of(self, address: Any) -> int:
        """The process of a child that never said who it is, from Thespian's own list."""
        for each in getattr(self._myRef, "_child_procs", ()):
            if getattr(each, "childRealAddr", each.childAddr) == address:
                return int(each.childProc.pid)
        raise LookupError(f"no process is known for {address}")

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

    def _tick_restarts(self, now_s: float) -> None:
        for role, child in self._children.items():
            is_due = child.restart_due_s is not None and child.restart_due_s <= now_s
            if is_due and self._stopping is None and self._hosts.is_reachable(role):
                self._create(role)

    def _tick(self) -> None:
        self.wakeupAfter(_TICK)
        now_s = time.monotonic()
        self._tick_restarts(now_s)
        self._kill_what_hangs(now_s)
        self._watch_launcher()
        self._heartbeat(now_s)
        if self._deadline_s is None or now_s < self._deadline_s:
            return
        self._deadline_s = None
        if self._stopping is not None:
            self._late.append(self._stopping[0])
            self._children[self._stopping[0]].is_stopped = True
            self._stop_next()
        elif not self._is_running:
            waiting = ", ".join(role for role, child in self._children.items() if not child.is_ready)
            missing = [
                f"no host has joined as {host!r}: run `openoutcry join --host {host}` there"
                for host in self._hosts.missing()
            ]
            reasons = "; ".join([*missing, *self._failures]) or "no actor said why"
            self.send(
                self._requester,
                LaunchFailed(f"not ready after {LAUNCH_TIMEOUT_S:.0f} s: {waiting} ({reasons})"),
            )

    def _heartbeat(self, now_s: float) -> None:
        """Tell monitoring of itself, and of those who cannot speak for themselves."""
        if now_s < self._heartbeat_due_s or not self._children[MONITORING].is_ready:
            return
        self._heartbeat_due_s = now_s + HEARTBEAT_S
        silent = [role for role, child in self._children.items() if child.address is None]
        for role in (SUPERVISOR, *silent):
            child = self._children.get(role)
            self._tell(
                MONITORING,
                Heartbeat(
                    id=f"heartbeat:{SUPERVISOR}:{role}:{time.monotonic_ns()}",
                    role=role,
                    pid=0 if child else os.getpid(),
                    state=child.state if child else "stopping" if self._stopping is not None else "running",
                    restarts=child.restarts if child else 0,
                    rss_bytes=0 if child else self._memory_use.share_bytes(),
                    last_message_ns=wall_ns(),
                    counters={}
                    if child
                    else {"actor_hangs": sum(each.hangs for each in self._children.values())},
                ),
            )

    def _watch_launcher(self) -> None:
        """Nobody trades unattended: without the process that asked for it, the system stops in order."""
        launcher = self._launcher
        if self._is_orphaned or launcher is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            if launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
                return
        self._end_alone("the process that launched the system is gone")

    def _end_alone(self, why: str) -> None:
        """Nobody is left to ask for an end: stop in order, then leave."""
        if self._is_orphaned:
            return
        self._is_orphaned = True
        self._note(why)
        if self._stopping is None:
            self._begin_stop(why, self._requester)
        elif not self._stopping:
            self._leave()

    def _leave(self) -> None:
        if self._has_admin_died:
            self.send(self.myAddress, thespian.ActorExitRequest())  # and all children with it
        else:
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

    # -- other hosts ---------------------------------------------------------------------------

    def _on_host(self, notice: Any) -> None:
        host = (notice.remoteCapabilities or {}).get(HOST_CAPABILITY, "")
        address = str(notice.remoteAdminAddress)
        if notice.remoteAdded:
            if self._hosts.join(host, address):
                _log.warning("a host has joined", host=host, address=address)
                self._tick_restarts(time.monotonic())
        elif self._hosts.lose(host, address):
            self._lose(host)

    def _lose(self, host: str) -> None:
        """Its actors may be dead or only out of reach: nobody trades without them or obeys them any more."""
        roles = self._hosts.roles_on(host)
        why = f"host {host} is lost, and with it {', '.join(roles)}"
        self._note(why)
        if self._is_running and self._stopping is None:
            self._halt(why, by=SUPERVISOR)
        for role in roles:
            child = self._children[role]
            if child.address is None:
                continue
            if self._stopping is None:
                child.lost(time.monotonic())
            else:
                self._on_exit(child.address)
        if self._is_running:
            self._wire()

    def _abandon(self, role: str, why: str) -> None:
        """No signal reaches it: it counts as dead, and is told to exit should it ever hear."""
        self._note(why)
        if self._is_running and self._stopping is None:
            self._halt(why, by=SUPERVISOR)
        child = self._children[role]
        child.abandoned = child.address
        self._on_exit(child.address)
        if self._is_running:
            self._wire()

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
            self._leave()
            return
        restarts = {role: child.restarts for role, child in self._children.items()}
        self.send(
            self._requester,
            SystemStopped(self._unreconciled, tuple(self._late), restarts, tuple(self._failures)),
        )

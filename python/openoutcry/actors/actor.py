"""The template of every actor: receive, guard, handle, publish.

Thespian's traps are closed here, once: it runs a handler a second time when it raises (so nothing
escapes), it turns a segmentation fault into an endless loop (so fault signals kill again), and it lets an
actor outlive the one that looks after it (so an orphan ends its work and itself).
"""

import os
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil
import structlog
import thespian.actors as thespian

from openoutcry.actors.edge import ACKNOWLEDGE_EVERY, OutgoingEdge
from openoutcry.actors.hosts import NODE_DIR_VARIABLE, may_live_here
from openoutcry.actors.inbox import Inbox
from openoutcry.actors.memory_use import MemoryUse
from openoutcry.actors.process_logging import log_to
from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready, Wiring
from openoutcry.actors.transport.faults import let_faults_kill
from openoutcry.actors.transport.guardian import GuardianLost
from openoutcry.assembly.paths import RunPaths
from openoutcry.assembly.settings import Settings, decode_settings
from openoutcry.assembly.topology import EXECUTION, MEMORY, SUPERVISOR, Edge, edges_from
from openoutcry.domain.control import ActorState, Failure, Heartbeat, Pulse, Start, Stop, Stopped
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_US, TimestampNs
from openoutcry.monitoring.latency import LatencyHistogram

HEARTBEAT_INTERVAL: Final = timedelta(milliseconds=500)
ORPHAN_GRACE_S: Final = 120.0  # longer than the longest orderly end, which is execution's
# They take a message twice without harm, and must miss none: a successor gets what a dead one may not have.
RESENT_TO: Final = frozenset({EXECUTION, MEMORY})

_log = structlog.get_logger("openoutcry.actor")


class LostMessagesError(Exception):
    """The transport lost messages on an edge between two living actors: it must never happen."""


def wall_ns() -> TimestampNs:
    """The wall clock, for stamps."""
    return TimestampNs(time.time_ns())


def _transport_of(actor: Any) -> Any:
    return getattr(getattr(actor, "_myRef", None), "transport", None)


def loop_of(actor: Any) -> Any:
    """The event loop on which an actor's messages are handled; None on Thespian's own bases."""
    return getattr(_transport_of(actor), "loop", None)


def waiting_for(actor: Any) -> int:
    """Messages that have arrived and wait for their turn; 0 on Thespian's own bases, which do not say."""
    return len(getattr(_transport_of(actor), "inbox", ()))


class Actor(thespian.Actor):  # type: ignore[misc]  # Thespian has no types
    """An actor of the system. A subclass names its `role` and says what to build and how to handle.

    `configure` builds; `handle_X` takes a message of class X, and `handle` any other; `start` and `stop`
    begin and end work; `report` adds figures to the heartbeat. All of them run in the actor's own thread.
    """

    role: ClassVar[str]
    orphan_grace_s: ClassVar[float] = ORPHAN_GRACE_S

    def __init__(self) -> None:
        super().__init__()
        self.state: ActorState = "starting"
        self.settings: Settings
        self.run_dir: Path
        self.run_id = ""
        self.restarts = 0
        self.is_orphan = False
        self._edges: dict[type[Message], tuple[Edge, ...]] = {}
        self._outgoing: dict[str, OutgoingEdge] = {}
        self._addresses: dict[str, Any] = {}
        self._lives: dict[str, int] = {}  # the epoch that was told with an address
        self._pids: dict[str, int] = {}
        self._inbox = Inbox()
        self._memory_use = MemoryUse()
        self._latencies: dict[str, LatencyHistogram] = {}
        # A counter that begins at 0 lets its first event be seen as an increase.
        self._counters: dict[str, float] = dict.fromkeys(("actor_failures", "actor_late"), 0)
        self._last_message_ns = TimestampNs(0)
        self._origin_ns = 0
        let_faults_kill()

    @staticmethod
    def actorSystemCapabilityCheck(capabilities: Any, requirements: Any) -> bool:  # noqa: N802  Thespian's name
        """Where Thespian may create it."""
        return may_live_here(capabilities, requirements)

    # -- what a subclass says ------------------------------------------------------------------

    def configure(self) -> dict[str, str]:
        """Build what the role needs from `self.settings`; what is returned is shown to the operator."""
        return {}

    def start(self) -> None:
        """Begin work."""

    def stop(self, reason: str) -> None:
        """End work in order. Answers with Stopped; an actor that needs longer answers later."""
        del reason
        self.stopped()

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Take a message for which there is no `handle_X`."""
        del now_ns
        raise TypeError(
            f"{self.role} has no handler for {type(message).__name__}: the table of edges is wrong"
        )

    def refuse(self, message: Message, reason: str, now_ns: TimestampNs) -> None:
        """A message did not pass the guard: answer whoever waits for an outcome."""

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """Counters, gauges and free detail for the heartbeat."""
        return {}, {}, {}

    def tick(self, now_ns: TimestampNs) -> None:
        """Called with every heartbeat."""

    def rewired(self) -> None:
        """Somebody was (re)started: whoever holds a truth that others need sends it again."""

    def close(self) -> None:
        """The process is about to end: release what it holds."""

    # -- what a subclass calls -----------------------------------------------------------------

    def publish(self, message: Message) -> None:
        """Send a message along every edge that the table has for it."""
        now = time.monotonic_ns()
        self.transmit(message, now, self._origin_ns or now)

    def transmit(self, message: Message, created_ns: int, origin_ns: int) -> None:
        """Put a message on its edges, in the actor's own thread.

        Raises:
            TypeError: the table of edges has no such row.
            EdgeFullError: a receiver that may miss nothing does not keep up.
        """
        routes = self._edges.get(type(message))
        if routes is None:
            raise TypeError(
                f"{self.role} may not send {type(message).__name__}: the table of edges has no such row"
            )
        for edge in routes:
            deadline_ns = wall_ns() + edge.lifetime_ns if edge.lifetime_ns else 0
            envelope = Envelope(self.role, self.restarts, 0, created_ns, origin_ns, message, deadline_ns)
            self._outgoing[edge.destination].offer(edge, envelope)

    def is_congested(self, destination: str) -> bool:
        """Whether a receiver is so far behind that nothing new should be begun that leads to it."""
        edge = self._outgoing.get(destination)
        return edge is not None and edge.is_congested

    def is_alive(self, role: str) -> bool:
        """Whether another role's process lives, as far as it is known and of this host."""
        return role in self._pids and psutil.pid_exists(self._pids[role])

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter of the metrics catalogue."""
        self._counters[name] = self._counters.get(name, 0) + amount

    def observe_latency(self, hop: str, latency_ns: int) -> None:
        """Record the latency of a hop."""
        self._latencies.setdefault(hop, LatencyHistogram()).record(latency_ns / NS_PER_US)

    def stopped(self, unreconciled: int = 0) -> None:
        """Tell the supervisor that work has ended in order."""
        self.state = "stopped"
        self.heartbeat()
        self.publish(
            Stopped(id=f"stopped:{self.role}:{self.restarts}", role=self.role, unreconciled=unreconciled)
        )
        if self.is_orphan:
            self.leave()

    def leave(self) -> None:
        """End the process, after what was said before has been sent."""
        self.send(self.myAddress, thespian.ActorExitRequest())

    def fail(self, handling: str, error: BaseException) -> None:
        """Report an error to the supervisor and the journal; it never escapes to Thespian."""
        self.count("actor_failures")
        text = f"{type(error).__name__}: {error}"
        frames = traceback.extract_tb(error.__traceback__)
        if frames:
            text += f" (at {Path(frames[-1].filename).name}:{frames[-1].lineno})"
        number = int(self._counters["actor_failures"])
        self.publish(
            Failure(
                id=f"failure:{self.role}:{self.restarts}:{number}",
                role=self.role,
                handling=handling,
                error=text,
                at_ns=wall_ns(),
            )
        )

    # -- the template --------------------------------------------------------------------------

    def receiveMessage(self, message: Any, sender: Any) -> Any:  # noqa: N802  Thespian's name
        """Thespian's entry. Nothing may raise out of it: Thespian would run the handler twice."""
        try:
            self._admit(message, sender)
        except Exception as error:  # noqa: BLE001  see above
            try:
                self.fail(type(message).__name__, error)
            except Exception:  # noqa: BLE001  unable even to say so: the supervisor notices the exit
                os._exit(os.EX_SOFTWARE)
        return self.watched()

    def watched(self) -> Any:
        """The descriptors that Thespian shall watch, if any."""
        return None

    def _admit(self, message: Any, sender: Any) -> None:
        match message:
            case Envelope():
                self._take(message)
            case Credit():
                is_of_the_living = sender == self._addresses.get(message.role)
                if message.epoch == self.restarts and is_of_the_living and message.role in self._outgoing:
                    self._outgoing[message.role].credit(message.received)
            case thespian.WakeupMessage():
                self._beat()
            case Configure():
                self._configure(message, sender)
            case Wiring():
                self._wire(message)
            case GuardianLost():
                self._guardian_lost(is_admin=message.is_admin)
            case thespian.ActorExitRequest():
                self.close()
            case _:
                self.receive_other(message, sender)

    def receive_other(self, message: Any, sender: Any) -> None:
        """Thespian's own messages, for those who care."""

    def _configure(self, message: Configure, sender: Any) -> None:
        self.run_id = message.run_id
        # On another host the run's folder does not exist.
        self.run_dir = Path(os.environ.get(NODE_DIR_VARIABLE) or message.run_dir)
        self.restarts = message.restarts
        self._edges = edges_from(self.role)
        for routes in self._edges.values():
            for edge in routes:
                self._outgoing.setdefault(
                    edge.destination,
                    OutgoingEdge(
                        edge.destination,
                        self._sender(edge.destination),
                        is_resending=edge.destination in RESENT_TO,
                    ),
                )
        self._addresses[SUPERVISOR] = sender
        self._outgoing[SUPERVISOR].reopen()
        self.settings = decode_settings(message.settings)
        log_to(
            RunPaths(self.run_dir).log,
            level=self.settings.monitoring.log_level,
            role=self.role,
            run_id=self.run_id,
        )
        info = self.configure()
        self.state = "ready"
        self.send(sender, Ready(self.role, info, os.getpid()))
        self.wakeupAfter(HEARTBEAT_INTERVAL)

    def _sender(self, destination: str) -> Callable[[Envelope], None]:
        def send(envelope: Envelope) -> None:
            self.send(self._addresses[destination], envelope)

        return send

    def _wire(self, wiring: Wiring) -> None:
        self._pids = wiring.pids
        for role, epoch in wiring.epochs.items():
            self._inbox.begin_epoch(role, epoch)
            if role not in wiring.addresses and role in self._outgoing:
                self._outgoing[role].close()
        for role, address in wiring.addresses.items():
            epoch = wiring.epochs.get(role, 0)
            is_known = self._addresses.get(role) == address and self._lives.get(role, epoch) == epoch
            if role == self.role or is_known:
                continue
            self._addresses[role], self._lives[role] = address, epoch
            if role in self._outgoing:
                self._outgoing[role].reopen()
        self.rewired()

    def _guardian_lost(self, *, is_admin: bool) -> None:
        """Without the supervisor nobody would restart or stop this actor: it ends its work, then itself."""
        if is_admin or self.is_orphan:
            return  # the supervisor has noticed as well, and stops all in order
        self.is_orphan = True
        if self.state in ("ready", "running"):
            self.state = "stopping"
            self.stop("the supervisor is gone")
        else:
            self.leave()

    def _take(self, envelope: Envelope) -> None:
        if not self._inbox.admits(envelope):
            return
        if self._inbox.missing:
            lost = LostMessagesError(f"{self._inbox.missing} messages of {envelope.source} never arrived")
            self.fail(type(envelope.message).__name__, lost)
        self._last_message_ns = now_ns = wall_ns()
        if envelope.source in self._pids:  # of this host: two hosts' monotonic clocks cannot be compared
            self.observe_latency(f"{envelope.source}>{self.role}", time.monotonic_ns() - envelope.sent_ns)
        if envelope.deadline_ns and now_ns > envelope.deadline_ns:
            self.count("actor_late")
            _log.warning("late", message=envelope.message.id, source=envelope.source)
            self.turn_away(envelope.message, "late")
        else:
            self.dispatch(envelope)
        if envelope.sequence % ACKNOWLEDGE_EVERY == 0:
            self._acknowledge(envelope.source)

    def turn_away(self, message: Message, reason: str) -> None:
        """Refuse a message where it would have been handled."""
        self.refuse(message, reason, wall_ns())

    def _acknowledge(self, source: str) -> None:
        epoch, sequence = self._inbox.position(source)
        address = self._addresses.get(source)
        if address is not None:
            self.send(address, Credit(self.role, epoch, sequence))

    def dispatch(self, envelope: Envelope) -> None:
        """Hand a guarded message to its handler."""
        message = envelope.message
        self._origin_ns = envelope.origin_ns
        try:
            match message:
                case Start():
                    self.state = "running"
                    self.start()
                case Stop():
                    if self.state not in ("stopping", "stopped"):
                        self.state = "stopping"
                        self.stop(message.reason)
                case _:
                    self.hand_over(message)
        finally:
            self._origin_ns = 0

    def hand_over(self, message: Message) -> Any:
        """Call the handler of a message's class."""
        handler = getattr(self, f"handle_{type(message).__name__}", self.handle)
        return handler(message, wall_ns())

    def _beat(self) -> None:
        self.wakeupAfter(HEARTBEAT_INTERVAL)
        for source in self._inbox.sources():
            self._acknowledge(source)
        self.report_health()

    def report_health(self) -> None:
        """Let the role do what it does at every heartbeat, then send it."""
        try:
            self.tick(wall_ns())
            self.heartbeat()
        finally:  # one that fails at this still takes its turns
            self.publish(Pulse(id=f"pulse:{self.role}:{self.restarts}", role=self.role, pid=os.getpid()))

    def heartbeat(self) -> None:
        """Tell monitoring how this actor is."""
        counters, gauges, detail = self.report()
        gauges["backlog_messages"] = waiting_for(self)
        for edge in self._outgoing.values():
            for name, figures in edge.figures():
                gauges[f"edge_depth:{name}"] = figures.depth
                gauges[f"edge_age_seconds:{name}"] = figures.age_s
                counters[f"edge_dropped:{name}"] = figures.dropped
                counters[f"edge_conflated:{name}"] = figures.conflated
                counters[f"edge_refused:{name}"] = figures.refused
        message = Heartbeat(
            id=f"heartbeat:{self.role}:{self.restarts}:{time.monotonic_ns()}",
            role=self.role,
            pid=os.getpid(),
            state=self.state,
            restarts=self.restarts,
            mailbox=sum(edge.depth for edge in self._outgoing.values()),
            rss_bytes=self._memory_use.share_bytes(),
            last_message_ns=self._last_message_ns,
            counters={**self._counters, **self._inbox.counters, **counters},
            gauges=gauges,
            latency_us={hop: histogram.counts for hop, histogram in list(self._latencies.items())},
            detail=detail,
        )
        if Heartbeat in self._edges:
            self.publish(message)
        else:
            self.hand_over(message)  # monitoring observes itself

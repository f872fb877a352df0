"""The template of every actor: receive, guard, handle, publish.

Thespian's traps are closed here, once: it runs a handler a second time when it raises (so nothing
escapes), and it turns a segmentation fault into an endless loop (so fault signals kill again).
"""

import os
import signal
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

import psutil
import thespian.actors as thespian

from openoutcry.actors.edge import ACKNOWLEDGE_EVERY, OutgoingEdge
from openoutcry.actors.process_logging import log_to
from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready, Wiring
from openoutcry.assembly.paths import RunPaths
from openoutcry.assembly.settings import Settings, decode_settings
from openoutcry.assembly.topology import EXECUTION, MEMORY, SUPERVISOR, Edge, edges_from
from openoutcry.domain.control import ActorState, Failure, Heartbeat, Start, Stop, Stopped
from openoutcry.domain.message import Message
from openoutcry.domain.units import NS_PER_US, TimestampNs
from openoutcry.monitoring.latency import LatencyHistogram

HEARTBEAT_INTERVAL: Final = timedelta(seconds=1)
# They take a message twice without harm, and must miss none: a successor gets what a dead one may not have.
RESENT_TO: Final = frozenset({EXECUTION, MEMORY})
_FAULT_SIGNALS: Final = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def wall_ns() -> TimestampNs:
    """The wall clock, for stamps."""
    return TimestampNs(time.time_ns())


class Actor(thespian.Actor):  # type: ignore[misc]  # Thespian has no types
    """An actor of the system. A subclass names its `role` and says what to build and how to handle.

    `configure` builds; `handle_X` takes a message of class X, and `handle` any other; `start` and `stop`
    begin and end work; `report` adds figures to the heartbeat. All of them run in the actor's own thread.
    """

    role: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.state: ActorState = "starting"
        self.settings: Settings
        self.run_dir: Path
        self.run_id = ""
        self.restarts = 0
        self._edges: dict[type[Message], tuple[Edge, ...]] = {}
        self._outgoing: dict[str, OutgoingEdge] = {}
        self._addresses: dict[str, Any] = {}
        self._incoming: dict[str, tuple[int, int]] = {}  # source -> (epoch, last sequence)
        self._latencies: dict[str, LatencyHistogram] = {}
        # A counter that begins at 0 lets its first event be seen as an increase.
        self._counters: dict[str, float] = {"actor_failures": 0, "actor_duplicates": 0}
        self._last_message_ns = TimestampNs(0)
        self._origin_ns = 0
        for each in _FAULT_SIGNALS:
            signal.signal(each, signal.SIG_DFL)

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

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """Counters, gauges and free detail for the heartbeat."""
        return {}, {}, {}

    def tick(self, now_ns: TimestampNs) -> None:
        """Called with every heartbeat."""

    # -- what a subclass calls -----------------------------------------------------------------

    def publish(self, message: Message) -> None:
        """Send a message along every edge that the table has for it."""
        now = time.monotonic_ns()
        self.transmit(message, now, self._origin_ns or now)

    def transmit(self, message: Message, created_ns: int, origin_ns: int) -> None:
        """Put a message on its edges, in the actor's own thread."""
        envelope = Envelope(self.role, self.restarts, 0, created_ns, origin_ns, message)
        routes = self._edges.get(type(message))
        if routes is None:
            raise TypeError(
                f"{self.role} may not send {type(message).__name__}: the table of edges has no such row"
            )
        for edge in routes:
            self._outgoing[edge.destination].offer(edge, envelope)

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
        return self._watch()

    def _watch(self) -> Any:
        return None

    def _admit(self, message: Any, sender: Any) -> None:
        match message:
            case Envelope():
                self._take(message)
            case Credit():
                if message.epoch == self.restarts and message.role in self._outgoing:
                    self._outgoing[message.role].credit(message.received)
            case thespian.WakeupMessage():
                self._beat()
            case Configure():
                self._configure(message, sender)
            case Wiring():
                self._wire(message.addresses)
            case thespian.ActorExitRequest():
                self.close()
            case _:
                self.receive_other(message, sender)

    def receive_other(self, message: Any, sender: Any) -> None:
        """Thespian's own messages, for those who care."""

    def close(self) -> None:
        """The process is about to end: release what it holds."""

    def _configure(self, message: Configure, sender: Any) -> None:
        self.run_id = message.run_id
        self.run_dir = Path(message.run_dir)
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
        self.send(sender, Ready(self.role, info))
        self.wakeupAfter(HEARTBEAT_INTERVAL)

    def _sender(self, destination: str) -> Callable[[Envelope], None]:
        def send(envelope: Envelope) -> None:
            self.send(self._addresses[destination], envelope)

        return send

    def _wire(self, addresses: dict[str, Any]) -> None:
        for role, address in addresses.items():
            known = self._addresses.get(role)
            if role == self.role or known == address:
                continue
            self._addresses[role] = address
            if role in self._outgoing:
                self._outgoing[role].reopen()
        self.rewired()

    def rewired(self) -> None:
        """Somebody was (re)started: whoever holds a truth that others need sends it again."""

    def _take(self, envelope: Envelope) -> None:
        epoch, last = self._incoming.get(envelope.source, (envelope.epoch, 0))
        if envelope.epoch > epoch:
            last = 0
        if envelope.epoch < epoch or envelope.sequence <= last:
            self.count("actor_duplicates")
            return
        self._incoming[envelope.source] = (envelope.epoch, envelope.sequence)
        self._last_message_ns = wall_ns()
        self.observe_latency(f"{envelope.source}>{self.role}", time.monotonic_ns() - envelope.sent_ns)
        self.dispatch(envelope)
        if envelope.sequence % ACKNOWLEDGE_EVERY == 0:
            self._acknowledge(envelope.source)

    def _acknowledge(self, source: str) -> None:
        epoch, sequence = self._incoming[source]
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
                    self._hand_over(message)
        finally:
            self._origin_ns = 0

    def _hand_over(self, message: Message) -> None:
        handler = getattr(self, f"handle_{type(message).__name__}", self.handle)
        handler(message, wall_ns())

    def _beat(self) -> None:
        self.wakeupAfter(HEARTBEAT_INTERVAL)
        for source in self._incoming:
            self._acknowledge(source)
        self.report_health()

    def report_health(self) -> None:
        """Let the role do what it does at every heartbeat, then send it."""
        self.tick(wall_ns())
        self.heartbeat()

    def heartbeat(self) -> None:
        """Tell monitoring how this actor is."""
        counters, gauges, detail = self.report()
        message = Heartbeat(
            id=f"heartbeat:{self.role}:{self.restarts}:{time.monotonic_ns()}",
            role=self.role,
            pid=os.getpid(),
            state=self.state,
            restarts=self.restarts,
            mailbox=sum(edge.depth for edge in self._outgoing.values()),
            rss_bytes=psutil.Process().memory_info().rss,
            last_message_ns=self._last_message_ns,
            counters={
                **self._counters,
                "edge_dropped": sum(edge.dropped for edge in self._outgoing.values()),
                "edge_conflated": sum(edge.conflated for edge in self._outgoing.values()),
                **counters,
            },
            gauges=gauges,
            latency_us={hop: histogram.counts for hop, histogram in list(self._latencies.items())},
            detail=detail,
        )
        if Heartbeat in self._edges:
            self.publish(message)
        else:
            self._hand_over(message)  # monitoring observes itself

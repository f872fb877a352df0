"""The trading floor: the live deciders in one process, in simulated time, without actors."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Final, Protocol

from openoutcry.assembly.topology import (
    EXECUTION,
    INGESTION,
    MEMORY,
    SUPERVISOR,
    Role,
    edges_from,
)
from openoutcry.domain.control import Halt, ReportPosition
from openoutcry.domain.decider import Decider
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.market import CandleClosed, MarketAlert, VenueStatus
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import (
    Accepted,
    Approved,
    CancelParent,
    Done,
    Fill,
    OrderIntent,
    PositionReport,
    Refused,
    Rejected,
)
from openoutcry.domain.units import TimestampNs
from openoutcry.execution.commands import Command, FundingSettled, VenueEvent
from openoutcry.execution.desk import ExecutionDesk
from openoutcry.execution.turn import Decision

# Which field of a message says when it happened: nobody may hear of it earlier.
_STAMPS: Final[dict[type[Message], Callable[[Any], int]]] = {
    CandleClosed: attrgetter("close_ns"),
    Classification: attrgetter("close_ns"),
    OrderIntent: attrgetter("event_ns"),
    **dict.fromkeys(
        (MarketAlert, VenueStatus, Signal, Refused, Accepted, Fill, Rejected, Done, PositionReport, Halt),
        attrgetter("at_ns"),
    ),
}
_FIRST: Final = 0  # what happens first of all that happens at one moment: the market
_THEN: Final = 1

_Receive = Callable[[Any], None]
VenueNews = VenueEvent | FundingSettled
_Event = tuple[int, int, int, Callable[[Any], None], Any]


class Venue(Protocol):
    """A simulated venue: takes commands when they arrive, and wakes when what rests may trade."""

    wake_ns: TimestampNs | None

    def take(self, command: Command, now_ns: TimestampNs) -> Sequence[VenueNews]:
        """Carry out a command."""
        ...

    def wake(self, now_ns: TimestampNs) -> Sequence[VenueNews]:
        """Tell what happened to what rests, and what was paid."""
        ...


class TradingFloor:
    """Carries messages between the deciders by the table of edges, and commands to the venue and back.

    Between deciders nothing takes time; a command reaches the venue `order_latency_ns` later, and its answer
    the desk after `report_latency_ns` more. Events happen in the order of their times, those of one time in
    the order in which they came about. What memory would have journaled goes to `remember`. A halt that a
    decider calls for is spread as the supervisor would.
    """

    def __init__(
        self,
        *,
        deciders: dict[Role, Decider],
        execution: ExecutionDesk,
        venue: Venue,
        order_latency_ns: int,
        report_latency_ns: int,
        remember: Callable[[Message], None],
    ) -> None:
        """Wire the roles that are there; `deciders` are of strategy, risk and, if asked, classification."""
        self.now_ns = TimestampNs(0)
        self.halt_reason = ""
        self._execution = execution
        self._venue = venue
        self._order_latency_ns, self._report_latency_ns = order_latency_ns, report_latency_ns
        self._events: list[_Event] = []
        self._pushed = 0
        self._timer_ns: int | None = None
        self._wake_ns: int | None = None
        self._letters: deque[tuple[_Receive, Message]] = deque()
        receivers: dict[Role, _Receive] = {role: self._asker(role, each) for role, each in deciders.items()}
        receivers |= {EXECUTION: self._execute, SUPERVISOR: self._supervise, MEMORY: remember}
        self._routes = {role: _routes(role, receivers) for role in (*receivers, INGESTION)}

    # --- the market ---------------------------------------------------------------------------------------

    def open(self, symbols: Sequence[str], venue: str, now_ns: TimestampNs) -> None:
        """Begin: the journal is taken up, risk learns what is held, and that feeds of `symbols` are live."""
        self.now_ns = now_ns
        self._perform(self._execution.restore(now_ns))
        for symbol in symbols:
            self.publish(
                INGESTION,
                VenueStatus(
                    id=f"status:{symbol}", venue=venue, symbol=symbol, state="live", reason="", at_ns=now_ns
                ),
            )
        self._deliver()

    def show(self, candle: CandleClosed) -> bool:
        """Let everything happen up to a candle's close, then show it; False if trading was halted before."""
        self.run_until(candle.close_ns)
        if self.halt_reason:
            return False
        self.publish(INGESTION, candle)
        self._deliver()
        return True

    def tell(self, messages: Iterable[Message]) -> None:
        """Let the feed tell what it has come to know by now, message after message."""
        for message in messages:
            self.publish(INGESTION, message)
            self._deliver()

    def hear(self, events: Sequence[VenueNews]) -> None:
        """Let the venue report what the market did to our orders now; it is known a latency later."""
        self._report(events)

    def settle(self, until_ns: int) -> None:
        """Let orders under way come to their ends, or to a moment."""
        while self._events and self._events[0][0] <= until_ns and not self._execution.is_settled:
            self._next()

    def run_until(self, at_ns: TimestampNs) -> None:
        """Let happen what is due up to a moment, which is then the present."""
        events = self._events
        while events and events[0][0] <= at_ns:
            self._next()
        self.now_ns = max(self.now_ns, at_ns)

    def stop(self) -> None:
        """Begin to end: what rests is to be withdrawn, and nothing new is sent."""
        self._perform(self._execution.on_stop(self.now_ns))
        self._deliver()

    def close(self) -> None:
        """End: what rests is withdrawn, and every answer is awaited."""
        self.stop()
        while self._events:
            self._next()

    @property
    def next_ns(self) -> int | None:
        """When something is due next; None if nothing is."""
        return self._events[0][0] if self._events else None

    # --- messages -----------------------------------------------------------------------------------------

    def publish(self, source: Role, message: Message) -> None:
        """Send a message to whom the table of edges names; they receive it in turn.

        Raises:
            TypeError: the table has no such row.
            InvalidInputError: it tells of a moment that has not come.
        """
        kind = type(message)
        receivers = self._routes[source].get(kind)
        if receivers is None:
            raise TypeError(f"{source} sends no {kind.__name__}; add a row to assembly/topology.py")
        stamp = _STAMPS.get(kind)
        if stamp is not None and stamp(message) > self.now_ns:
            raise InvalidInputError(
                f"{message.id} of {source} tells of {stamp(message)} ns at {self.now_ns} ns: "
                "a decider looked ahead; correct it"
            )
        for receive in receivers:
            self._letters.append((receive, message))

    def _deliver(self) -> None:
        letters = self._letters
        while letters:
            receive, message = letters.popleft()
            receive(message)

    def _asker(self, role: Role, decider: Decider) -> _Receive:
        decide, publish = decider.decide, self.publish

        def receive(message: Message) -> None:
            for answer in decide(message, self.now_ns):
                publish(role, answer)

        return receive

    def _supervise(self, message: Message) -> None:
        if isinstance(message, Halt) and not self.halt_reason:
            self.halt_reason = message.reason
            self.publish(SUPERVISOR, message)

    def _execute(self, message: Message) -> None:
        match message:
            case Approved():
                self._perform(self._execution.on_approved(message, self.now_ns))
            case ReportPosition():
                report = self._execution.position_report(message.symbol, self.now_ns)
                self.publish(EXECUTION, report)
            case CancelParent():
                self._perform(self._execution.on_cancel(message, self.now_ns))
            case Halt():
                self._perform(self._execution.on_halt(message, self.now_ns))

    def _perform(self, decision: Decision) -> None:
        for message in decision.messages:
            self.publish(EXECUTION, message)
        for command in decision.commands:
            self._at(self.now_ns + self._order_latency_ns, self._arrive, command)
        due_ns = self._execution.next_timer_ns
        if due_ns is not None and due_ns != self._timer_ns:
            self._at(max(due_ns, self.now_ns), self._on_timer, due_ns)
        self._timer_ns = due_ns

    # --- events -------------------------------------------------------------------------------------------

    def _at(self, at_ns: int, act: _Receive, what: object, rank: int = _THEN) -> None:
        self._pushed += 1
        heappush(self._events, (at_ns, rank, self._pushed, act, what))

    def _next(self) -> None:
        at_ns, _rank, _pushed, act, what = heappop(self._events)
        self.now_ns = TimestampNs(at_ns)
        act(what)
        self._deliver()

    def _arrive(self, command: Command) -> None:
        self._report(self._venue.take(command, self.now_ns))

    def _wake(self, due_ns: int) -> None:
        if due_ns == self._wake_ns:  # else what it was for has been withdrawn
            self._wake_ns = None
            self._report(self._venue.wake(self.now_ns))

    def _report(self, events: Sequence[VenueNews]) -> None:
        for event in events:
            self._at(self.now_ns + self._report_latency_ns, self._learn, event)
        wake_ns = self._venue.wake_ns
        if wake_ns is not None and wake_ns != self._wake_ns:
            self._at(wake_ns, self._wake, wake_ns, _FIRST)
        self._wake_ns = wake_ns

    def _learn(self, event: VenueNews) -> None:
        if isinstance(event, FundingSettled):
            self._perform(self._execution.on_funding(event, self.now_ns))
        else:
            self._perform(self._execution.on_venue_event(event, self.now_ns))

    def _on_timer(self, due_ns: int) -> None:
        if due_ns == self._timer_ns:  # else it was put off, or has been done
            self._timer_ns = None
            self._perform(self._execution.on_timer(self.now_ns))


def _routes(source: Role, receivers: dict[Role, _Receive]) -> dict[type[Message], tuple[_Receive, ...]]:
    """Who of those that are there receives what from a role."""
    return {
        kind: tuple(receivers[edge.destination] for edge in edges if edge.destination in receivers)
        for kind, edges in edges_from(source).items()
    }

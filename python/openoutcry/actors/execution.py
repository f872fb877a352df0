"""The execution actor: approved orders in; orders at the venue, and the news of them, out."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from openoutcry.actors.actor import wall_ns
from openoutcry.actors.figures import account_gauges
from openoutcry.actors.loop_actor import LoopActor
from openoutcry.assembly import factory
from openoutcry.assembly.paths import halt_latch
from openoutcry.assembly.topology import EXECUTION
from openoutcry.domain.control import Halt, ReportPosition
from openoutcry.domain.errors import AmbiguousResultError, AuthenticationError, HaltedError, VenueError
from openoutcry.domain.message import Message
from openoutcry.domain.orders import Accepted, Approved, CancelParent, Done, Fill, Rejected
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, TimestampNs
from openoutcry.execution.commands import (
    CancelOrder,
    Command,
    FundingSettled,
    OrderAbsent,
    OrderReport,
    QueryOrder,
    SubmitFailed,
    SubmitOrder,
    VenueEvent,
)
from openoutcry.execution.reconcile import reconcile
from openoutcry.execution.records import records_of
from openoutcry.execution.turn import Decision

CONNECT_TIMEOUT_S: Final = 20.0
CONNECT_BACKOFF_FIRST_S: Final = 0.25
CONNECT_BACKOFF_MAX_S: Final = 10.0
SETTLE_TIMEOUT_S: Final = 15.0
SETTLE_POLL_S: Final = 0.05
RECONCILE_ATTEMPTS: Final = 5
HELD_MESSAGES_MAX: Final = 1024
HALT_POLL_S: Final = 0.02  # to withdraw what rests; nothing is sent from the moment the flag is set

_COUNTED: Final[dict[type[Message], str]] = {
    Accepted: "orders_accepted",
    Rejected: "orders_rejected",
    Done: "orders_done",
    Fill: "fills",
}

_Answer = TypeVar("_Answer")

_log = structlog.get_logger("openoutcry.execution")


class ExecutionActor(LoopActor):
    """One a venue account. The desk decides; this carries its commands to the venue and brings back answers.

    The order journal is written by the desk, in this process: an intent is durable before its order is sent.
    """

    role = EXECUTION

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._is_halted = False
        self._counters |= dict.fromkeys(("orders", "child_orders", *_COUNTED.values()), 0)
        self._held: list[Message] = []
        self._late: dict[str, str] = {}  # approvals that the guard refused, by id, and why
        self._origins: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._state_of_connection = "connecting"
        self._settled = asyncio.Event()
        self._opened = asyncio.Event()

    def configure(self) -> dict[str, str]:
        """Read the venue's rules."""
        self.latch = halt_latch(self.settings)
        self.instruments = factory.instruments(self.run_dir)
        factory.load_venue_client()
        return {}

    async def run(self) -> None:
        """Connect, take up what the journal holds, then follow the venue until cancelled."""
        self.journal = factory.order_journal(self.settings, self.run_dir)  # SQLite: of this thread only
        self.adapter = factory.trading(self.settings)
        try:
            balances = await self._until_answered(self.adapter.balances)
            self.desk = factory.execution_desk(
                self.settings,
                self.run_id,
                rules=self.instruments,
                journal=self.journal,
                opening_balances=balances,
                latch=self.latch,
            )
            self._perform(self.desk.restore(wall_ns()))
            await self._refuse_strangers()
            self._is_open = True
            self._opened.set()
            self.spawn(self._watch_halt(), "halt")
            held, self._held = self._held, []
            for message in held:
                if self.state == "running" or not isinstance(message, Approved):
                    self.handle(message, wall_ns())
            await asyncio.gather(
                *(
                    self.adapter.stream_reports(symbol, self._on_report, self._on_gap)
                    for symbol in self.instruments
                )
            )
        finally:
            await self.adapter.close()
            self.journal.close()

    async def _until_answered(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask the venue until it answers: nothing can be traded before, and dying would not help."""
        wait_s = CONNECT_BACKOFF_FIRST_S
        while True:
            try:
                return await ask()
            except AuthenticationError:
                raise
            except VenueError as error:
                _log.warning("the venue does not answer", reason=str(error), next_try_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, CONNECT_BACKOFF_MAX_S)

    async def _refuse_strangers(self) -> None:
        """Open orders that the journal does not know may be anybody's: nothing is traded beside them."""
        known = {child.id for child in self.desk.children()}
        for symbol in self.instruments:
            for order in await self._until_answered(partial(self.adapter.open_orders, symbol)):
                if order.client_order_id not in known:
                    self._perform(
                        self.desk.record_reconciliation(
                            (f"open order {order.client_order_id} of {symbol} is not in the journal",),
                            wall_ns(),
                        )
                    )

    # -- from the other actors -----------------------------------------------------------------

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Take a message, or hold it until the venue is connected."""
        if not self._is_open:
            if len(self._held) >= HELD_MESSAGES_MAX:
                raise RuntimeError(f"execution is not connected and holds {HELD_MESSAGES_MAX} messages")
            self._held.append(message)
            return
        match message:
            case Approved():
                if not self.journal.knows_parent(message.id):
                    self._origins[message.id] = self._origin_ns
                    self.count("orders")
                self._perform(self.desk.on_approved(message, now_ns, refusal=self._late.pop(message.id, "")))
            case CancelParent():
                self._perform(self.desk.on_cancel(message, now_ns))
            case Halt():
                self._take_halt(message, now_ns)
            case ReportPosition():
                self.publish(self.desk.position_report(message.symbol, now_ns))
            case _:
                super().handle(message, now_ns)

    def refuse(self, message: Message, reason: str, now_ns: TimestampNs) -> None:
        """An approval that came too late is ended, so that risk frees what it had reserved for it."""
        if isinstance(message, Approved):
            self._late[message.id] = reason
            self.handle(message, now_ns)

    async def _watch_halt(self) -> None:
        """A halt may be armed from outside, by a process that sends no message: withdraw what rests."""
        while not self._is_halted:
            await asyncio.sleep(HALT_POLL_S)
            self._guarded("halt", self._look_at_halt)

    def _look_at_halt(self) -> None:
        now_ns = wall_ns()
        if not self._is_halted and self.latch.is_armed():
            record = self.latch.read()
            reason = record.reason if record is not None else "armed"
            self._take_halt(Halt(id=f"halt:{now_ns}", reason=reason, by="latch", at_ns=now_ns), now_ns)

    def _take_halt(self, halt: Halt, now_ns: TimestampNs) -> None:
        self._is_halted = True
        self._perform(self.desk.on_halt(halt, now_ns))

    def rewired_on_loop(self) -> None:
        """Tell whoever is new what is held."""
        if self._is_open:
            for symbol in self.instruments:
                self.publish(self.desk.position_report(symbol, wall_ns()))

    # -- to the venue and back -----------------------------------------------------------------

    def _perform(self, decision: Decision) -> None:
        for message in decision.messages:
            if (name := _COUNTED.get(type(message))) is not None:
                self.count(name)
            if isinstance(message, Fill):
                self.count(f"fees:{message.fee_asset}", message.fee_atoms / ATOMS_PER_UNIT)
            self.publish(message)
        for command in decision.commands:
            self.spawn(self._carry_out(command))
        if self.desk.is_settled:
            self._settled.set()
        else:
            self._settled.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ns = self.desk.next_timer_ns
        if due_ns is None:
            self._timer = None
        else:
            self._timer = self.loop.call_later(max(0, due_ns - wall_ns()) / NS_PER_S, self._on_timer)

    def _on_timer(self) -> None:
        self._guarded("timer", lambda: self._perform(self.desk.on_timer(wall_ns())))

    def _on_report(self, report: OrderReport) -> None:
        self._guarded("execution report", lambda: self._learn(report))

    def _on_gap(self) -> None:
        if self._state_of_connection == "live":
            self.count("reconnects")
        self._state_of_connection = "live"
        self._guarded("user stream", lambda: self._perform(self.desk.on_stream_gap(wall_ns())))

    def _learn(self, event: VenueEvent) -> None:
        self._perform(self.desk.on_venue_event(event, wall_ns()))

    def _guarded(self, what: str, act: Any) -> None:
        """Callbacks of the loop and the adapter: an error is reported like a handler's."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  see above
            self.fail(what, error)

    async def _carry_out(self, command: Command) -> None:
        match command:
            case SubmitOrder():
                await self._submit(command)
            case CancelOrder():
                await self._cancel(command)
            case QueryOrder():
                await self._query(command)

    async def _submit(self, order: SubmitOrder) -> None:
        try:
            self.latch.permit()  # the last look before the socket, in the core
        except HaltedError as error:
            self._learn(self._failed(order, ambiguous=False, code=0, reason=str(error)))
            return
        origin_ns = self._origins.pop(order.parent_id, 0)
        sent_ns = time.monotonic_ns()
        if origin_ns:
            self.observe_latency("candle>order", sent_ns - origin_ns)
        self.count("child_orders")
        try:
            report = await self.adapter.submit(order)
        except AmbiguousResultError as error:
            self._learn(self._failed(order, ambiguous=True, code=error.code or 0, reason=str(error)))
        except VenueError as error:
            self._learn(self._failed(order, ambiguous=False, code=error.code or 0, reason=str(error)))
        else:
            self.observe_latency("order>venue", time.monotonic_ns() - sent_ns)
            self._learn(report)

    def _failed(
        self, order: SubmitOrder | QueryOrder, *, ambiguous: bool, code: int, reason: str
    ) -> SubmitFailed:
        _log.warning("no answer", client_order_id=order.client_order_id, ambiguous=ambiguous, reason=reason)
        return SubmitFailed(
            client_order_id=order.client_order_id,
            ambiguous=ambiguous,
            code=code,
            reason=reason,
            at_ns=wall_ns(),
        )

    async def _cancel(self, order: CancelOrder) -> None:
        try:
            report = await self.adapter.cancel(order)
        except VenueError as error:
            # Refused (it may have been filled meanwhile) or unanswered: the venue is asked either way.
            _log.info("cancel unanswered", client_order_id=order.client_order_id, reason=str(error))
            await self._query(QueryOrder(symbol=order.symbol, client_order_id=order.client_order_id))
        else:
            self._learn(report)

    async def _query(self, query: QueryOrder) -> None:
        try:
            report = await self.adapter.query(query.symbol, query.client_order_id)
            if report is None:
                server_ns = await self.adapter.server_time_ns()
                self._learn(OrderAbsent(client_order_id=query.client_order_id, server_ns=server_ns))
                return
            for fill in await self.adapter.fills(query.symbol, query.client_order_id):
                self._learn(fill)
            self._learn(report)
        except VenueError as error:  # no answer is no news: the desk asks again when its time has come
            self._learn(self._failed(query, ambiguous=True, code=error.code or 0, reason=str(error)))

    # -- the end -------------------------------------------------------------------------------

    async def finish(self, reason: str) -> int:
        """Withdraw what rests, wait for the last word on every order, and compare with the venue."""
        del reason
        try:
            await asyncio.wait_for(self._opened.wait(), CONNECT_TIMEOUT_S)
        except TimeoutError:  # a predecessor's orders may rest: nobody could ask
            self.cancel_work()
            return 1
        self._perform(self.desk.on_stop(wall_ns()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), SETTLE_TIMEOUT_S)
        discrepancies = await self._reconcile()
        self._perform(self.desk.record_reconciliation(discrepancies, wall_ns()))
        return len({*self.desk.unreconciled(), *discrepancies})

    async def _reconcile(self) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for attempt in range(RECONCILE_ATTEMPTS):
            try:
                found = await self._compare()
            except VenueError as error:
                found = (f"the venue could not be asked: {error}",)
            if not found:
                break
            await asyncio.sleep(SETTLE_POLL_S * 2**attempt)  # a report may still be on its way
        return found

    async def _compare(self) -> tuple[str, ...]:
        children = [child.fold for child in self.desk.children()]
        venue_fills = [
            fill
            for child in children
            for fill in await self.adapter.fills(child.order.symbol, child.order.client_order_id)
        ]
        venue_open = [
            order for symbol in self.instruments for order in await self.adapter.open_orders(symbol)
        ]
        records = [record for record, _ in records_of(self.journal.entries())]
        discrepancies = reconcile(
            instruments=self.instruments,
            opening_balances=self.desk.opening_balances,
            journal_fills=[record for record in records if isinstance(record, Fill)],
            journal_funding=[record for record in records if isinstance(record, FundingSettled)],
            ledger=self.desk.ledger,
            orders=children,
            venue_open=venue_open,
            venue_fills=venue_fills,
            venue_balances=await self.adapter.balances(),
        )
        return tuple(str(each) for each in discrepancies)

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """Positions and orders, for the screen and the metrics."""
        if not self._is_open:
            return {}, {}, {"connection": self._state_of_connection}
        ledger = self.desk.ledger
        positions = {
            symbol: {
                "position_lots": ledger.position_lots(symbol),
                "cash_atoms": ledger.cash_atoms(symbol),
                "fees_quote_atoms": ledger.fees_quote_atoms(symbol),
                "realised_atoms": ledger.realised_atoms(symbol),
                "average_price_ticks": ledger.average_price_ticks(symbol),
            }
            for symbol in self.instruments
        }
        orders = [
            {
                "client_order_id": child.id,
                "side": child.fold.order.side,
                "price_ticks": child.fold.order.price_ticks,
                "size_lots": child.fold.order.size_lots,
                "filled_lots": child.fold.filled_lots,
                "state": child.fold.state,
            }
            for child in list(self.desk.children())[-12:]
        ]
        detail = {
            "connection": self._state_of_connection,
            "is_settled": self.desk.is_settled,
            "halted": self.latch.is_armed(),
            "positions": positions,
            "orders": orders,
        }
        gauges = account_gauges(ledger, self.instruments, (child.fold for child in self.desk.children()))
        gauges["halted"] = float(self.latch.is_armed())
        gauges["unreconciled"] = float(len(self.desk.unreconciled()))
        return {}, gauges, detail

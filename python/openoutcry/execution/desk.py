"""The execution desk: approved orders in, commands to the venue and news for the others out."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from openoutcry.domain.control import Halt
from openoutcry.domain.errors import HaltedError, InvalidInputError, JournalError, VenueError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Approved, CancelParent, OrderState, PositionReport
from openoutcry.domain.units import NS_PER_MS, TimestampNs
from openoutcry.execution import schedule
from openoutcry.execution.commands import (
    CancelOrder,
    CancelReason,
    FundingSettled,
    OrderAbsent,
    OrderReport,
    QueryOrder,
    SubmitFailed,
    SubmitOrder,
    VenueEvent,
)
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.news import accepted_of, done_of, fill_of, position_of, rejected_of
from openoutcry.execution.parent import (
    MAX_REJECTS_PER_PARENT,
    NEVER_NS,
    Child,
    NextChild,
    ParentOrder,
    check_deployment_id,
    client_order_id,
)
from openoutcry.execution.record_store import RecordsInMemory, store_of
from openoutcry.execution.records import (
    Answered,
    BalancesOpened,
    CancelIntended,
    ChildIntended,
    ParentClosing,
    ParentPlanned,
    Reconciled,
    Slice,
    StateChanged,
)
from openoutcry.execution.roster import Roster
from openoutcry.execution.turn import Decision, DeskSettings, Turn
from openoutcry.memory.order_journal import OrderJournal

MAX_LIVE_PARENTS: Final = 64
MAX_RESTATED_DONE: Final = 64
"""After a restart so many orders' ends are told again: their messages may have died with the process."""


class ExecutionDesk:
    """Slices approved orders, follows their children, and keeps the account's ledger.

    Synchronous and told the time. Every handler writes the journal before it returns a command. If the
    journal fails, nothing new is ever sent again: what rests is withdrawn, fills are still counted, a Halt
    is told.
    """

    def __init__(
        self,
        *,
        deployment_id: str,
        venue: str,
        instruments: Mapping[str, Instrument],
        journal: OrderJournal | RecordsInMemory,
        opening_balances: Mapping[str, int],
        settings: DeskSettings | None = None,
        is_halted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Set up; `restore` comes before everything else.

        `opening_balances` (atoms by asset) count only if the journal is new. `deployment_id` must be new for
        a new journal: with the parents' ids it makes the order ids, which a venue wants to see only once.
        `is_halted` is asked at each step of a parent, and once more before each child.

        Raises:
            ConfigurationError: the deployment id cannot begin an order id.
        """
        self._deployment_id = check_deployment_id(deployment_id)
        self._venue = venue
        self._instruments = dict(instruments)
        self._records = store_of(journal)
        self._settings = settings or DeskSettings()
        self._is_halted = is_halted
        self._roster = Roster(instruments, opening_balances)
        self._unsettled: dict[str, Child] = {}
        self._contradictions: list[str] = []
        self._halted = self._stopping = self._restored = False
        self._now_ns = TimestampNs(0)

    # --- inputs -------------------------------------------------------------------------------------------

    def restore(self, now_ns: TimestampNs) -> Decision:
        """Take up what the journal holds; to be called once, first, also on a new journal.

        Children without a last word become UNKNOWN and are queried (the actor feeds the answer and the
        order's fills back), unfinished parents go on with what remains before their deadline. The ends of
        recent parents and the position are told again, since their messages may not have arrived.

        Raises:
            JournalError: the journal's content contradicts itself.
        """
        fresh = True
        for record, at_ns in self._records.read():
            fresh = False
            self._roster.replay(record, at_ns)
        self._restored = True
        self._roster.last_hop.guard(self._is_halted)
        turn = self._turn(now_ns)
        if fresh:
            turn.records.append(BalancesOpened(balances=self._roster.opening_balances))
        done = [parent.done for parent in self._roster.done.values() if parent.done]
        turn.messages += done[-MAX_RESTATED_DONE:]
        for child_id, (_parent, child) in self._roster.children.items():
            if child.fold.is_settled:
                continue
            self._unsettled[child_id] = child
            child.is_answered, child.fence_ns = True, max(child.fence_ns, now_ns)
            self._change(child, "UNKNOWN", "restart", turn)
            self._ask(child, turn)
        self._advance_all(turn)
        turn.messages += [self.position_report(symbol, now_ns) for symbol in self._instruments]
        return self._finish(turn)

    def on_approved(self, approved: Approved, now_ns: TimestampNs, *, refusal: str = "") -> Decision:
        """Take on an approved order; the same one again changes nothing. One with a `refusal` ends at once.

        Raises:
            TypeError: it is not an `Approved`. Nothing else is ever executed.
        """
        if type(approved) is not Approved:
            raise TypeError(f"execution takes Approved and nothing else, not {type(approved).__name__}")
        turn = self._turn(now_ns)
        known = (
            approved.id in self._roster.live
            or approved.id in self._roster.done
            or self._records.knows_parent(approved.id)
        )
        if known:  # its end is told again: the approval may have come twice because that news was lost
            ended = self._roster.done.get(approved.id)
            return Decision((), (ended.done,) if ended is not None and ended.done else ())
        order, refusal = approved.order, refusal or self._refusal(approved, now_ns)
        slices: tuple[Slice, ...] = ()
        if not refusal:
            slices = schedule.plan(
                approved.id,
                order,
                self._instruments[order.symbol],
                now_ns,
                slice_interval_ns=self._settings.slice_interval_ns,
                jitter=self._settings.slice_jitter,
            )
        planned = ParentPlanned(approved=approved, slices=slices)
        parent = self._roster.take_on(planned)
        turn.records.append(planned)
        if refusal:
            self._close(parent, refusal, turn)
        self._advance(parent, turn)
        return self._finish(turn)

    def on_cancel(self, cancel: CancelParent, now_ns: TimestampNs) -> Decision:
        """End a parent order; one that is over or unknown stays as it is."""
        turn = self._turn(now_ns)
        parent = self._roster.live.get(cancel.parent_id)
        if parent is not None:
            self._close(parent, "canceled", turn)
            self._advance(parent, turn)
        return self._finish(turn)

    def on_halt(self, _halt: Halt, now_ns: TimestampNs) -> Decision:
        """Withdraw what rests and send nothing new, until `resume`."""
        turn = self._turn(now_ns)
        self._halted = True
        self._hurry(turn)
        self._advance_all(turn)
        return self._finish(turn)

    def resume(self) -> None:
        """An operator lifted the halt: new orders are taken again (orders ended by it stay ended)."""
        self._halted = False

    def on_stop(self, now_ns: TimestampNs) -> Decision:
        """Withdraw what rests and send nothing new; `is_settled` says when all is accounted for."""
        turn = self._turn(now_ns)
        self._stopping = True
        self._hurry(turn)
        self._advance_all(turn)
        return self._finish(turn)

    def on_stream_gap(self, now_ns: TimestampNs) -> Decision:
        """Reports may have been lost: ask about every child without a last word."""
        turn = self._turn(now_ns)
        for child in self._unsettled.values():
            self._ask(child, turn)
        return self._finish(turn)

    def on_venue_event(self, event: VenueEvent, now_ns: TimestampNs) -> Decision:
        """Learn what the venue (or the way to it) said about a child."""
        turn = self._turn(now_ns)
        known = self._roster.children.get(event.client_order_id)
        if known is None:
            self._on_stranger(event, turn)
            return self._finish(turn)
        parent, child = known
        match event:
            case OrderReport():
                self._on_report(parent, child, event, turn)
            case SubmitFailed():
                self._on_failure(parent, child, event, turn)
            case OrderAbsent():
                self._on_absent(parent, child, event, turn)
        self._follow(parent, child, turn)
        return self._finish(turn)

    def on_funding(self, funding: FundingSettled, now_ns: TimestampNs) -> Decision:
        """Book a contract's funding, once, and tell what is held since."""
        turn = self._turn(now_ns)
        if self.ledger.fund(funding):
            turn.records.append(funding)
            turn.messages.append(self.position_report(funding.symbol, now_ns))
        return self._finish(turn)

    def on_timer(self, now_ns: TimestampNs) -> Decision:
        """Do what is due: slices, deadlines, questions to the venue."""
        turn = self._turn(now_ns)
        for child in [each for each in self._unsettled.values() if each.query_at_ns <= now_ns]:
            self._ask(child, turn)
        self._advance_all(turn)
        return self._finish(turn)

    # --- what the desk can be asked -----------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """Balances, position, fees, profit and loss."""
        return self._roster.ledger

    @property
    def opening_balances(self) -> Mapping[str, int]:
        """The balances in atoms by asset with which the journal began."""
        return self._roster.opening_balances

    @property
    def next_timer_ns(self) -> TimestampNs | None:
        """When `on_timer` is next of use; None if nothing waits for a time."""
        first_ns = NEVER_NS
        for child in self._unsettled.values():
            first_ns = min(first_ns, child.query_at_ns)
        for parent in self._roster.live.values():
            if not parent.closing:
                first_ns = min(
                    first_ns, parent.next_slice_ns(self._now_ns), parent.approved.order.deadline_ns
                )
        return TimestampNs(first_ns) if first_ns < NEVER_NS else None

    @property
    def is_settled(self) -> bool:
        """No parent is under way, and every lot of every child is accounted for."""
        return not self._roster.live and not self._unsettled

    @property
    def failure(self) -> str:
        """Why the journal failed, or an empty string."""
        return self._records.failure

    def unreconciled(self) -> tuple[str, ...]:
        """The orders that cannot be accounted for, and contradictions of the venue; empty is well."""
        orders = [f"{child_id} is {child.fold.state}" for child_id, child in self._unsettled.items()]
        return (*orders, *self._contradictions)

    def children(self) -> Iterator[Child]:
        """Every child the desk remembers, oldest first."""
        return (child for _parent, child in self._roster.children.values())

    def position_report(self, symbol: str, now_ns: TimestampNs) -> PositionReport:
        """The ledger's and the live orders' figures. Raises InvalidInputError for an unknown symbol."""
        return position_of(
            f"{self._deployment_id}:{symbol}:position:{now_ns}",
            symbol,
            self.ledger,
            self._roster.live.values(),
            now_ns,
        )

    def record_reconciliation(self, discrepancies: tuple[str, ...], now_ns: TimestampNs) -> Decision:
        """Journal the outcome of a reconciliation; any discrepancy halts."""
        turn = self._turn(now_ns)
        turn.records.append(Reconciled(discrepancies=discrepancies))
        if discrepancies:
            self._halt(f"{len(discrepancies)} discrepancies with the venue: {discrepancies[0]}", turn)
        return self._finish(turn)

    # --- a turn -------------------------------------------------------------------------------------------

    def _turn(self, now_ns: TimestampNs) -> Turn:
        if not self._restored:
            raise InvalidInputError("the desk was not restored from its journal; call restore() first")
        self._now_ns = now_ns
        return Turn(now_ns)

    def _finish(self, turn: Turn) -> Decision:
        """Make the turn durable, then give out what it leads to."""
        if turn.records and not self.failure:
            try:
                self._records.write(turn.records, turn.now_ns)
            except JournalError as error:
                self._on_journal_failure(turn, str(error))
        for child in turn.sent:
            child.fold.turn("SUBMITTED")
        return Decision(tuple(turn.commands), tuple(turn.messages))

    def _on_journal_failure(self, turn: Turn, error: str) -> None:
        """Send nothing that is not durable; withdraw what rests; tell everybody."""
        for child in turn.sent:  # never handed over, and never will be
            child.fold.turn("REJECTED")
            child.is_absent = True
            self._roster.children[child.id][0].count(child)
            self._unsettled.pop(child.id, None)
        turn.sent.clear()
        turn.commands = [command for command in turn.commands if not isinstance(command, SubmitOrder)]
        self._halt(error, turn)

    def _halt(self, reason: str, turn: Turn) -> None:
        halt_id = f"{self._deployment_id}:halt:{turn.now_ns}:{len(self._contradictions)}"
        turn.messages.append(Halt(id=halt_id, reason=reason, by="execution", at_ns=turn.now_ns))
        self._halted = True
        self._advance_all(turn)

    def _contradict(self, text: str, turn: Turn) -> None:
        """The venue (or this program) contradicts itself: halt, and keep it as unreconciled."""
        self._contradictions.append(text)
        turn.records.append(Reconciled(discrepancies=(text,)))
        self._halt(text, turn)

    # --- parents ------------------------------------------------------------------------------------------

    def _refusal(self, approved: Approved, now_ns: TimestampNs) -> str:
        order = approved.order
        if self._halted or self._is_halted() or self.failure:
            return "halt"
        if self._stopping:
            return "stop"
        if now_ns >= order.deadline_ns:
            return "expired"
        if order.symbol not in self._instruments:
            return "unknown_symbol"
        return "too_many_orders" if len(self._roster.live) >= MAX_LIVE_PARENTS else ""

    def _close(self, parent: ParentOrder, reason: str, turn: Turn) -> None:
        if not parent.closing:
            parent.closing = reason
            symbol = parent.approved.order.symbol
            turn.records.append(ParentClosing(symbol=symbol, parent_id=parent.id, reason=reason))

    def _closing_reason(self, parent: ParentOrder, now_ns: int) -> str:
        if self.failure:
            return "journal_failed"
        if self._halted or self._is_halted():
            return "halt"
        if self._stopping:
            return "stop"
        if now_ns >= parent.approved.order.deadline_ns:
            return "expired"
        return "rejected" if parent.rejects >= MAX_REJECTS_PER_PARENT else ""

    def _advance_all(self, turn: Turn) -> None:
        for parent in tuple(self._roster.live.values()):
            self._advance(parent, turn)

    def _advance(self, parent: ParentOrder, turn: Turn) -> None:
        """Take a parent's next step: withdraw, wait, send or end. Safe to call at any time."""
        if parent.done:
            return
        reason = parent.closing or self._closing_reason(parent, turn.now_ns)
        if reason:
            self._close(parent, reason, turn)
        due = parent.due_index(turn.now_ns)
        child = parent.unsettled
        if child is not None:
            if parent.closing:
                self._withdraw(child, parent.cancel_reason, turn)
            elif child.slice_index < due:
                self._withdraw(child, "slice_ended", turn)
            return
        if not parent.closing:
            largest = self._instruments[parent.approved.order.symbol].max_size_lots
            wanted = parent.next_child(turn.now_ns, largest)
            if wanted is not None:
                self._send(parent, wanted, turn)
                return
            if due < len(parent.slices) - 1 and parent.filled_lots < parent.approved.order.size_lots:
                return
        self._end(parent, turn)

    def _end(self, parent: ParentOrder, turn: Turn) -> None:
        done = done_of(parent, turn.now_ns)
        turn.records.append(done)
        turn.messages.append(done)
        self._roster.retire(parent, done)

    # --- children -----------------------------------------------------------------------------------------

    def _send(self, parent: ParentOrder, wanted: NextChild, turn: Turn) -> None:
        approved = parent.approved.order
        order_id = client_order_id(self._deployment_id, parent.id, wanted.slice_index, wanted.attempt)
        order = SubmitOrder(
            symbol=approved.symbol,
            client_order_id=order_id,
            parent_id=parent.id,
            side=approved.side,
            price_ticks=approved.limit_price_ticks,
            size_lots=wanted.size_lots,
            time_in_force=wanted.time_in_force,
        )
        intended = ChildIntended(order=order, slice_index=wanted.slice_index, attempt=wanted.attempt)
        try:
            child = self._roster.add_child(parent, intended, turn.now_ns)
        except HaltedError:  # armed since this step began
            self._close(parent, "halt", turn)
            self._end(parent, turn)
            return
        except InvalidInputError as error:
            self._contradict(str(error), turn)
            return
        child.query_at_ns = turn.now_ns + self._settings.answer_timeout_ns
        self._unsettled[child.id] = child
        turn.records.append(intended)
        turn.commands.append(order)
        turn.sent.append(child)

    def _withdraw(self, child: Child, reason: CancelReason, turn: Turn) -> None:
        if child.cancel_sent or not child.fold.rests:
            return
        child.cancel_sent = True
        child.query_at_ns = turn.now_ns + self._settings.answer_timeout_ns
        order = child.fold.order
        command = CancelOrder(symbol=order.symbol, client_order_id=child.id, reason=reason)
        turn.records.append(CancelIntended(parent_id=order.parent_id, command=command))
        turn.commands.append(command)

    def _ask(self, child: Child, turn: Turn) -> None:
        """Ask the venue what became of a child, and again after a while if no answer comes."""
        if child.fold.state == "SUBMITTED":
            self._change(child, "UNKNOWN", "no answer", turn)
        backoff = self._settings.query_backoff_ns << min(child.queries, 16)
        child.query_at_ns = turn.now_ns + min(backoff, self._settings.query_backoff_max_ns)
        child.queries += 1
        child.query_outstanding = True
        turn.commands.append(QueryOrder(symbol=child.fold.order.symbol, client_order_id=child.id))

    def _hurry(self, turn: Turn) -> None:
        """Ask at once about every UNKNOWN child, whatever the backoff."""
        for child in self._unsettled.values():
            if child.fold.state == "UNKNOWN":
                child.queries = 0
                self._ask(child, turn)

    def _change(self, child: Child, state: OrderState, reason: str, turn: Turn) -> None:
        before = child.fold.state
        if child.fold.turn(state):
            self._note_change(child, before, reason, turn)

    def _note_change(self, child: Child, before: OrderState, reason: str, turn: Turn) -> None:
        order, after = child.fold.order, child.fold.state
        if before != after:
            turn.records.append(
                StateChanged(
                    symbol=order.symbol,
                    parent_id=order.parent_id,
                    client_order_id=child.id,
                    before=before,
                    after=after,
                    reason=reason,
                )
            )

    def _follow(self, parent: ParentOrder, child: Child, turn: Turn) -> None:
        """After news of a child: its timer, its count at the last hop, its parent's next step."""
        fold, settings = child.fold, self._settings
        if fold.is_settled:
            child.query_at_ns = NEVER_NS
            self._unsettled.pop(child.id, None)
        else:
            self._unsettled[child.id] = child
        if fold.missing_lots:
            grace_ns = turn.now_ns + settings.fills_grace_ns
            if not child.queries:
                child.query_at_ns = min(child.query_at_ns, grace_ns)
        elif fold.rests:
            child.queries = 0
            awaits_end = child.cancel_sent or fold.order.time_in_force != "GTC"
            child.query_at_ns = turn.now_ns + settings.answer_timeout_ns if awaits_end else NEVER_NS
        self._roster.settle(parent, child)
        at_stake, approved = self._roster.last_hop.at_stake_lots(parent.id), parent.approved.order.size_lots
        if at_stake > approved:
            self._contradict(f"{parent.id}: {at_stake} lots are at stake, approved are {approved}", turn)
        if parent.done:
            self._withdraw(child, "halt", turn)
        self._advance(parent, turn)

    # --- news of the venue --------------------------------------------------------------------------------

    def _on_report(self, parent: ParentOrder, child: Child, report: OrderReport, turn: Turn) -> None:
        fold, before = child.fold, child.fold.state
        is_new_trade, is_revival = fold.is_new_trade(report), fold.disproves_rejection(report)
        if is_new_trade and self.ledger.has_booked(report.symbol, report.trade_id):
            self._contradict(
                f"trade {report.trade_id} is reported for {child.id} and for another order", turn
            )
            return
        try:
            fold.apply(report)
        except VenueError as error:
            self._contradict(str(error), turn)
            return
        turn.records.append(Answered(parent_id=parent.id, event=report))
        self._note_change(child, before, report.reason, turn)
        child.is_answered = True
        if child.query_outstanding and fold.rests:
            child.cancel_sent = False  # it was not withdrawn after all
        child.query_outstanding = False
        self._announce(parent, child, report, before, turn)
        if is_new_trade:
            fill = fill_of(parent, report)
            self.ledger.book(fill)
            turn.records.append(fill)
            turn.messages.append(fill)
        if is_revival:
            child.is_absent = False
            parent.count(child)
            self._contradict(
                f"{child.id} was held to be rejected, but the venue reports it as {report.state}", turn
            )

    def _announce(
        self, parent: ParentOrder, child: Child, report: OrderReport, before: OrderState, turn: Turn
    ) -> None:
        if child.fold.state == "REJECTED":
            if before != "REJECTED":
                turn.messages.append(rejected_of(parent, child, 0, report.reason, report.at_ns))
        elif not child.is_announced:
            child.is_announced = True
            turn.messages.append(accepted_of(parent, child, report))

    def _on_failure(self, parent: ParentOrder, child: Child, event: SubmitFailed, turn: Turn) -> None:
        """A command got no yes: the query if one is outstanding, else the cancel, else the order itself."""
        fold = child.fold
        if fold.is_terminal:
            return
        turn.records.append(Answered(parent_id=parent.id, event=event))
        if child.query_outstanding:
            child.query_outstanding = False  # the next one comes after the backoff
            return
        if fold.state == "SUBMITTED" and not event.ambiguous:
            self._change(child, "REJECTED", event.reason, turn)
            turn.messages.append(rejected_of(parent, child, event.code, event.reason, event.at_ns))
            return
        if not fold.rests:
            child.is_answered, child.fence_ns = True, max(child.fence_ns, event.at_ns)
        self._ask(child, turn)

    def _on_absent(self, parent: ParentOrder, child: Child, event: OrderAbsent, turn: Turn) -> None:
        """Not found is a proof only when no request of ours can still be on its way."""
        fold, settings = child.fold, self._settings
        child.query_outstanding = False
        if fold.is_terminal:
            return
        turn.records.append(Answered(parent_id=parent.id, event=event))
        if fold.venue_order_id or fold.reported_lots:
            return  # the venue knew it once: an absence now proves nothing
        fence_ns = child.fence_ns if child.is_answered else child.fence_ns + settings.answer_limit_ns
        remaining_ns = fence_ns + settings.recv_window_ns + settings.fence_slack_ns - event.server_ns
        if remaining_ns >= 0:
            child.query_at_ns = turn.now_ns + max(remaining_ns + NS_PER_MS, settings.query_backoff_ns)
            return
        self._change(child, "REJECTED", "absent", turn)
        child.is_absent = True

    def _on_stranger(self, event: VenueEvent, turn: Turn) -> None:
        """News of an order the desk does not remember: long over, somebody else's, or lost by our journal."""
        if not event.client_order_id.startswith(f"{self._deployment_id}-"):
            return
        if not isinstance(event, OrderReport):
            return
        is_known = self._records.knows_order(event.client_order_id)
        if is_known and (not event.trade_id or self._records.knows_trade(event.symbol, event.trade_id)):
            return
        what = f"{'a trade' if is_known else 'an order'} that the journal does not hold"
        self._contradict(f"the venue reports {what}: {event.client_order_id} {event.trade_id}".rstrip(), turn)
        if event.state in {"ACCEPTED", "PARTIALLY_FILLED"}:
            command = CancelOrder(symbol=event.symbol, client_order_id=event.client_order_id, reason="halt")
            turn.commands.append(command)

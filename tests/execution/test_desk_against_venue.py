"""The desk against a model venue that loses, repeats and reorders answers, with crashes at any step."""

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openoutcry.domain.control import Halt
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Approved, CancelParent, Done, Fill, OrderIntent, SizedOrder
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS, NS_PER_S
from openoutcry.execution.commands import CancelOrder, OrderAbsent, OrderReport, SubmitFailed, SubmitOrder
from openoutcry.execution.desk import DeskSettings, ExecutionDesk
from openoutcry.execution.reconcile import reconcile
from openoutcry.execution.records import ParentPlanned, Slice, records_of
from openoutcry.memory.order_journal import OrderJournal

SYMBOL = "BTC/USDT"
BTC = Instrument(
    venue="model",
    symbol=SYMBOL,
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000,
    min_notional_atoms=5 * ATOMS_PER_UNIT,
)
OPENING = {"USDT": 100_000 * ATOMS_PER_UNIT, "BTC": 1 * ATOMS_PER_UNIT}
PRICE = 6_180_000
MIN_LOTS = 9  # worth at least 5 USDT
SETTINGS = DeskSettings(recv_window_ns=2 * NS_PER_S)
T0 = 1_723_161_600 * NS_PER_S
MAX_SETTLING_STEPS = 500


def approve(number: int, side: str, lots: int, slices: int, now_ns: int) -> Approved:
    horizon_ns = slices * SETTINGS.slice_interval_ns
    intent = OrderIntent(
        id=f"intent-{number}",
        symbol=SYMBOL,
        strategy="test",
        exposure=1.0,
        reference_price_ticks=PRICE,
        volatility=0.0002,
        candle_seconds=5.0,
        style="twap" if slices > 1 else "immediate",
        horizon_ns=horizon_ns,
        event_ns=now_ns,
        deadline_ns=now_ns + NS_PER_S,
    )
    order = SizedOrder(
        symbol=SYMBOL,
        side=side,
        size_lots=lots,
        limit_price_ticks=PRICE,
        style=intent.style,
        horizon_ns=horizon_ns,
        deadline_ns=now_ns + horizon_ns + 2 * NS_PER_S,
    )
    return Approved(id=f"parent-{number}", cause_id=intent.id, intent=intent, order=order)


class ModelVenue:
    """The obvious venue: a dictionary of orders and a list of trades."""

    def __init__(self):
        self.orders = {}
        self.trades = []
        self.balances = Counter(OPENING)

    def place(self, order: SubmitOrder, ioc_lots: int, now_ns: int) -> list[OrderReport]:
        assert order.client_order_id not in self.orders, "the same id was sent twice"
        self.orders[order.client_order_id] = [order, "ACCEPTED", 0]
        reports = [self.report(order.client_order_id, now_ns)]
        if order.time_in_force == "IOC":
            lots = min(ioc_lots, order.size_lots)
            if lots:
                reports.append(self.trade(order.client_order_id, lots, now_ns))
            if self.orders[order.client_order_id][1] != "FILLED":
                self.orders[order.client_order_id][1] = "EXPIRED"
                reports.append(self.report(order.client_order_id, now_ns))
        return reports

    def trade(self, order_id: str, lots: int, now_ns: int) -> OrderReport:
        order, _, filled = self.orders[order_id]
        filled += lots
        self.orders[order_id][1:] = ["FILLED" if filled == order.size_lots else "PARTIALLY_FILLED", filled]
        notional = BTC.notional_atoms(order.price_ticks, lots)
        fee = notional // 1_000
        sign = 1 if order.side == "buy" else -1
        self.balances["BTC"] += sign * lots * BTC.base_atoms_per_lot
        self.balances["USDT"] -= sign * notional + fee
        report = self.report(
            order_id,
            now_ns,
            trade_id=str(len(self.trades) + 1),
            last_price_ticks=order.price_ticks,
            last_lots=lots,
            fee_atoms=fee,
            fee_asset="USDT",
        )
        self.trades.append(report)
        return report

    def cancel(self, order_id: str, now_ns: int) -> OrderReport | None:
        if order_id not in self.resting():
            return None
        self.orders[order_id][1] = "CANCELED"
        return self.report(order_id, now_ns)

    def report(self, order_id: str, now_ns: int, **trade) -> OrderReport:
        order, state, filled = self.orders[order_id]
        return OrderReport(
            symbol=SYMBOL,
            client_order_id=order_id,
            venue_order_id=f"v-{order_id}",
            state=state,
            side=order.side,
            price_ticks=order.price_ticks,
            size_lots=order.size_lots,
            filled_lots=filled,
            at_ns=now_ns,
            **trade,
        )

    def resting(self) -> list[str]:
        return [
            name for name, (_, state, _) in self.orders.items() if state in ("ACCEPTED", "PARTIALLY_FILLED")
        ]

    def at_stake(self, parent_id: str) -> int:
        return sum(
            order.size_lots if state in ("ACCEPTED", "PARTIALLY_FILLED") else filled
            for order, state, filled in self.orders.values()
            if order.parent_id == parent_id
        )


class DeskMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        memory = Path(
            "/dev/shm"
        )  # a crash of the process needs no disk, and syncing one costs this test a minute
        self.folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.venue = ModelVenue()
        self.now_ns = T0
        self.parents = {}
        self.commands = []  # (command, told at), inside the process
        self.on_the_way = []  # (order, timestamp): requests between us and the venue
        self.events = []  # what the venue said and we have not heard
        self.told_fills = []
        self.told_done = Counter()
        self.start()

    def start(self):
        self.journal = OrderJournal(Path(self.folder.name) / "orders.db", venue="model")
        self.desk = ExecutionDesk(
            deployment_id="test",
            venue="model",
            instruments={SYMBOL: BTC},
            journal=self.journal,
            opening_balances=OPENING,
            settings=SETTINGS,
        )
        self.take(self.desk.restore(self.now_ns))

    def take(self, decision):
        self.commands += [(command, self.now_ns) for command in decision.commands]
        self.told_fills += [message for message in decision.messages if isinstance(message, Fill)]
        assert not any(isinstance(message, Halt) for message in decision.messages), decision.messages

    def teardown(self):
        try:
            self.settle()
            self.compare()
        finally:
            self.journal.close()
            self.folder.cleanup()

    # --- what may happen ---

    @precondition(lambda self: len(self.parents) < 6)
    @rule(
        side=st.sampled_from(["buy", "sell"]),
        lots=st.integers(min_value=1, max_value=20_000),
        slices=st.integers(min_value=1, max_value=4),
    )
    def approve(self, side, lots, slices):
        approved = approve(len(self.parents), side, lots, slices, self.now_ns)
        self.parents[approved.id] = approved
        self.take(self.desk.on_approved(approved, self.now_ns))
        self.take(self.desk.on_approved(approved, self.now_ns))  # told twice

    @precondition(lambda self: self.commands)
    @rule(
        index=st.integers(min_value=0, max_value=3),
        outcome=st.sampled_from(["ok", "ok", "ok", "lost", "delayed", "answer lost", "refused"]),
        ioc_lots=st.integers(min_value=0, max_value=20_000),
    )
    def carry_out(self, index, outcome, ioc_lots):
        command, told_ns = self.commands.pop(index % len(self.commands))
        order_id = command.client_order_id
        if isinstance(command, SubmitOrder):
            if self.now_ns - told_ns > SETTINGS.answer_limit_ns:
                outcome = "refused"  # what the adapter is bound to: given up without a request
            self.submit(command, outcome, ioc_lots)
        elif outcome in ("lost", "delayed"):
            self.fail(order_id, ambiguous=True)
        elif isinstance(command, CancelOrder):
            report = self.venue.cancel(order_id, self.now_ns)
            if outcome == "answer lost":
                self.fail(order_id, ambiguous=True)
            elif report is None:
                self.fail(order_id, ambiguous=False)
            else:
                self.events.append(report)
        else:
            self.query(order_id)

    def submit(self, order, outcome, ioc_lots):
        if outcome == "refused":
            self.fail(order.client_order_id, ambiguous=False)
        elif outcome == "delayed":
            self.on_the_way.append((order, self.now_ns, ioc_lots))
            self.fail(order.client_order_id, ambiguous=True)
        elif outcome == "lost":
            self.fail(order.client_order_id, ambiguous=True)
        else:
            reports = self.venue.place(order, ioc_lots, self.now_ns)
            if outcome == "answer lost":
                self.fail(order.client_order_id, ambiguous=True)
            else:
                self.events += reports

    def fail(self, order_id, *, ambiguous):
        self.events.append(
            SubmitFailed(
                client_order_id=order_id, ambiguous=ambiguous, code=-1, reason="model", at_ns=self.now_ns
            )
        )

    def query(self, order_id):
        if order_id not in self.venue.orders:
            self.events.append(OrderAbsent(client_order_id=order_id, server_ns=self.now_ns))
            return
        self.events.append(self.venue.report(order_id, self.now_ns))
        self.events += [trade for trade in self.venue.trades if trade.client_order_id == order_id]

    @precondition(lambda self: self.on_the_way)
    @rule()
    def arrive_late(self):
        order, timestamp_ns, ioc_lots = self.on_the_way.pop(0)
        if self.now_ns - timestamp_ns <= SETTINGS.recv_window_ns:
            self.venue.place(order, ioc_lots, self.now_ns)

    @precondition(lambda self: self.venue.resting())
    @rule(
        index=st.integers(min_value=0, max_value=3),
        lots=st.integers(min_value=1, max_value=20_000),
        is_heard=st.booleans(),
    )
    def trade(self, index, lots, is_heard):
        resting = self.venue.resting()
        order_id = resting[index % len(resting)]
        order, _, filled = self.venue.orders[order_id]
        report = self.venue.trade(order_id, min(lots, order.size_lots - filled), self.now_ns)
        if is_heard:
            self.events.append(report)

    @precondition(lambda self: self.events)
    @rule(index=st.integers(min_value=0, max_value=5), repeats=st.integers(min_value=1, max_value=2))
    def hear(self, index, repeats):
        event = self.events.pop(index % len(self.events))
        for _ in range(repeats if isinstance(event, OrderReport) else 1):
            self.take(self.desk.on_venue_event(event, self.now_ns))

    @rule(ms=st.integers(min_value=1, max_value=1_500))
    def wait(self, ms):
        self.now_ns += ms * NS_PER_MS
        self.take(self.desk.on_timer(self.now_ns))

    @rule(
        what=st.sampled_from(
            ["nothing", "nothing", "nothing", "nothing", "crash", "crash", "stream gap", "cancel"]
        ),
        index=st.integers(min_value=0, max_value=5),
    )
    def disturb(self, what, index):
        if what == "crash":
            self.crash()
        elif what == "stream gap":
            self.events = [event for event in self.events if not isinstance(event, OrderReport)]
            self.take(self.desk.on_stream_gap(self.now_ns))
        elif what == "cancel" and self.parents:
            name = list(self.parents)[index % len(self.parents)]
            cancel = CancelParent(id=f"cancel-{name}", symbol=SYMBOL, parent_id=name, reason="test")
            self.take(self.desk.on_cancel(cancel, self.now_ns))

    def crash(self):
        self.journal.close()
        self.commands.clear()
        self.events.clear()
        self.start()

    # --- what must hold ---

    @invariant()
    def never_more_than_approved(self):
        submits = [command for command, _ in self.commands if isinstance(command, SubmitOrder)]
        submits += [
            order for order, sent_ns, _ in self.on_the_way if self.now_ns - sent_ns <= SETTINGS.recv_window_ns
        ]
        for name, approved in self.parents.items():
            inside = sum(order.size_lots for order in submits if order.parent_id == name)
            assert self.venue.at_stake(name) + inside <= approved.order.size_lots

    @invariant()
    def fills_are_told_once(self):
        told = Counter(fill.trade_id for fill in self.told_fills)
        assert not told or max(told.values()) == 1

    @invariant()
    def counts_are_the_sums_over_children(self):
        roster = self.desk._roster
        for parent in [*roster.live.values(), *roster.done.values()]:
            folds = [child.fold for child in parent.children]
            assert parent.filled_lots == sum(fold.filled_lots for fold in folds)
            assert parent.committed_lots == sum(fold.committed_lots for fold in folds)
            refused = [child for child in parent.children if child.fold.state == "REJECTED"]
            assert parent.rejects == sum(not child.is_absent for child in refused)
            unsettled = [child.id for child in parent.children if not child.fold.is_settled]
            assert (parent.unsettled.id if parent.unsettled else None) in (unsettled or [None])

    def settle(self):
        """Faults stop; time goes on, and everything is carried out and heard."""
        self.take(self.desk.on_stop(self.now_ns))
        for _ in range(MAX_SETTLING_STEPS):
            while self.commands or self.events:
                while self.commands:
                    self.carry_out(0, "ok", 0)
                while self.events:
                    self.hear(0, 1)
            if self.desk.is_settled:
                return
            self.now_ns = max(self.desk.next_timer_ns or 0, self.now_ns + 1)
            self.take(self.desk.on_timer(self.now_ns))
        raise AssertionError(f"not settled: {self.desk.unreconciled()}")

    def compare(self):
        assert self.desk.unreconciled() == ()
        assert self.venue.resting() == []
        records = [record for record, _ in records_of(self.journal.entries())]
        fills = [record for record in records if isinstance(record, Fill)]
        assert sorted(fill.trade_id for fill in fills) == sorted(
            trade.trade_id for trade in self.venue.trades
        )
        done = {record.parent_id: record for record in records if isinstance(record, Done)}
        assert done.keys() == self.parents.keys()
        for name, record in done.items():
            assert record.filled_lots == self.venue.at_stake(name)
        assert self.desk.ledger.balances == self.venue.balances
        assert (
            reconcile(
                instruments={SYMBOL: BTC},
                opening_balances=OPENING,
                journal_fills=fills,
                ledger=self.desk.ledger,
                orders=[child.fold for child in self.desk.children()],
                venue_open=[],
                venue_fills=self.venue.trades,
                venue_balances=self.venue.balances,
            )
            == ()
        )
        report = self.desk.position_report(SYMBOL, self.now_ns)
        assert report.base_atoms == self.venue.balances["BTC"]
        assert (report.open_buy_lots, report.open_sell_lots) == (0, 0)


def even_slices(parent_id, order, instrument, now_ns, **_settings):
    """What the compiled schedule does, in plain words; the desk is the subject here."""
    count = max(order.horizon_ns // SETTINGS.slice_interval_ns, 1)
    if order.size_lots < count * MIN_LOTS:
        return (Slice(now_ns, order.size_lots),)
    ends = [order.size_lots * (index + 1) // count for index in range(count)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(Slice(now_ns + index * NS_PER_S, size) for index, size in enumerate(sizes))


def test_nothing_is_lost_doubled_or_exceeded_whatever_the_venue_does(monkeypatch):
    monkeypatch.setattr("openoutcry.execution.schedule.plan", even_slices)
    run_state_machine_as_test(
        DeskMachine,
        settings=settings(
            max_examples=200,
            stateful_step_count=60,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_records_of_a_plan_survive_the_journal():
    approved = approve(1, "buy", 1_000, 3, T0)
    planned = ParentPlanned(approved=approved, slices=even_slices("", approved.order, BTC, T0))
    assert sum(piece.size_lots for piece in planned.slices) == 1_000

import sqlite3
from itertools import pairwise

import pytest

from openoutcry.domain.control import Halt
from openoutcry.domain.errors import ConfigurationError, InvalidInputError
from openoutcry.domain.orders import Accepted, CancelParent, Done, Fill, OrderIntent, PositionReport, Rejected
from openoutcry.domain.units import NS_PER_S
from openoutcry.execution.commands import CancelOrder, OrderAbsent, QueryOrder, SubmitFailed, SubmitOrder
from openoutcry.execution.desk import ExecutionDesk
from openoutcry.execution.parent import client_order_id
from openoutcry.execution.records import ChildIntended, Slice, records_of
from openoutcry.execution.turn import Decision
from openoutcry.memory.halt_latch import HaltLatch


def only(items, kind):
    found = [item for item in items if isinstance(item, kind)]
    assert len(found) == 1, items
    return found[0]


@pytest.fixture
def two_slices(monkeypatch):
    """Two halves, a second apart."""

    def plan(_parent_id, order, _instrument, now_ns, **_settings):
        half = order.size_lots // 2
        return (Slice(now_ns, half), Slice(now_ns + NS_PER_S, order.size_lots - half))

    monkeypatch.setattr("openoutcry.execution.schedule.plan", plan)


def failed(order_id, now_ns, *, ambiguous):
    return SubmitFailed(client_order_id=order_id, ambiguous=ambiguous, code=-2010, reason="no", at_ns=now_ns)


def halt(now_ns):
    return Halt(id="halt", reason="test", by="test", at_ns=now_ns)


def test_the_intent_is_in_the_journal_before_the_command_is_returned(new_desk, journal, approved, now_ns):
    desk, _ = new_desk()
    decision = desk.on_approved(approved(), now_ns)
    order = only(decision.commands, SubmitOrder)
    other = sqlite3.connect(f"file:{journal.path}?mode=ro", uri=True)
    found = other.execute("SELECT client_order_id FROM events WHERE kind = 'ChildIntended'").fetchall()
    other.close()
    assert found == [(order.client_order_id,)]
    assert (order.time_in_force, order.size_lots, order.price_ticks) == ("IOC", 10_000, 6_180_000)


def test_an_immediate_order_is_accepted_filled_and_done(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    accepted = only(desk.on_venue_event(report(order, "ACCEPTED"), now_ns).messages, Accepted)
    assert (accepted.parent_id, accepted.cause_id) == ("parent", "parent")
    decision = desk.on_venue_event(report(order, "FILLED", 10_000, trade="7", lots=10_000, fee=5), now_ns)
    fill, done = only(decision.messages, Fill), only(decision.messages, Done)
    assert fill.cause_id == order.client_order_id
    assert (done.filled_lots, done.reason) == (10_000, "filled")
    assert desk.is_settled
    assert desk.ledger.position_lots("BTC/USDT") == 10_000
    assert desk.next_timer_ns is None


def test_a_slice_that_ended_is_withdrawn_and_its_rest_carried_over(
    two_slices, new_desk, approved, report, now_ns
):
    desk, _ = new_desk()
    first = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    assert (first.time_in_force, first.size_lots) == ("GTC", 5_000)
    desk.on_venue_event(report(first, "PARTIALLY_FILLED", 2_000, trade="1", lots=2_000), now_ns)
    assert desk.next_timer_ns == now_ns + NS_PER_S
    cancel = only(desk.on_timer(now_ns + NS_PER_S).commands, CancelOrder)
    assert cancel.reason == "slice_ended"
    second = only(
        desk.on_venue_event(report(first, "CANCELED", 2_000), now_ns + NS_PER_S).commands, SubmitOrder
    )
    assert (second.time_in_force, second.size_lots) == ("IOC", 8_000)


def test_the_same_approval_twice_is_one_order(new_desk, approved, now_ns):
    desk, _ = new_desk()
    desk.on_approved(approved(), now_ns)
    assert desk.on_approved(approved(), now_ns).commands == ()


def test_an_intent_that_nobody_approved_is_not_executed(new_desk, approved, now_ns):
    desk, _ = new_desk()
    intent = approved().intent
    assert isinstance(intent, OrderIntent)
    with pytest.raises(TypeError, match="Approved and nothing else"):
        desk.on_approved(intent, now_ns)


def test_a_refused_order_is_not_repeated(new_desk, approved, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    decision = desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=False), now_ns)
    assert only(decision.messages, Rejected).code == -2010
    assert only(decision.messages, Done).reason == "rejected"
    assert decision.commands == ()


def test_an_ambiguous_order_is_asked_about_and_sent_again_only_when_absence_is_proved(
    new_desk, approved, now_ns
):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(deadline_ns=now_ns + 60 * NS_PER_S), now_ns).commands, SubmitOrder)
    decision = desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=True), now_ns)
    assert only(decision.commands, QueryOrder).client_order_id == order.client_order_id
    assert desk.position_report("BTC/USDT", now_ns).open_buy_lots == 10_000
    early = now_ns + 3 * NS_PER_S  # recv window 2 s and slack 1 s: not beyond it
    absent = OrderAbsent(client_order_id=order.client_order_id, server_ns=early)
    assert desk.on_venue_event(absent, early).commands == ()
    assert len(desk.unreconciled()) == 1
    absent = OrderAbsent(client_order_id=order.client_order_id, server_ns=early + 1)
    again = only(desk.on_venue_event(absent, early + 1).commands, SubmitOrder)
    assert again.client_order_id != order.client_order_id
    assert again.size_lots == 10_000


def test_an_order_that_was_never_answered_is_not_proved_absent(new_desk, approved, now_ns):
    desk, _ = new_desk()
    order = only(
        desk.on_approved(approved(deadline_ns=now_ns + 600 * NS_PER_S), now_ns).commands, SubmitOrder
    )
    later = now_ns + 10 * NS_PER_S
    only(desk.on_timer(later).commands, QueryOrder)
    absent = OrderAbsent(client_order_id=order.client_order_id, server_ns=later)
    assert desk.on_venue_event(absent, later).commands == ()
    assert desk.unreconciled()


def test_a_failed_question_is_no_answer_to_the_order(new_desk, approved, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=True), now_ns)
    decision = desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=False), now_ns)
    assert decision == Decision()  # not even the next question: that one comes after its pause
    assert desk.unreconciled()


def test_questions_are_repeated_with_growing_pauses(new_desk, approved, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=True), now_ns)
    moments = [now_ns]
    while len(moments) < 9:
        moments.append(desk._unsettled[order.client_order_id].query_at_ns)
        desk.on_timer(moments[-1])
    pauses = [after - before for before, after in pairwise(moments)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (NS_PER_S // 4, 8 * NS_PER_S)


def test_a_cancel_that_found_nothing_asks_for_the_final_state(two_slices, new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    cancel = CancelParent(id="c", symbol="BTC/USDT", parent_id="parent", reason="test")
    assert only(desk.on_cancel(cancel, now_ns).commands, CancelOrder).reason == "parent_canceled"
    only(
        desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=False), now_ns).commands,
        QueryOrder,
    )
    desk.on_venue_event(report(order, "FILLED", 5_000), now_ns)
    assert not desk.is_settled  # the trades are still missing
    decision = desk.on_venue_event(report(order, "FILLED", 5_000, trade="1", lots=5_000), now_ns)
    assert only(decision.messages, Done).filled_lots == 5_000


def test_a_cancel_that_was_lost_is_repeated(two_slices, new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    only(desk.on_halt(halt(now_ns), now_ns).commands[-1:], CancelOrder)
    desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=True), now_ns)
    desk.on_timer(now_ns + NS_PER_S)
    again = desk.on_venue_event(report(order, "ACCEPTED"), now_ns + NS_PER_S)
    assert only(again.commands, CancelOrder).reason == "halt"


def test_absence_of_an_order_the_venue_once_knew_proves_nothing(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    restarted, _ = new_desk(now_ns + NS_PER_S)
    later = now_ns + 100 * NS_PER_S
    absent = OrderAbsent(client_order_id=order.client_order_id, server_ns=later)
    assert restarted.on_venue_event(absent, later).messages == ()
    assert [child.fold.state for child in restarted.children()] == ["UNKNOWN"]


def test_missing_trades_are_asked_for(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "FILLED", 10_000), now_ns)
    assert not desk.is_settled
    assert only(desk.on_timer(desk.next_timer_ns).commands, QueryOrder)


def test_a_deadline_that_passed_sends_nothing(new_desk, approved, now_ns):
    desk, _ = new_desk()
    decision = desk.on_approved(approved(deadline_ns=now_ns), now_ns)
    assert decision.commands == ()
    assert only(decision.messages, Done).reason == "expired"


def test_a_deadline_withdraws_what_rests(two_slices, new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(
        desk.on_approved(approved(slices=2, deadline_ns=now_ns + NS_PER_S), now_ns).commands, SubmitOrder
    )
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    assert only(desk.on_timer(now_ns + NS_PER_S).commands, CancelOrder).reason == "parent_expired"
    done = desk.on_venue_event(report(order, "CANCELED"), now_ns + NS_PER_S)
    assert only(done.messages, Done).reason == "expired"


def test_a_halt_withdraws_what_rests_and_nothing_new_is_sent(two_slices, new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    decision = desk.on_halt(halt(now_ns), now_ns)
    assert [command for command in decision.commands if isinstance(command, SubmitOrder)] == []
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    desk.on_venue_event(report(order, "CANCELED"), now_ns)
    assert desk.is_settled
    refused = desk.on_approved(approved("other"), now_ns)
    assert refused.commands == ()
    assert only(refused.messages, Done).reason == "halt"


@pytest.mark.usefixtures("two_slices")
def test_the_latch_is_looked_at_before_every_child(new_desk, approved, report, now_ns, tmp_path):
    latch = HaltLatch(tmp_path / "state")
    desk, _ = new_desk(is_halted=latch.is_armed)
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "FILLED", 5_000, trade="1", lots=5_000), now_ns)
    HaltLatch(tmp_path / "state").arm("drill", "another process", now_ns)
    decision = desk.on_timer(now_ns + NS_PER_S)
    assert decision.commands == ()
    assert only(decision.messages, Done).reason == "halt"


def test_a_halt_in_the_middle_of_a_step_stops_the_child_at_the_last_hop(
    new_desk, journal, approved, now_ns, tmp_path
):
    latch, answers = HaltLatch(tmp_path / "state"), []

    def is_halted():
        if len(answers) == 2:  # before it is taken on, before its first step; now comes the child
            latch.arm("drill", "another process", now_ns)
        answers.append(latch.is_armed())
        return answers[-1]

    desk, _ = new_desk(is_halted=is_halted)
    decision = desk.on_approved(approved(), now_ns)
    assert answers == [False, False, True]
    assert decision.commands == ()
    assert only(decision.messages, Done).reason == "halt"
    assert desk.is_settled
    assert [record for record, _ in records_of(journal.entries()) if isinstance(record, ChildIntended)] == []


def test_under_a_halt_the_journal_is_taken_up_all_the_same(new_desk, approved, now_ns, tmp_path):
    """Its orders have left already: their venue must be asked about them."""
    latch = HaltLatch(tmp_path / "state")
    first, _ = new_desk(is_halted=latch.is_armed)
    order = only(first.on_approved(approved(), now_ns).commands, SubmitOrder)
    latch.arm("drill", "test", now_ns)
    again, decision = new_desk(is_halted=latch.is_armed)
    assert only(decision.commands, QueryOrder).client_order_id == order.client_order_id
    assert [child.fold.state for child in again.children()] == ["UNKNOWN"]


def test_stop_settles_everything(two_slices, new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    desk.on_stop(now_ns)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    decision = desk.on_venue_event(report(order, "CANCELED"), now_ns)
    assert only(decision.messages, Done).reason == "stop"
    assert desk.is_settled
    assert desk.unreconciled() == ()


def test_a_venue_that_contradicts_the_order_halts(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    decision = desk.on_venue_event(report(order, "FILLED", 10_001), now_ns)
    assert "10001 lots filled" in only(decision.messages, Halt).reason
    assert desk.unreconciled()


def test_an_order_of_ours_that_the_journal_does_not_hold_halts_and_is_withdrawn(
    new_desk, approved, report, now_ns
):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    lost = SubmitOrder(
        **{name: getattr(order, name) for name in order.__struct_fields__}
        | {"client_order_id": "test-lost-0-0"}
    )
    decision = desk.on_venue_event(report(lost, "ACCEPTED"), now_ns)
    only(decision.messages, Halt)
    assert only(decision.commands, CancelOrder).client_order_id == "test-lost-0-0"


def test_an_order_of_somebody_else_is_left_alone(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    other = SubmitOrder(
        **{name: getattr(order, name) for name in order.__struct_fields__} | {"client_order_id": "web-1"}
    )
    assert desk.on_venue_event(report(other, "ACCEPTED"), now_ns).commands == ()


def test_life_after_a_proven_absence_halts_and_is_withdrawn(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(failed(order.client_order_id, now_ns, ambiguous=True), now_ns)
    later = now_ns + 4 * NS_PER_S
    desk.on_venue_event(OrderAbsent(client_order_id=order.client_order_id, server_ns=later), later)
    decision = desk.on_venue_event(report(order, "ACCEPTED"), later)
    only(decision.messages, Halt)
    only(decision.commands, CancelOrder)
    assert desk.unreconciled()


@pytest.mark.usefixtures("two_slices")
def test_a_failing_journal_halts_sends_nothing_and_withdraws_what_rests(
    new_desk, journal, approved, report, now_ns
):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "ACCEPTED"), now_ns)
    journal._connection.execute("PRAGMA query_only=ON")
    decision = desk.on_approved(approved("other"), now_ns)
    assert only(decision.commands, CancelOrder).client_order_id == order.client_order_id
    assert "cannot be written" in only(decision.messages, Halt).reason
    fill = desk.on_venue_event(report(order, "CANCELED", 2_000, trade="1", lots=2_000), now_ns)
    assert only(fill.messages, Fill).size_lots == 2_000  # still counted, for whoever watches the position
    assert desk.ledger.position_lots("BTC/USDT") == 2_000


def test_a_restart_takes_up_everything_and_asks(two_slices, new_desk, approved, report, now_ns):
    desk, first = new_desk()
    assert only(first.messages, PositionReport).position_lots == 0
    done = only(desk.on_approved(approved("one"), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(done, "FILLED", 5_000, trade="1", lots=5_000, fee=3), now_ns)
    live = only(desk.on_approved(approved("two", slices=2), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(live, "PARTIALLY_FILLED", 2_000, trade="2", lots=2_000), now_ns)
    restarted, decision = new_desk(now_ns + 1)
    assert only(decision.commands, QueryOrder).client_order_id == live.client_order_id
    position = only(decision.messages, PositionReport)
    assert (position.position_lots, position.open_buy_lots) == (7_000, 13_000)
    assert restarted.ledger.balances == desk.ledger.balances
    again = restarted.on_venue_event(
        report(live, "PARTIALLY_FILLED", 2_000, trade="2", lots=2_000), now_ns + 1
    )
    assert [message for message in again.messages if isinstance(message, Fill)] == []


def test_the_end_of_an_order_is_told_again_after_a_restart(new_desk, approved, report, now_ns):
    desk, _ = new_desk()
    order = only(desk.on_approved(approved(), now_ns).commands, SubmitOrder)
    desk.on_venue_event(report(order, "FILLED", 10_000, trade="1", lots=10_000), now_ns)
    _, decision = new_desk(now_ns + 1)
    assert only(decision.messages, Done).id == "parent:done"


def test_the_journal_opens_with_the_balances_and_keeps_them(new_desk, now_ns):
    desk, _ = new_desk(opening_balances={"USDT": 7})
    restarted, _ = new_desk(opening_balances={"USDT": 8})
    assert restarted.ledger.balances["USDT"] == desk.ledger.balances["USDT"] == 7


def test_order_ids_are_legal_and_deterministic():
    longest = client_order_id("a" * 12, "parent" * 50, 999, 99)
    assert len(longest) <= 36
    assert longest == client_order_id("a" * 12, "parent" * 50, 999, 99)
    assert set(longest) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert client_order_id("a", "p", 1, 11) != client_order_id("a", "p", 11, 1)


def test_a_deployment_id_that_no_venue_takes_is_refused(btc, journal):
    with pytest.raises(ConfigurationError, match="1 to 12"):
        ExecutionDesk(
            deployment_id="our desk!", venue="v", instruments={}, journal=journal, opening_balances={}
        )


def test_a_desk_must_be_restored_first(btc, journal, approved, now_ns):
    desk = ExecutionDesk(deployment_id="d", venue="v", instruments={}, journal=journal, opening_balances={})
    with pytest.raises(InvalidInputError, match="restore"):
        desk.on_approved(approved(), now_ns)


def test_no_journaled_child_is_larger_than_its_parent(two_slices, new_desk, journal, approved, now_ns):
    desk, _ = new_desk()
    desk.on_approved(approved(slices=2), now_ns)
    children = [record for record, _ in records_of(journal.entries()) if isinstance(record, ChildIntended)]
    assert [child.order.size_lots for child in children] == [5_000]


def test_after_a_crash_only_the_venues_clock_proves_an_absence(new_desk, approved, now_ns):
    desk, _ = new_desk()
    long_lived = approved(deadline_ns=now_ns + 60 * NS_PER_S)
    order = only(desk.on_approved(long_lived, now_ns).commands, SubmitOrder)
    restart_ns = now_ns + 10 * NS_PER_S  # the dead process may have sent it a moment before
    restarted, decision = new_desk(restart_ns)
    assert only(decision.commands, QueryOrder)
    early = OrderAbsent(client_order_id=order.client_order_id, server_ns=restart_ns + 3 * NS_PER_S)
    assert restarted.on_venue_event(early, restart_ns + 3 * NS_PER_S).commands == ()
    late_ns = restart_ns + 3 * NS_PER_S + 1
    late = OrderAbsent(client_order_id=order.client_order_id, server_ns=late_ns)
    again = only(restarted.on_venue_event(late, late_ns).commands, SubmitOrder)
    third, _ = new_desk(late_ns + 1)  # the proof is remembered: only the new child is asked about
    assert [child.fold.state for child in third.children()] == ["REJECTED", "UNKNOWN"]
    assert again.client_order_id in third.unreconciled()[0]
    much_later_ns = late_ns + 10 * NS_PER_S
    absent = OrderAbsent(client_order_id=again.client_order_id, server_ns=much_later_ns)
    last = only(third.on_venue_event(absent, much_later_ns).commands, SubmitOrder)
    assert len({order.client_order_id, again.client_order_id, last.client_order_id}) == 3

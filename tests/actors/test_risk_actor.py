"""What the risk actor adds to its officer: an approval reaches execution, or its successor."""

from types import SimpleNamespace

from openoutcry.actors.edge import OutgoingEdge
from openoutcry.actors.protocol import Envelope, Wiring
from openoutcry.actors.risk import RiskActor
from openoutcry.assembly.topology import EDGES, EXECUTION, RISK
from openoutcry.domain.orders import Approved, Done, OrderIntent, SizedOrder


def approval(number):
    intent = OrderIntent(
        id=f"intent-{number}", symbol="BTC/USDT", strategy="s", exposure=1.0, reference_price_ticks=100,
        volatility=0.01, candle_seconds=5.0, style="immediate", horizon_ns=1, event_ns=1, deadline_ns=10,
    )  # fmt: skip
    order = SizedOrder(
        symbol="BTC/USDT", side="buy", size_lots=1, limit_price_ticks=100, style="immediate", horizon_ns=1,
        deadline_ns=10,
    )  # fmt: skip
    return Approved(id=f"{intent.id}:approved", cause_id=intent.id, intent=intent, order=order)


def test_a_new_execution_is_sent_the_approvals_that_the_old_one_said_nothing_about():
    actor, published = RiskActor(), []
    answers = iter([[approval(1)], [approval(2)], []])
    actor.decider = SimpleNamespace(decide=lambda _message, _now_ns: next(answers))
    actor.publish = published.append
    actor._wire(Wiring({RISK: "risk-1", EXECUTION: "execution-1"}))
    actor.handle(approval(1).intent, 1)
    actor.handle(approval(2).intent, 1)
    done = Done(
        id="d",
        symbol="BTC/USDT",
        parent_id=approval(1).id,
        ordered_lots=1,
        filled_lots=1,
        reason="filled",
        at_ns=1,
    )
    actor.handle(done, 1)
    published.clear()
    actor._wire(Wiring({RISK: "risk-1", EXECUTION: "execution-1", "memory": "memory-2"}))
    assert published == []
    actor._wire(Wiring({RISK: "risk-1", EXECUTION: "execution-2"}))
    assert published == [approval(2)]


def behind():
    """An edge to an execution that is a window of messages behind."""
    edge = OutgoingEdge(EXECUTION, lambda _: None, window=1)
    edge.reopen()
    row = next(each for each in EDGES if (each.source, each.message) == (RISK, Approved))
    for number in (1, 2):
        edge.offer(row, Envelope(RISK, 0, 0, 1, 1, approval(number)))
    return edge


def test_nothing_is_approved_for_an_execution_that_does_not_keep_up():
    actor, published = RiskActor(), []
    actor.decider = SimpleNamespace(decide=lambda _message, _now_ns: [approval(3)])
    actor.publish = published.append
    actor._outgoing[EXECUTION] = behind()
    actor.handle(approval(3).intent, 7)
    assert [(each.check, each.intent_id) for each in published] == [("back_pressure", "intent-3")]
    actor._outgoing[EXECUTION].credit(2)
    actor.handle(approval(3).intent, 8)
    assert published[1:] == [approval(3)]


def test_a_wish_that_came_too_late_is_refused_and_no_other_message_is_answered():
    actor, published = RiskActor(), []
    actor.publish = published.append
    actor.refuse(approval(1).intent, "late", 7)
    actor.refuse(approval(1), "late", 7)
    assert [(each.check, each.cause_id) for each in published] == [("late", "intent-1")]

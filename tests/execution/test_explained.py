"""From an intent through risk and execution to the fill, and all the way back by the journals."""

from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import Approved, Fill, OrderIntent
from openoutcry.domain.units import NS_PER_S
from openoutcry.execution.commands import SubmitOrder
from openoutcry.memory.decision_journal import DecisionJournal
from openoutcry.memory.explain import explain
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.officer import RiskOfficer


def opinions(now_ns):
    symbol = "BTC/USDT"
    candle = CandleClosed(
        id="candle",
        symbol=symbol,
        open_ns=now_ns - 5 * NS_PER_S,
        close_ns=now_ns,
        open_ticks=1,
        high_ticks=1,
        low_ticks=1,
        close_ticks=6_180_000,
        volume_lots=1,
        buy_volume_lots=1,
        notional=1,
        trade_count=1,
        first_trade_id=1,
        last_trade_id=1,
    )
    opinion = Classification(
        id="classification",
        cause_id="candle",
        symbol=symbol,
        close_ns=now_ns,
        close_ticks=6_180_000,
        up=1.0,
        flat=0.0,
        down=0.0,
        abstained=False,
        votes=(),
    )
    signal = Signal(
        id="signal",
        cause_id="classification",
        symbol=symbol,
        strategy="test",
        exposure=0.5,
        reason="up",
        at_ns=now_ns,
    )
    intent = OrderIntent(
        id="intent",
        cause_id="signal",
        symbol=symbol,
        strategy="test",
        exposure=0.5,
        reference_price_ticks=6_180_000,
        volatility=0.0002,
        candle_seconds=5.0,
        style="immediate",
        horizon_ns=0,
        event_ns=now_ns,
        deadline_ns=now_ns + NS_PER_S,
    )
    return candle, opinion, signal, intent


def test_a_fill_is_explained_back_to_its_candle(new_desk, journal, btc, report, now_ns):
    decisions = DecisionJournal(journal.path.with_name("decisions.db"))
    *_, intent = messages = opinions(now_ns)
    for message in messages:
        decisions.record(message, now_ns)
    decisions.close()
    desk, restored = new_desk()
    officer = RiskOfficer({"BTC/USDT": btc}, RiskLimits())
    live = VenueStatus(id="live", venue="model", symbol="BTC/USDT", state="live", reason="", at_ns=now_ns)
    for message in (live, *restored.messages):
        officer.decide(message, now_ns)
    (approved,) = officer.decide(intent, now_ns)
    assert isinstance(approved, Approved)
    (order,) = desk.on_approved(approved, now_ns).commands
    assert isinstance(order, SubmitOrder)
    lots = order.size_lots
    told = desk.on_venue_event(report(order, "FILLED", lots, trade="77", lots=lots), now_ns).messages
    assert any(isinstance(message, Fill) for message in told)
    for message in told:
        if not isinstance(message, Fill):
            continue
        officer.decide(message, now_ns)
    explanation = explain("77", journal.path, journal.path.with_name("decisions.db"))
    assert [link.kind for link in explanation.causes] == [
        "Fill",
        "ChildIntended",
        "Approved",
        "OrderIntent",
        "Signal",
        "Classification",
        "CandleClosed",
    ]
    assert explanation.causes[0].record["size_lots"] == lots
    assert explanation.is_complete
    theirs = desk.position_report("BTC/USDT", now_ns)
    assert officer._exposures["BTC/USDT"].position_lots == theirs.position_lots == lots
    assert officer._exposures["BTC/USDT"].cash_atoms == theirs.cash_atoms

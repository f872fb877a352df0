"""A message that was kept somewhere for too long must not be obeyed."""

import os
import signal
import time

import pytest
from staging import OURS, STOCK, eventually, held, trap

from openoutcry.actors.execution import ExecutionActor
from openoutcry.actors.protocol import Envelope, Wiring
from openoutcry.actors.transport.faults import FAULT_SIGNALS
from openoutcry.assembly.paths import RunPaths, RunRecord, write_record
from openoutcry.assembly.topology import RISK, ROLES, STRATEGY, SUPERVISOR
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Approved, Done, OrderIntent, SizedOrder
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.execution.commands import SubmitOrder
from openoutcry.execution.desk import DeskSettings, ExecutionDesk
from openoutcry.memory.order_journal import OrderJournal

LIFETIME_NS = NS_PER_S // 5
LONG_NS = 600 * NS_PER_S
BTC = Instrument(
    venue="model", symbol="BTC/USDT", venue_symbol="BTCUSDT", base="BTC", quote="USDT",
    price_tick="0.01", size_step="0.00001", min_size_lots=1, max_size_lots=900_000,
    min_notional_atoms=5 * ATOMS_PER_UNIT,
)  # fmt: skip


def intent(name):
    """A wish that is itself good for long: only its way may have taken too long."""
    now_ns = time.time_ns()
    return OrderIntent(
        id=name, symbol=BTC.symbol, strategy="s", exposure=0.5, reference_price_ticks=6_180_000,
        volatility=0.0002, candle_seconds=5.0, style="immediate", horizon_ns=0, event_ns=now_ns,
        deadline_ns=now_ns + LONG_NS,
    )  # fmt: skip


def approved(name):
    wish = intent(f"{name}-intent")
    order = SizedOrder(
        symbol=BTC.symbol, side="buy", size_lots=10_000, limit_price_ticks=6_180_000, style="immediate",
        horizon_ns=0, deadline_ns=wish.deadline_ns,
    )  # fmt: skip
    return Approved(id=name, cause_id=wish.id, intent=wish, order=order)


def risk_of(staged, path):
    """A risk actor to which the outside is everybody else, who brings it messages, and its process."""
    write_record(
        RunPaths(staged.folder),
        RunRecord(
            run_id="r-trap", pid=os.getpid(), mode="paper", started_ns=1, instruments={BTC.symbol: BTC}
        ),
    )
    courier = staged.create("cast.Courier")
    outside = staged.must(courier, "who_asks")
    risk = staged.create(path)
    ready = staged.configure(risk, RISK)
    staged.system.tell(risk, Wiring(dict.fromkeys((*ROLES, SUPERVISOR), outside)))
    return risk, courier, ready.pid


def verdict(staged, name):
    """What became of a wish."""

    def is_it(each):
        return isinstance(each, Envelope) and getattr(each.message, "cause_id", "") == name

    heard = staged.hear(is_it)
    return getattr(heard and heard.message, "check", "approved")


@trap(
    "a message is delivered, and obeyed, however long it was kept",
    naive=(STOCK, "cast.Obedient"),
    our_risk_on_stock=(STOCK, "openoutcry.actors.risk.RiskActor"),
    our_risk_on_ours=(OURS, "openoutcry.actors.risk.RiskActor"),
)
def test_a_wish_that_was_kept_too_long_is_refused(start, side):
    staged = start(side.base)
    risk, courier, pid = risk_of(staged, side.actor)
    deadline_ns = time.time_ns() + LIFETIME_NS
    with held(pid):
        kept = Envelope(STRATEGY, 0, 1, 1, 1, intent("kept"), deadline_ns)
        fresh = Envelope(STRATEGY, 0, 2, 1, 1, intent("fresh"), deadline_ns + LONG_NS)
        staged.must(courier, "bring", risk, kept, fresh)
        eventually(lambda: time.time_ns() > deadline_ns)
    if verdict(staged, "fresh") == "late":
        raise RuntimeError("one that came in time was refused as late")
    assert verdict(staged, "kept") == "late"


@pytest.fixture
def desk(tmp_path):
    journal = OrderJournal(tmp_path / "orders.sqlite", venue=BTC.venue)
    desk = ExecutionDesk(
        deployment_id="test",
        venue=BTC.venue,
        instruments={BTC.symbol: BTC},
        journal=journal,
        opening_balances={"USDT": 100_000 * ATOMS_PER_UNIT, "BTC": 0},
        settings=DeskSettings(),
    )
    desk.restore(time.time_ns())
    yield desk
    journal.close()


class Ungoverned:
    """Execution that trades what it is told to."""

    def __init__(self, desk, performed):
        self.desk, self.performed = desk, performed

    def receiveMessage(self, message, sender):  # noqa: N802  Thespian's name
        self.performed(self.desk.on_approved(message.message, time.time_ns()))


@pytest.fixture
def ours(monkeypatch):
    """An execution actor that is connected: its desk is real, and what it would do is seen."""
    before = {each: signal.getsignal(each) for each in FAULT_SIGNALS}

    def make(desk, performed):
        actor = ExecutionActor()
        actor.desk, actor.journal, actor._is_open = desk, desk._records._journal, True
        monkeypatch.setattr(actor, "_perform", performed)
        return actor

    yield make
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "naive",
            marks=pytest.mark.xfail(
                strict=True, raises=AssertionError, reason="an approval is obeyed however long it was kept"
            ),
        ),
        "ours",
    ],
)
def test_an_approval_that_was_kept_too_long_ends_without_an_order(desk, ours, kind):
    decisions = []
    make = ours if kind == "ours" else Ungoverned
    actor = make(desk, decisions.append)
    actor.receiveMessage(Envelope(RISK, 0, 1, 1, 1, approved("kept"), time.time_ns() - 1), None)
    actor.receiveMessage(Envelope(RISK, 0, 2, 1, 1, approved("fresh"), time.time_ns() + LONG_NS), None)
    kept, fresh = decisions
    if [type(each) for each in fresh.commands] != [SubmitOrder]:
        raise RuntimeError(f"one that came in time should have been traded: {fresh}")
    assert kept.commands == ()
    assert [(type(each), each.reason) for each in kept.messages] == [(Done, "late")]

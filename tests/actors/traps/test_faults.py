"""What raises, what crashes, what cannot be read."""

import pytest
import thespian.actors as thespian
from cast import Load
from staging import OURS, STOCK, eventually, on, require, trap

from openoutcry.actors.protocol import Envelope
from openoutcry.assembly.topology import EXECUTION, STRATEGY
from openoutcry.domain.control import Failure
from openoutcry.domain.orders import Fill

FILL = Fill(
    id="fill-1", symbol="BTC/USDT", parent_id="p", client_order_id="c", venue_order_id="v", trade_id="1",
    side="buy", price_ticks=1, size_lots=1, fee_atoms=0, fee_asset="USDT", liquidity="taker", at_ns=1,
)  # fmt: skip


def is_failure(message):
    is_ours = isinstance(message, Envelope) and isinstance(message.message, Failure)
    return is_ours or isinstance(message, thespian.PoisonMessage)


@trap(
    "Thespian runs a handler that raised once more",
    naive=(STOCK, "cast.Faulty"),
    our_actor_on_stock=(STOCK, "guarded.GuardedFaulty"),
    our_actor_on_ours=(OURS, "guarded.GuardedFaulty"),
    naive_on_ours=(OURS, "cast.Faulty"),
)
def test_a_handler_that_raises_has_run_once(start, side):
    staged = start(side.base)
    actor = staged.create(side.actor)
    if side.actor.startswith("guarded"):
        staged.configure(actor, STRATEGY)
    staged.system.tell(actor, Envelope(EXECUTION, 0, 1, 1, 1, FILL))
    if staged.hear(is_failure) is None:
        raise TimeoutError("nobody was told that the handler raised")
    assert staged.must(actor, "figures") == {"runs": 1}


FAULTS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE")


@pytest.mark.parametrize("fault", FAULTS)
@trap(
    "Thespian catches the signal: a crash spins for ever, and the parent is not told",
    naive=(STOCK, "cast.Victim"),
    our_actor_on_stock=(STOCK, "guarded.GuardedVictim"),
    naive_on_ours=(OURS, "cast.Victim"),
)
def test_a_crash_is_told_to_the_parent(start, side, fault):
    staged = start(side.base)
    parent = staged.create("cast.Parent")
    staged.must(parent, "have", side.actor)
    staged.tell(parent, "pass_on", 0, "ping")
    assert staged.hear(lambda each: each == "pong")
    staged.tell(parent, "pass_on", 0, "die_of", fault)
    assert eventually(lambda: staged.must(parent, "exited")["children"], side.patience_s) == [0]


@pytest.mark.parametrize("side", [on(STOCK, name="stock"), on(OURS, name="ours")])
def test_an_abort_is_told_on_either_base(start, side):
    """Thespian lets SIGABRT through: no trap, and we did not make one."""
    staged = start(side.base)
    parent = staged.create("cast.Parent")
    staged.must(parent, "have", "cast.Victim")
    staged.tell(parent, "pass_on", 0, "die_of", "SIGABRT")
    assert eventually(lambda: staged.must(parent, "exited")["children"]) == [0]


@trap(
    "the receiver drops what it cannot unpickle, and the sender hears nothing",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_a_message_that_cannot_be_read_comes_back_and_the_receiver_goes_on(start, side):
    staged = start(side.base)
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    staged.must(producer, "send_all", Load(1, b""))
    staged.must(producer, "send_unreadable")
    staged.must(producer, "send_all", Load(2, b""))
    require(lambda: staged.must(consumer, "figures")["taken"] == [1, 2], "the readable messages")
    assert eventually(lambda: staged.must(producer, "details")["first"], side.patience_s) == (
        "LookupError: the receiver has no such class"
    )

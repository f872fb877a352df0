"""Messages and time: what is late, what is blocked, what is slowed down."""

from staging import OURS, STOCK, held, require, trap

from openoutcry.actors.protocol import Envelope, Wiring
from openoutcry.assembly.topology import EXECUTION, RISK, STRATEGY
from openoutcry.domain.control import Failure

MIB = 1 << 20


@trap(
    "Thespian delivers overdue wake-ups backwards",
    naive=(STOCK, "cast.Sleeper"),
    ours=(OURS, "cast.Sleeper"),
)
def test_overdue_wake_ups_come_in_the_order_in_which_they_were_due(start, side):
    staged = start(side.base)
    actor = staged.create(side.actor)
    staged.tell(actor, "oversleep", 5)
    require(lambda: len(staged.must(actor, "wakings")["payloads"]) == 5, "five wake-ups")
    assert staged.must(actor, "wakings") == {"payloads": [0, 1, 2, 3, 4]}


@trap(
    "with 950 messages queued, send() blocks in the middle of the handler",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_a_stopped_consumer_does_not_make_its_producer_deaf(start, side):
    staged = start(side.base)
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    with held(staged.must(consumer, "pid")):
        staged.tell(producer, "flood", 0, 5000, 100)
        assert staged.ask(producer, "ping", within_s=side.patience_s) == "pong"
    require(lambda: staged.must(consumer, "figures")["taken"] == list(range(5000)), "all, in order")


@trap(
    "a sender is not told that its messages wait: it is blocked, whatever else it is sent",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_what_a_full_mailbox_does_not_take_comes_back_and_memory_stays_bounded(start, side):
    staged = start(side.base)
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    with held(staged.must(consumer, "pid")):
        grown_bytes = staged.ask(producer, "flood", 0, 1200, MIB // 8, within_s=side.patience_s)
        assert grown_bytes is not None
    assert grown_bytes < 100 * MIB  # of the 150 that were sent
    returned = staged.must(producer, "figures")["returned"]
    require(lambda: len(staged.must(consumer, "figures")["taken"]) + returned >= 1200, "the rest")
    assert staged.must(consumer, "figures")["taken"] == list(range(1200 - returned))
    assert returned > 0


def test_each_message_that_is_refused_is_told(start):
    staged = start(OURS)
    producer = staged.create("cast.Producer")
    consumer = staged.consumer_of(producer)
    with held(staged.must(consumer, "pid")):
        staged.must(producer, "flood", 0, 3000, MIB // 8)
    require(
        lambda: (
            len(staged.must(consumer, "figures")["taken"]) + staged.must(producer, "figures")["returned"]
            == 3000
        ),
        "each message to be taken or told",
    )


def test_our_actor_with_a_full_edge_is_told_so_and_listens(start):
    staged = start(OURS)
    actor, consumer = staged.create("guarded.GuardedProducer"), staged.create("cast.Consumer")
    staged.configure(actor, RISK)
    staged.system.tell(actor, Wiring({EXECUTION: consumer}))
    with held(staged.must(consumer, "pid")):
        staged.tell(actor, "flood", 0, 1500, 0)
        assert staged.ask(actor, "ping") == "pong"
        failure = staged.hear(lambda each: isinstance(each, Envelope) and isinstance(each.message, Failure))
    assert failure.message.error.startswith("EdgeFullError")


@trap(
    "Thespian asks its throttle at each message, and that sleeps when there are many",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_no_throttle_is_asked_before_a_message_is_sent(start, side):
    staged = start(side.base)
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    staged.must(producer, "replace_governor")
    staged.must(producer, "send_described", 10)
    require(lambda: len(staged.must(consumer, "figures")["taken"]) == 20, "all messages")
    assert staged.must(producer, "figures").get("throttled", 0) == 0


@trap(
    "Thespian describes each message in words, at either end, for a log that is off",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_no_message_is_put_into_words(start, side):
    staged = start(side.base)
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    staged.must(producer, "send_described", 10)
    require(lambda: len(staged.must(consumer, "figures")["taken"]) == 20, "all messages")
    described = [staged.must(each, "figures").get("described", 0) for each in (producer, consumer)]
    assert described == [0, 0]


@trap(
    "Thespian forgets a watch that is not returned from each and every handler",
    naive=(STOCK, "cast.LoopOwner"),
    our_actor_on_stock=(STOCK, "guarded.GuardedLoopOwner"),
    our_actor_on_ours=(OURS, "guarded.GuardedLoopOwner"),
)
def test_what_a_loop_has_to_say_is_heard_whatever_else_the_actor_was_sent(start, side):
    staged = start(side.base)
    actor = staged.create(side.actor)
    if side.actor == "guarded.GuardedLoopOwner":
        staged.configure(actor, STRATEGY)
    else:
        staged.must(actor, "begin")
    staged.must(actor, "ping")
    for number in range(3):
        staged.tell(actor, "say_from_the_loop", number)
        assert staged.hear(lambda each, number=number: each == ("said", number), side.patience_s)

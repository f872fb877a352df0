import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.actors.edge import EdgeFullError, OutgoingEdge
from openoutcry.actors.protocol import Envelope
from openoutcry.assembly.topology import Edge, Policy
from openoutcry.domain.control import Start, Stop

WINDOW = 4
CAPACITY = 3
REFUSE = Edge("a", Start, "b", Policy.REFUSE, CAPACITY)
CONFLATE = Edge("a", Start, "b", Policy.CONFLATE, CAPACITY)
DROP = Edge("a", Start, "b", Policy.DROP_OLDEST, CAPACITY)


def envelope(text):
    return Envelope("a", 0, 0, 0, 0, Start(id=text))


def make():
    sent = []
    edge = OutgoingEdge("b", sent.append, WINDOW)
    return edge, sent


def figures(edge, name="b/Start"):
    return dict(edge.figures())[name]


def ids(sent):
    return [each.message.id for each in sent]


def test_nothing_is_sent_before_the_receiver_is_known():
    edge, sent = make()
    edge.offer(REFUSE, envelope("1"))
    assert sent == []
    edge.reopen()
    assert ids(sent) == ["1"]


def test_window_bounds_what_is_under_way_and_credit_frees_it():
    edge, sent = make()
    edge.reopen()
    for number in range(WINDOW + 2):
        edge.offer(REFUSE, envelope(str(number)))
    assert len(sent) == WINDOW
    assert edge.depth == WINDOW + 2
    edge.credit(1)
    assert ids(sent) == ["0", "1", "2", "3", "4"]
    assert [each.sequence for each in sent] == [1, 2, 3, 4, 5]


def test_a_full_edge_refuses_what_may_not_be_lost():
    edge, _ = make()
    edge.reopen()
    for number in range(WINDOW + CAPACITY):
        edge.offer(REFUSE, envelope(str(number)))
    with pytest.raises(EdgeFullError, match="a has 7 messages waiting for b"):
        edge.offer(REFUSE, envelope("over"))
    assert figures(edge).refused == 1
    assert figures(edge).depth == WINDOW + CAPACITY


def test_a_receiver_that_is_a_window_behind_makes_the_edge_congested():
    edge, _ = make()
    edge.reopen()
    for number in range(WINDOW):
        edge.offer(REFUSE, envelope(str(number)))
    assert not edge.is_congested
    edge.offer(REFUSE, envelope("one more"))
    assert edge.is_congested
    edge.credit(1)
    assert not edge.is_congested


def test_the_age_is_that_of_the_oldest_message_not_taken():
    edge, _ = make()
    edge.reopen()
    for sent_ns in (0, time.monotonic_ns()):
        edge.offer(REFUSE, Envelope("a", 0, 0, sent_ns, 0, Start(id="x")))
    assert figures(edge).age_s == pytest.approx(time.monotonic(), rel=0.1)
    edge.credit(1)
    assert figures(edge).age_s < time.monotonic() / 2
    edge.credit(2)
    assert figures(edge).age_s == 0


def test_conflation_keeps_only_the_newest_of_a_kind():
    edge, sent = make()
    edge.reopen()
    for number in range(20):
        edge.offer(CONFLATE, envelope(str(number)))
    edge.credit(WINDOW)
    assert ids(sent) == ["0", "1", "2", "3", "19"]
    assert figures(edge).conflated == 15


def test_drop_oldest_keeps_the_newest_and_counts():
    edge, sent = make()
    edge.reopen()
    for number in range(WINDOW + CAPACITY + 2):
        edge.offer(DROP, envelope(str(number)))
    edge.credit(WINDOW)
    assert ids(sent) == ["0", "1", "2", "3", "6", "7", "8"]
    assert figures(edge).dropped == 2


def test_kinds_keep_one_common_order():
    edge, sent = make()
    edge.reopen()
    stop = Edge("a", Stop, "b", Policy.REFUSE, CAPACITY)
    for number in range(WINDOW):
        edge.offer(REFUSE, envelope(str(number)))
    edge.offer(REFUSE, envelope("first"))
    edge.offer(stop, Envelope("a", 0, 0, 0, 0, Stop(id="second")))
    edge.credit(WINDOW)
    assert ids(sent)[-2:] == ["first", "second"]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.one_of(st.just("send"), st.integers(0, 8)), max_size=60))
def test_refusing_edges_lose_nothing_and_keep_order(steps):
    edge, sent = make()
    edge.reopen()
    taken = offered = 0
    for step in steps:
        if step == "send":
            try:
                edge.offer(REFUSE, envelope(str(offered)))
                offered += 1
            except EdgeFullError:
                assert edge.depth == WINDOW + CAPACITY
        else:
            taken = min(len(sent), taken + step)
            edge.credit(taken)
        assert len(sent) - taken <= WINDOW
    edge.credit(len(sent))
    edge.credit(len(sent))
    assert ids(sent) == [str(number) for number in range(offered)]


def test_a_successor_gets_what_the_dead_one_had_not_acknowledged():
    sent = []
    edge = OutgoingEdge("b", sent.append, WINDOW, is_resending=True)
    edge.reopen()
    for number in range(WINDOW + 2):
        edge.offer(REFUSE, envelope(str(number)))
    edge.credit(2)
    sent.clear()
    edge.reopen()
    assert ids(sent) == ["2", "3", "4", "5"]
    assert [each.sequence for each in sent] == [1, 2, 3, 4]
    edge.credit(WINDOW)
    assert edge.depth == 0


def test_what_may_be_dropped_is_not_sent_again():
    sent = []
    edge = OutgoingEdge("b", sent.append, WINDOW, is_resending=True)
    edge.reopen()
    edge.offer(DROP, envelope("1"))
    edge.offer(REFUSE, envelope("2"))
    sent.clear()
    edge.reopen()
    assert ids(sent) == ["2"]


def test_nothing_goes_to_a_receiver_that_is_gone_and_its_successor_begins_afresh():
    edge, sent = make()
    edge.reopen()
    for number in range(WINDOW + 1):
        edge.offer(REFUSE, envelope(str(number)))
    edge.close()
    sent.clear()
    for kind in (REFUSE, CONFLATE, DROP) * (CAPACITY + WINDOW):  # more than would ever fit
        edge.offer(kind, envelope("meanwhile"))
    edge.credit(WINDOW)
    assert sent == []
    assert edge.is_congested
    assert (edge.depth, figures(edge).dropped) == (0, 1 + 3 * (CAPACITY + WINDOW))
    edge.reopen()
    assert sent == []
    assert not edge.is_congested
    edge.offer(REFUSE, envelope("afresh"))
    assert [(each.sequence, each.message.id) for each in sent] == [(1, "afresh")]


def test_what_may_not_be_lost_waits_for_the_successor_until_the_edge_is_full():
    sent = []
    edge = OutgoingEdge("b", sent.append, WINDOW, is_resending=True)
    edge.reopen()
    edge.offer(REFUSE, envelope("under way"))
    edge.close()
    sent.clear()
    for number in range(CAPACITY):
        edge.offer(REFUSE, envelope(str(number)))
    with pytest.raises(EdgeFullError):
        edge.offer(REFUSE, envelope("over"))
    assert sent == []
    edge.reopen()
    assert ids(sent) == ["under way", "0", "1", "2"]


def test_nothing_is_sent_again_where_that_would_do_harm():
    edge, sent = make()
    edge.reopen()
    edge.offer(REFUSE, envelope("1"))
    edge.reopen()
    assert ids(sent) == ["1"]

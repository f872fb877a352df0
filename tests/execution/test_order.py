from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import VenueError
from openoutcry.domain.orders import TERMINAL_STATES
from openoutcry.execution.commands import OrderReport, SubmitOrder
from openoutcry.execution.order import LEGAL_TRANSITIONS, ChildOrder

ORDER = SubmitOrder(
    symbol="BTC/USDT",
    client_order_id="c1",
    parent_id="p1",
    side="buy",
    price_ticks=100,
    size_lots=10,
    time_in_force="GTC",
)


def child(*reports):
    fold = ChildOrder(ORDER)
    for each in reports:
        fold.apply(each)
    return fold


def told(report, state, filled=0, **trade):
    return report(ORDER, state, filled, **trade)


def test_a_fill_before_the_acknowledgement_counts_and_the_late_acknowledgement_is_harmless(report):
    fold = child(told(report, "PARTIALLY_FILLED", 4, trade="t1", lots=4), told(report, "ACCEPTED"))
    assert (fold.state, fold.filled_lots) == ("PARTIALLY_FILLED", 4)


def test_a_fill_after_the_cancel_acknowledgement_counts(report):
    fold = child(told(report, "ACCEPTED"), told(report, "CANCELED", 4))
    assert fold.is_terminal
    assert not fold.is_settled
    assert fold.committed_lots == 4
    fold.apply(told(report, "PARTIALLY_FILLED", 4, trade="t1", lots=4))
    assert (fold.state, fold.filled_lots, fold.is_settled) == ("CANCELED", 4, True)


def test_a_repeated_trade_counts_once(report):
    trade = told(report, "PARTIALLY_FILLED", 4, trade="t1", lots=4)
    assert child(trade, trade).filled_lots == 4


def test_an_unknown_order_keeps_its_whole_size_committed(report):
    fold = child(told(report, "PARTIALLY_FILLED", 4, trade="t1", lots=4))
    assert fold.turn("UNKNOWN")
    assert fold.committed_lots == 10


def test_a_terminal_order_does_not_come_back_to_life(report):
    fold = child(told(report, "ACCEPTED"), told(report, "CANCELED"), told(report, "ACCEPTED"))
    assert fold.state == "CANCELED"


def test_life_after_a_proven_absence_is_seen(report):
    fold = ChildOrder(ORDER)
    fold.turn("REJECTED")
    assert fold.disproves_rejection(told(report, "ACCEPTED"))
    fold.apply(told(report, "ACCEPTED"))
    assert fold.state == "ACCEPTED"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"side": "sell"}, "sell 10 lots"),
        ({"size_lots": 11}, "buy 11 lots"),
        ({"filled_lots": 11}, "11 lots filled"),
        ({"trade_id": "t9", "last_lots": 11}, "11 lots filled"),
        ({"trade_id": "t9", "last_lots": 0}, "must be positive"),
        ({"trade_id": "", "last_lots": 3}, "without a trade id"),
    ],
)
def test_a_report_that_contradicts_the_order_is_refused_and_changes_nothing(report, change, named):
    fold = child(told(report, "ACCEPTED"))
    fields = {name: getattr(told(report, "ACCEPTED"), name) for name in OrderReport.__struct_fields__}
    with pytest.raises(VenueError, match=named):
        fold.apply(OrderReport(**{**fields, **change}))
    assert (fold.state, fold.filled_lots, fold.reported_lots) == ("ACCEPTED", 0, 0)


@st.composite
def lives(draw):
    """The reports of one order's true life, then repeated and shuffled on their way."""
    sizes, left = [], 10
    while left and draw(st.booleans()):
        sizes.append(draw(st.integers(min_value=1, max_value=left)))
        left -= sizes[-1]
    story, filled = [("ACCEPTED", 0, "", 0)], 0
    for index, lots in enumerate(sizes):
        filled += lots
        story.append(("FILLED" if filled == 10 else "PARTIALLY_FILLED", filled, f"t{index}", lots))
    end = "FILLED" if filled == 10 else draw(st.sampled_from(["CANCELED", "EXPIRED"]))
    if end != "FILLED":
        story.append((end, filled, "", 0))
    copies = [event for event in story for _ in range(draw(st.integers(min_value=1, max_value=3)))]
    return end, filled, draw(st.permutations(copies))


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(lives())
def test_any_order_of_news_gives_the_same_end(life):
    end, filled, news = life
    fold = ChildOrder(ORDER)
    states = [fold.state]
    for state, so_far, trade, lots in news:
        fold.apply(
            OrderReport(
                symbol="BTC/USDT",
                client_order_id="c1",
                venue_order_id="v1",
                state=state,
                side="buy",
                price_ticks=100,
                size_lots=10,
                filled_lots=so_far,
                at_ns=0,
                trade_id=trade,
                last_price_ticks=100 if trade else 0,
                last_lots=lots,
            )
        )
        assert fold.filled_lots <= 10
        states.append(fold.state)
    assert (fold.state, fold.filled_lots, fold.is_settled) == (end, filled, True)
    for before, after in pairwise(states):
        assert after == before or after in LEGAL_TRANSITIONS[before]


def test_terminal_states_lead_nowhere_but_to_filled():
    for state in TERMINAL_STATES:
        assert LEGAL_TRANSITIONS[state] <= {"FILLED"}

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import HaltedError, InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.execution.commands import SubmitOrder
from openoutcry.execution.last_hop import LastHop
from openoutcry.memory.halt_latch import HaltLatch


def order(lots, *, name="c1", price=100, side="buy", parent="p1"):
    return SubmitOrder(
        symbol="BTC/USDT",
        client_order_id=name,
        parent_id=parent,
        side=side,
        price_ticks=price,
        size_lots=lots,
        time_in_force="IOC",
    )


@pytest.fixture
def last_hop():
    hop = LastHop()
    hop.approve("p1", "BTC/USDT", "buy", 10, 100)
    return hop


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (order(11), "11 lots would be at stake, approved are 10"),
        (order(1, price=101), "worse than the approved 100"),
        (order(1, side="sell"), "differ from the approved buy"),
        (order(1, parent="p2"), "belongs to no approved order"),
        (order(0), "outside the venue's limits"),
        (order(-1), "outside the venue's limits"),
        (order(1, price=0), "not positive"),
    ],
)
def test_what_was_not_approved_does_not_leave(last_hop, btc, wrong, named):
    with pytest.raises(InvalidInputError, match=named):
        last_hop.send(wrong, btc)
    assert last_hop.at_stake_lots("p1") == 0


def test_the_same_order_does_not_leave_twice(last_hop, btc):
    last_hop.send(order(3), btc)
    with pytest.raises(InvalidInputError, match="sent before"):
        last_hop.send(order(3), btc)


def test_under_a_halt_nothing_leaves_and_nothing_counts(last_hop, btc, tmp_path):
    latch = HaltLatch(tmp_path)
    last_hop.guard(latch.is_armed)
    last_hop.send(order(3), btc)
    latch.arm("drill", "test", 1)
    with pytest.raises(HaltedError, match="c2 is not sent: the halt is armed"):
        last_hop.send(order(3, name="c2"), btc)
    assert last_hop.at_stake_lots("p1") == 3
    latch.lift("test")
    last_hop.send(order(3, name="c2"), btc)


def test_an_approval_cannot_be_raised_afterwards(last_hop, btc):
    last_hop.approve("p1", "BTC/USDT", "buy", 1_000, 100)
    with pytest.raises(InvalidInputError, match="approved are 10"):
        last_hop.send(order(11), btc)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.tuples(st.integers(min_value=1, max_value=10), st.floats(min_value=0, max_value=1)), max_size=20
    )
)
def test_never_more_at_stake_than_approved(steps):
    btc = Instrument(
        venue="v",
        symbol="BTC/USDT",
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="1",
        size_step="1",
        min_size_lots=1,
        max_size_lots=10**6,
        min_notional_atoms=0,
    )
    hop = LastHop()
    hop.approve("p1", "BTC/USDT", "buy", 30, 100)
    for index, (lots, share) in enumerate(steps):
        try:
            hop.send(order(lots, name=str(index)), btc)
        except InvalidInputError:
            continue
        assert hop.at_stake_lots("p1") <= 30
        hop.settle("p1", str(index), int(lots * share))

import pytest

from openoutcry.domain.units import NS_PER_S
from openoutcry.execution import schedule
from openoutcry.execution.records import Slice


def test_an_immediate_order_is_one_slice_now(approved, btc, now_ns):
    order = approved(lots=777).order
    assert schedule.plan("p", order, btc, now_ns) == (Slice(now_ns, 777),)


def test_the_smallest_order_is_worth_the_venues_minimum(approved, btc):
    order = approved().order
    lots = schedule.smallest_lots(order, btc)
    assert btc.notional_atoms(order.limit_price_ticks, lots) >= btc.min_notional_atoms
    assert btc.notional_atoms(order.limit_price_ticks, lots - 1) < btc.min_notional_atoms


@pytest.mark.parametrize("lots", [9, 10, 100, 9_999, 16_181])
def test_a_twap_sums_up_and_stays_within_its_time(approved, btc, now_ns, lots):
    pytest.importorskip("openoutcry._core", reason="the compiled core is not built")
    order = approved(lots=lots, slices=4).order
    slices = schedule.plan("p", order, btc, now_ns)
    assert sum(piece.size_lots for piece in slices) == lots
    assert all(now_ns <= piece.at_ns < now_ns + 4 * NS_PER_S for piece in slices)
    smallest = schedule.smallest_lots(order, btc)
    assert len(slices) == 1 or all(piece.size_lots >= smallest for piece in slices)
    assert schedule.plan("p", order, btc, now_ns) == slices


def test_a_late_approval_gets_what_its_deadline_leaves(approved, btc, now_ns):
    order = approved(slices=4).order
    late_ns = order.deadline_ns - NS_PER_S
    assert schedule.plan("p", order, btc, late_ns) == (Slice(late_ns, order.size_lots),)

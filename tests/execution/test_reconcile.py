import pytest

from openoutcry.domain.units import ATOMS_PER_UNIT
from openoutcry.execution.commands import OrderReport, SubmitOrder
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.order import ChildOrder
from openoutcry.execution.reconcile import reconcile

OPENING = {"USDT": 100_000 * ATOMS_PER_UNIT}


@pytest.fixture
def agreeing(btc, fill, report):
    """One order, filled, on which everybody agrees."""
    order = SubmitOrder(
        symbol="BTC/USDT",
        client_order_id="child",
        parent_id="parent",
        side="buy",
        price_ticks=6_180_000,
        size_lots=100,
        time_in_force="IOC",
    )
    trade = report(order, "FILLED", 100, trade="7", lots=100, fee=5)
    fold = ChildOrder(order)
    fold.apply(trade)
    booked = fill("buy", 100, 6_180_000, fee=5, trade_id="7")
    ledger = Ledger({"BTC/USDT": btc}, OPENING)
    ledger.book(booked)
    return {
        "instruments": {"BTC/USDT": btc},
        "opening_balances": OPENING,
        "journal_fills": [booked],
        "ledger": ledger,
        "orders": [fold],
        "venue_open": [],
        "venue_fills": [trade],
        "venue_balances": dict(ledger.balances),
    }


def texts(views):
    return [str(each) for each in reconcile(**views)]


def changed(report: OrderReport, **fields):
    return OrderReport(**{name: getattr(report, name) for name in report.__struct_fields__} | fields)


def test_agreement_is_an_empty_list(agreeing):
    assert texts(agreeing) == []


def test_one_atom_of_balance_is_seen(agreeing):
    agreeing["venue_balances"]["USDT"] += 1
    ours = agreeing["ledger"].balances["USDT"]
    assert texts(agreeing) == [
        f"balance USDT: ours {ours / 1e8:.8f}, venue's {(ours + 1) / 1e8:.8f}",
    ]


def test_one_lot_of_a_fill_is_seen(agreeing):
    agreeing["venue_fills"] = [changed(agreeing["venue_fills"][0], last_lots=101)]
    assert "101 lots" in texts(agreeing)[0]


def test_a_fill_that_we_never_heard_of_is_seen(agreeing):
    agreeing["venue_fills"] = [*agreeing["venue_fills"], changed(agreeing["venue_fills"][0], trade_id="8")]
    assert texts(agreeing)[0].startswith("fill BTC/USDT trade 8: ours not in the journal")


def test_a_fill_that_the_venue_does_not_know_is_seen(agreeing):
    agreeing["venue_fills"] = []
    assert "venue's unknown" in texts(agreeing)[0]


def test_an_order_of_somebody_else_is_seen(agreeing):
    agreeing["venue_open"] = [changed(agreeing["venue_fills"][0], client_order_id="web-1", state="ACCEPTED")]
    assert texts(agreeing) == ["open order web-1: ours not ours, venue's buy 100 lots"]


def test_an_order_that_we_hold_to_be_over_but_rests_is_seen(agreeing):
    agreeing["venue_open"] = [changed(agreeing["venue_fills"][0], state="ACCEPTED")]
    assert texts(agreeing) == ["open order child: ours FILLED, venue's ACCEPTED"]


def test_a_ledger_that_forgot_a_journaled_fill_is_seen(agreeing, btc):
    agreeing["ledger"] = Ledger({"BTC/USDT": btc}, OPENING)
    assert "ledger position in lots (against the journal) BTC/USDT: ours 0, venue's 100" in texts(agreeing)

import pytest
from tests.backtesting.event_histories import traded
from tests.native.simulated_flow import BOOK, rows, simulator

from openoutcry.backtesting.simulated_venue import SimulatedVenue
from openoutcry.execution.commands import CancelOrder, OrderAbsent, QueryOrder, SubmitFailed, SubmitOrder

REPORT = 2


@pytest.fixture
def market():
    """A book at 99 and 101 whose venue is 5 ns away, at 10 ns."""
    simulation = simulator(rows(*BOOK, (500, 2, 90, 1)), entry_ns=5, response_ns=5, taker_rate=100_000)
    simulation.subscribe(0, reports=True)
    simulation.wake_at(10)
    simulation.advance()
    return simulation, SimulatedVenue(simulation, [traded()])


def order(number, price, size, time_in_force="GTC", side="buy"):
    return SubmitOrder(
        symbol=traded().symbol,
        client_order_id=f"o{number}",
        parent_id="p",
        side=side,
        price_ticks=price,
        size_lots=size,
        time_in_force=time_in_force,
    )


def query(number):
    return QueryOrder(symbol=traded().symbol, client_order_id=f"o{number}")


def cancel(number):
    return CancelOrder(symbol=traded().symbol, client_order_id=f"o{number}", reason="slice_ended")


def heard(simulation, venue):
    """All reports that come, and when."""
    told = []
    while wake := simulation.advance():
        if wake[1] & REPORT:
            told += [(wake[0], report) for report in venue.reports(0)]
        if not simulation.orders(0) or all(each[5] for each in simulation.orders(0)):
            break
    return told


def test_an_order_is_answered_when_its_reports_have_come(market):
    simulation, venue = market
    assert venue.take(order(1, 101, 8), 10) == ()
    assert venue.take(query(1), 10) == ()  # nobody here knows it yet
    told = heard(simulation, venue)
    assert {at_ns for at_ns, _ in told} == {20}
    fill, rest = (report for _, report in told)
    assert (fill.state, fill.last_lots, fill.filled_lots, fill.last_price_ticks) == (
        "PARTIALLY_FILLED",
        5,
        5,
        101,
    )
    assert (fill.fee_atoms, fill.liquidity, fill.at_ns) == (505, "taker", 15)
    assert (rest.state, rest.filled_lots, rest.trade_id) == ("PARTIALLY_FILLED", 5, "")
    assert venue.take(order(1, 101, 8), 20) == (rest,)  # once is enough
    assert venue.take(query(1), 20) == (fill, rest)


def test_a_withdrawal_ends_it_with_its_reason(market):
    simulation, venue = market
    venue.take(order(1, 99, 3), 10)
    heard(simulation, venue)
    assert venue.take(cancel(1), 20) == ()
    [(at_ns, report)] = heard(simulation, venue)
    assert (at_ns, report.state, report.reason, report.filled_lots) == (30, "CANCELED", "slice_ended", 0)
    [again] = venue.take(cancel(1), 30)
    assert again.state == "CANCELED"


def test_what_does_not_rest_expires(market):
    simulation, venue = market
    venue.take(order(1, 101, 8, "IOC"), 10)
    venue.take(order(2, 101, 1, "FOK"), 10)
    states = [(report.client_order_id, report.state) for _, report in heard(simulation, venue)]
    assert states == [("o1", "PARTIALLY_FILLED"), ("o1", "EXPIRED"), ("o2", "EXPIRED")]


def test_what_is_no_order_fails_and_what_never_was_is_absent(market):
    _simulation, venue = market
    [failed] = venue.take(order(1, 99, 0), 10)
    assert isinstance(failed, SubmitFailed)
    assert not failed.ambiguous
    for command in (query(1), cancel(2)):
        [answer] = venue.take(command, 10)
        assert isinstance(answer, OrderAbsent)

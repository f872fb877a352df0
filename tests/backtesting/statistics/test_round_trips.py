from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.recorded_run import BTC, SYMBOL
from tests.backtesting.statistics.made_results import fill

from openoutcry.backtesting.statistics.round_trips import round_trips
from openoutcry.execution.ledger import Ledger

ONE = {SYMBOL: BTC}
PRICE = 6_000_000
ATOMS = BTC.atoms_per_tick_lot


def test_the_first_lots_bought_are_the_first_sold():
    trips = round_trips([fill(0, "buy", 100, 10), fill(1, "buy", 200, 10), fill(2, "sell", 300, 15)], ONE)
    assert [(trip.size_lots, trip.profit_atoms) for trip in trips] == [
        (10, 10 * 200 * ATOMS),
        (5, 5 * 100 * ATOMS),
    ]
    assert (trips[0].opened_ns, trips[1].opened_ns) == (trips[0].closed_ns - 2, trips[1].closed_ns - 1)


def test_the_slices_of_one_order_are_one_trade():
    fills = [fill(n, "buy", 100 + n, 10, parent="in", fee_atoms=7) for n in range(3)]
    fills += [fill(n, "sell", 200, 15, parent="out", fee_atoms=11) for n in (3, 4)]
    (trip,) = round_trips(fills, ONE)
    assert (trip.size_lots, trip.fees_atoms) == (30, 3 * 7 + 2 * 11)
    assert trip.profit_atoms == (30 * 200 - 10 * (100 + 101 + 102)) * ATOMS


def test_a_short_earns_when_the_price_falls_and_an_order_may_turn_the_position():
    fills = [fill(0, "sell", 300, 10), fill(1, "buy", 200, 25, fee_atoms=25), fill(2, "sell", 250, 15)]
    short, long = round_trips(fills, ONE)
    assert (short.side, short.profit_atoms, short.fees_atoms) == ("sell", 10 * 100 * ATOMS, 10)
    assert (long.side, long.profit_atoms, long.fees_atoms) == ("buy", 15 * 50 * ATOMS, 15)
    assert long.net_atoms == long.profit_atoms - 15


def test_what_is_still_open_is_no_trade():
    assert round_trips([fill(0, "buy", 100, 10)], ONE) == []


def test_a_fee_in_the_base_asset_is_valued_at_its_fill():
    base_atoms = 3 * BTC.base_atoms_per_lot
    fills = [fill(0, "buy", PRICE, 10, fee_atoms=base_atoms, fee_asset="BTC"), fill(1, "sell", PRICE, 10)]
    assert round_trips(fills, ONE)[0].fees_atoms == BTC.notional_atoms(PRICE, 3)
    third = [fill(0, "buy", PRICE, 10, fee_atoms=5, fee_asset="BNB"), fill(1, "sell", PRICE, 10)]
    assert round_trips(third, ONE)[0].fees_atoms == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell"]),
            st.integers(1, 500),
            st.integers(1, 40),
            st.integers(0, 99),
            st.integers(0, 3),
        ),
        max_size=40,
    )
)
def test_closed_out_trades_sum_to_the_ledgers_profit_and_fees(steps):
    """First in, first out and average cost differ while something is open, and agree when nothing is."""
    position = sum(lots if side == "buy" else -lots for side, _, lots, _, _ in steps)
    if position:
        steps = [*steps, ("sell" if position > 0 else "buy", 250, abs(position), 13, 9)]
    fills = [
        fill(number, side, price, lots, fee_atoms=fee, parent=f"{side}{parent}")
        for number, (side, price, lots, fee, parent) in enumerate(steps)
    ]
    ledger = Ledger(ONE, {})
    for each in fills:
        ledger.book(each)
    trips = round_trips(fills, ONE)
    assert sum(trip.profit_atoms for trip in trips) == ledger.realised_atoms(SYMBOL)
    assert sum(trip.fees_atoms for trip in trips) == sum(each.fee_atoms for each in fills)
    assert sum(trip.size_lots for trip in trips) * 2 == sum(each.size_lots for each in fills)

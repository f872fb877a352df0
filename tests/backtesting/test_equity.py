import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.recorded_run import BTC, CLOSES, SYMBOL, T0, candle

from openoutcry.backtesting.equity import equity_curve, market_time_ns
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT

CANDLES = [candle(index) for index in range(len(CLOSES))]


def fill(number, side, price_ticks, lots, *, at_ns=0, fee_atoms=0):
    return Fill(
        id=f"fill:{number}",
        symbol=SYMBOL,
        parent_id="p",
        client_order_id="c",
        venue_order_id="v",
        trade_id=str(number),
        side=side,
        price_ticks=price_ticks,
        size_lots=lots,
        fee_atoms=fee_atoms,
        fee_asset="USDT",
        liquidity="taker",
        at_ns=at_ns,
    )


def test_profit_is_counted_at_each_close_and_fees_are_apart():
    bought = fill(0, "buy", CLOSES[0], 50_000, fee_atoms=30 * ATOMS_PER_UNIT)
    sold = fill(1, "sell", CLOSES[2], 50_000, fee_atoms=31 * ATOMS_PER_UNIT)
    curve = equity_curve(BTC, CANDLES, [(CANDLES[0].close_ns, bought), (CANDLES[2].close_ns, sold)])
    units = [point.profit_atoms / ATOMS_PER_UNIT for point in curve.points]
    assert units == [0.0, 50.0, 150.0, 150.0]  # half a bitcoin, up 100 and then 200 more
    assert [point.fees_atoms // ATOMS_PER_UNIT for point in curve.points] == [30, 30, 61, 61]
    assert [point.position_lots for point in curve.points] == [50_000, 50_000, 0, 0]
    assert curve.net_atoms == 89 * ATOMS_PER_UNIT
    assert curve.max_drawdown_atoms == 30 * ATOMS_PER_UNIT
    assert curve.round_trips == 1


def test_a_fill_after_the_last_close_counts_in_the_end():
    curve = equity_curve(BTC, CANDLES, [(T0 * 2, fill(0, "buy", CLOSES[-1] - 100, 100_000))])
    assert curve.points[-1].profit_atoms == 0
    assert curve.profit_atoms == ATOMS_PER_UNIT


def test_a_turn_through_zero_closes_a_trade():
    steps = [("buy", 10), ("buy", 10), ("sell", 30), ("buy", 5), ("buy", 5)]
    fills = [(index, fill(index, side, CLOSES[0], lots)) for index, (side, lots) in enumerate(steps)]
    assert equity_curve(BTC, CANDLES, fills).round_trips == 2


def test_without_candles_or_fills_there_is_nothing():
    curve = equity_curve(BTC, [], [])
    assert (curve.points, curve.net_atoms, curve.max_drawdown_atoms, curve.round_trips) == ((), 0, 0, 0)


@pytest.mark.parametrize(
    ("at_ns", "expected_ns"),
    [(T0, T0), (CANDLES[-1].close_ns, CANDLES[-1].close_ns), (T0 - 1, 77), (2 * T0, 77)],
)
def test_a_fill_of_another_clock_is_placed_at_its_cause(at_ns, expected_ns):
    assert market_time_ns(fill(0, "buy", 1, 1, at_ns=at_ns), CANDLES, 77) == expected_ns


trades = st.lists(
    st.tuples(
        st.sampled_from(("buy", "sell")),
        st.integers(1, 10_000_000),
        st.integers(1, 1_000),
        st.integers(0, 999),
    ),
    max_size=20,
)


@given(trades)
def test_profit_less_fees_is_what_the_account_gained_to_the_last_atom(steps):
    fills = [
        (CANDLES[index % 4].open_ns, fill(index, side, price, lots, fee_atoms=fee))
        for index, (side, price, lots, fee) in enumerate(steps)
    ]
    curve = equity_curve(BTC, CANDLES, fills)
    cash = sum(
        (-1 if side == "buy" else 1) * BTC.notional_atoms(price, lots) - fee
        for side, price, lots, fee in steps
    )
    held = sum(lots if side == "buy" else -lots for side, _, lots, _ in steps)
    assert curve.net_atoms == cash + BTC.notional_atoms(CLOSES[-1], held)
    assert curve.points[-1].net_atoms == curve.net_atoms
    assert curve.max_drawdown_atoms >= 0

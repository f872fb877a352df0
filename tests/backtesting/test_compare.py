import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.backtested import COIN, backtested
from tests.backtesting.recorded_run import CLOSES, T0, write_run

from openoutcry.backtesting.compare import compare
from openoutcry.backtesting.equity import equity_curve
from openoutcry.backtesting.journals import read_run
from openoutcry.backtesting.replay_clock import ReplayClock
from openoutcry.backtesting.traded import Traded, TradedOrder, traded_in_backtest, traded_in_run
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS, NS_PER_S
from openoutcry.ingestion.candles import candle_of

UNIT = COIN.atoms_per_tick_lot
MARK = 10_100


def order(minute, side="buy", lots=10, price=10_000, *, fees=0, late_ms=50):
    caused = minute * 60 * NS_PER_S
    return TradedOrder(
        intent_id=f"intent:test:candle:COIN/USDT:60s:{caused}",
        symbol=COIN.symbol,
        side=side,
        caused_ns=caused,
        first_ns=None if late_ms is None else caused + late_ms * NS_PER_MS,
        size_lots=lots,
        cost=lots * price,
        fees_atoms=fees,
        fills=1,
    )


def run_of(*orders, mark=MARK, funding=0, rest=0, name="a", unfilled=()):
    """A run whose profit is what its orders are worth at its own mark, and `rest` that nobody explains."""
    net = sum(
        (1 if each.side == "buy" else -1) * (each.size_lots * mark - each.cost) * UNIT - each.fees_atoms
        for each in orders
    )
    return Traded(
        name=name,
        mode="backtest",
        quote="USDT",
        instruments={COIN.symbol: COIN},
        orders={each.intent_id: each for each in orders},
        unfilled=dict(unfilled),
        marks={COIN.symbol: mark},
        net_atoms=net - funding + rest,
        funding_atoms=funding,
    )


def effects(found):
    return {name: atoms for name, atoms in found.effects_atoms.items() if atoms}


def test_a_run_is_the_same_as_itself():
    one = run_of(order(1), order(2, "sell"))
    found = compare(one, one)
    assert found.is_same
    assert found.matched == 2
    assert not found.differences


def test_a_worse_price_and_a_fee_are_told_apart():
    found = compare(run_of(order(1, fees=5)), run_of(order(1, price=10_003, fees=7)))
    assert effects(found) == {"price": -3 * 10 * UNIT, "fees": -2}
    (only,) = found.differences
    assert only.price_ticks == pytest.approx(3)
    assert only.price_bps == pytest.approx(3)
    assert "price +3.0 bps" in only.why


def test_lots_that_only_one_traded_are_worth_what_they_gained_until_the_end():
    found = compare(run_of(order(1, lots=10)), run_of(order(1, lots=4)))
    assert effects(found) == {"size": -6 * (MARK - 10_000) * UNIT}


def test_a_missing_order_says_which_check_refused_it():
    lone = order(2, "sell", price=10_050)
    refused = run_of(order(1), unfilled={lone.intent_id: "refused by cash: limit 1, value 2"})
    found = compare(run_of(order(1), lone), refused)
    (only,) = found.differences
    assert "refused by cash" in only.why
    assert "right" in only.why
    assert effects(found) == {"missing": (MARK - 10_050) * 10 * UNIT}  # the sale cost what came after it
    assert compare(refused, run_of(order(1), lone)).differences[0].net_atoms == -only.net_atoms


def test_the_same_wish_a_candle_later_is_one_moved_order():
    found = compare(run_of(order(1), order(5, "sell")), run_of(order(2, price=10_010), order(5, "sell")))
    (only,) = found.differences
    assert only.moved_ns == 60 * NS_PER_S
    assert effects(found) == {"price": -10 * 10 * UNIT}
    assert found.matched == 2


def test_orders_of_two_strategies_match_by_their_candle():
    renamed = msgspec.structs.replace(order(1), intent_id=order(1).intent_id.replace("test", "other"))
    assert compare(run_of(order(1)), run_of(renamed)).is_same


def test_later_is_a_difference_unless_it_was_stated():
    slow, fast = run_of(order(1, late_ms=80)), run_of(order(1, late_ms=50))
    found = compare(fast, slow)
    assert [each.latency_ns for each in found.differences] == [30 * NS_PER_MS]
    assert not effects(found)
    assert not found.is_same
    assert compare(fast, slow, latency_ns=30 * NS_PER_MS).is_same
    assert compare(fast, run_of(order(1, late_ms=None))).is_same  # another clock says nothing of latency


def test_a_turned_side_is_one_effect():
    found = compare(run_of(order(1)), run_of(order(1, "sell")))
    assert effects(found) == {"side": -2 * 10 * (MARK - 10_000) * UNIT}


def test_what_nobody_explains_is_shown_as_such():
    found = compare(run_of(order(1)), run_of(order(1), rest=-42))
    assert effects(found) == {"unexplained": -42}
    assert not found.is_same


def test_funding_and_the_last_price_are_told_apart():
    found = compare(run_of(order(1)), run_of(order(1), mark=MARK + 2, funding=9))
    assert effects(found) == {"funding": -9, "valuation": 2 * 10 * UNIT}


def test_runs_in_two_assets_or_on_two_grids_are_refused():
    one = run_of(order(1))
    with pytest.raises(InvalidInputError, match="one asset"):
        compare(one, msgspec.structs.replace(one, quote="EUR"))
    coarse = msgspec.structs.replace(COIN, price_tick="0.1")
    with pytest.raises(InvalidInputError, match="one grid"):
        compare(one, msgspec.structs.replace(one, instruments={COIN.symbol: coarse}))


some_orders = st.lists(
    st.builds(
        order,
        st.integers(1, 12),
        st.sampled_from(("buy", "sell")),
        st.integers(1, 50),
        st.integers(1, 20_000),
        fees=st.integers(-50, 50),
        late_ms=st.one_of(st.none(), st.integers(0, 90)),
    ),
    max_size=10,
    unique_by=lambda each: each.intent_id,
)
some_runs = st.builds(
    lambda orders, mark, funding: run_of(*orders, mark=mark, funding=funding),
    some_orders,
    st.integers(1, 20_000),
    st.integers(-9, 9),
)


@given(some_runs, some_runs)
def test_the_effects_sum_to_the_difference_of_the_profits_and_nothing_is_unexplained(left, right):
    found = compare(left, right)
    assert sum(found.effects_atoms.values()) == found.net_atoms == right.net_atoms - left.net_atoms
    assert found.effects_atoms["unexplained"] == 0
    listed = [each.left.intent_id for each in found.differences if each.left]
    assert len(set(listed)) == len(listed)
    assert compare(right, left).net_atoms == -found.net_atoms
    assert (
        found.is_same
        or found.differences
        or found.effects_atoms["funding"]
        or found.effects_atoms["valuation"]
    )


@given(some_runs)
def test_every_run_is_the_same_as_itself(run):
    assert compare(run, run).is_same


def test_real_backtests_are_explained_to_the_last_atom():
    (left, _), (right, _) = backtested(fast=5), backtested(fast=6)
    found = compare(traded_in_backtest(left), traded_in_backtest(right))
    assert found.differences
    assert found.net_atoms == right.net_atoms - left.net_atoms
    assert found.effects_atoms["unexplained"] == 0
    same = compare(traded_in_backtest(left), traded_in_backtest(backtested(fast=5)[0]))
    assert same.is_same
    assert same.matched > 50


def test_a_runs_journals_are_read_as_its_orders(tmp_path):
    market = (T0 + 5 * NS_PER_S, T0 + 15 * NS_PER_S)
    run = traded_in_run(read_run(write_run(tmp_path, fill_times=market).run_dir))
    bought, sold = run.orders.values()
    assert (bought.side, bought.size_lots, bought.cost) == ("buy", 50_000, 50_000 * CLOSES[0])
    assert (bought.latency_ns, sold.latency_ns) == (0, 0)
    assert run.net_atoms == 90 * ATOMS_PER_UNIT
    assert run.unfilled["intent:1"] == "refused by cash: limit 1, value <2>"
    assert compare(run, run).is_same
    cheaper = msgspec.structs.replace(bought, cost=bought.cost - 50_000)
    other = msgspec.structs.replace(
        run,
        orders={**run.orders, bought.intent_id: cheaper},
        net_atoms=run.net_atoms + 50_000 * run.instruments[bought.symbol].atoms_per_tick_lot,
    )
    assert effects(compare(run, other)) == {"price": other.net_atoms - run.net_atoms}


def test_a_backtest_names_causes_as_a_live_feed_does():
    result, series = backtested(hours=300)
    named = candle_of(COIN.symbol, series.interval_ns, (0, int(series.close_ns[40]), *[1] * 10)).id
    orders = traded_in_backtest(result).orders.values()
    assert orders
    for each in orders:
        assert each.candle_id.rpartition(":")[0] == named.rpartition(":")[0]
        assert each.caused_ns in series.close_ns
        assert 0 < each.latency_ns < NS_PER_S


def test_fees_in_the_base_asset_are_explained_to_the_last_atom():
    """The profit rounds them together, the orders one by one: the rest is of the valuation."""
    result, _ = backtested(hours=400)
    fills = tuple(
        msgspec.structs.replace(fill, fee_atoms=fill.fee_atoms // 7 + 1, fee_asset=COIN.base)
        for fill in result.fills
    )
    assert len(fills) > 3
    part = fills[: len(fills) // 2]
    runs = []
    for some in (fills, part):
        account = equity_curve(COIN, [last_candle(result)], [(0, fill) for fill in some])
        traded = traded_in_backtest(dataclasses.replace(result, fills=some))
        runs.append(msgspec.structs.replace(traded, net_atoms=account.net_atoms))
    left, right = runs
    assert left.rounding_atoms < 0
    found = compare(left, right)
    assert found.effects_atoms["unexplained"] == 0
    assert sum(found.effects_atoms.values()) == right.net_atoms - left.net_atoms


def last_candle(result):
    """A candle that closes at the end's price, behind all fills."""
    price = int(result.curve.price_ticks[-1])
    values = (0, 2**62, price, price, price, price, 1, 1, price, 1, 1, 1)
    return candle_of(COIN.symbol, NS_PER_S, values)


def test_a_latency_told_from_a_replays_pace_says_why_but_makes_no_difference():
    one, late = run_of(order(1), order(2)), run_of(order(1, late_ms=90), order(2, price=10_010, late_ms=400))
    replayed = msgspec.structs.replace(late, is_time_estimated=True)
    (told,) = compare(one, replayed).differences
    assert told.why == "price +10.0 bps, about 0.35 s later after its cause"
    assert len(compare(one, late).differences) == 2


def test_a_replays_clock_is_set_by_the_intent_that_was_taken_on_soonest(tmp_path):
    run = read_run(write_run(tmp_path).run_dir)
    assert ReplayClock.of_run(run) is None  # its pace is not recorded
    assert not traded_in_run(run).is_time_estimated
    run.record = msgspec.structs.replace(run.record, replay_speed=10.0)
    closes = [int(planned.approved.intent.event_ns) for planned in run.parents]
    walls = [1_000 * NS_PER_S, 1_000 * NS_PER_S + (closes[1] - closes[0]) // 10 - 20 * NS_PER_MS]
    run.planned_ns = dict(zip(run.planned_ns, walls, strict=True))
    clock = ReplayClock.of_run(run)
    assert clock.market_time_ns(walls[1]) == closes[1]
    assert clock.market_time_ns(walls[0]) == closes[0] + 200 * NS_PER_MS
    assert traded_in_run(run).is_time_estimated

import numpy as np
import pytest
from tests.backtesting.candle_histories import FIRST_NS, INTERVAL_NS, series

from openoutcry.assembly.backtest_settings import BacktestSettings
from openoutcry.backtesting.candle_venue import CandleVenue
from openoutcry.backtesting.history.candles import Funding
from openoutcry.execution.commands import CancelOrder, OrderAbsent, QueryOrder, SubmitOrder

ROWS = [
    (10_000, 10_100, 9_900, 10_050, 1_000),
    (10_050, 10_060, 9_999, 10_000, 1_000),
    (10_000, 10_010, 9_950, 9_960, 500),
    (9_960, 9_970, 9_940, 9_950, 0),
    (9_950, 9_960, 9_800, 9_900, 2_000),
]
QUARTER_NS = INTERVAL_NS // 4


def venue(rows=ROWS, funding=None, **terms):
    given = {"maker_fee_ppm": 200, "taker_fee_ppm": 1_000, "half_spread_ppm": 0, "volume_share_ppm": 100_000}
    return CandleVenue(series(rows, "linear"), BacktestSettings(**given | terms), funding)


def order(side, price, lots, tif="GTC", name="a"):
    return SubmitOrder(
        symbol="BTC/USDT:USDT",
        client_order_id=name,
        parent_id="p",
        side=side,
        price_ticks=price,
        size_lots=lots,
        time_in_force=tif,
    )


def at(minute, part_ns=0):
    return FIRST_NS + minute * INTERVAL_NS + part_ns


@pytest.mark.parametrize(
    ("side", "limit", "part_ns", "price"),
    [
        ("buy", 10_500, 0, 10_000),  # the open
        ("buy", 10_500, QUARTER_NS, 10_025),  # a quarter of the way to the high
        ("buy", 10_500, QUARTER_NS + 1, 10_026),  # rounded up
        ("sell", 9_000, 0, 10_000),
        ("sell", 9_000, QUARTER_NS, 9_975),
        ("sell", 9_000, QUARTER_NS + 1, 9_974),  # rounded down
    ],
)
def test_a_taker_pays_the_worst_price_that_the_candle_may_have_had(side, limit, part_ns, price):
    (report,) = venue().take(order(side, limit, 100, "IOC"), at(0, part_ns))
    assert (report.state, report.last_price_ticks, report.last_lots) == ("FILLED", price, 100)
    assert (report.liquidity, report.fee_atoms) == (
        "taker",
        price * 100,
    )  # 0.1 % of price · 100 · 1,000 atoms


def test_half_a_spread_comes_on_top_and_fees_are_rounded_up():
    (report,) = venue(half_spread_ppm=150, taker_fee_ppm=333).take(order("buy", 10_500, 7, "IOC"), at(0))
    assert report.last_price_ticks == 10_002  # 1.5 ticks, rounded up
    assert report.fee_atoms == 23_315  # 10,002 · 7 · 1,000 · 0.000333 = 23,314.662
    (sold,) = venue(half_spread_ppm=150).take(order("sell", 9_000, 7, "IOC"), at(0))
    assert sold.last_price_ticks == 9_998


def test_a_rebate_is_rounded_down():
    market = venue(maker_fee_ppm=-333)
    market.take(order("buy", 9_999, 7), at(0))
    assert market.wake_ns == at(1) - 1
    (report,) = market.wake(market.wake_ns)
    assert report.fee_atoms == -23_307  # 9,999 · 7 · 1,000 · 0.000333 = 23,307.669


def test_nobody_pays_beyond_the_limit():
    (report,) = venue().take(order("buy", 10_024, 100, "IOC"), at(0, QUARTER_NS))
    assert (report.state, report.filled_lots) == ("EXPIRED", 0)


def test_orders_together_have_a_share_of_the_volume():
    market = venue()
    first = market.take(order("buy", 10_500, 70, "IOC", "a"), at(0))
    second = market.take(order("buy", 10_500, 70, "IOC", "b"), at(0, QUARTER_NS))
    third = market.take(order("buy", 10_500, 70, "FOK", "c"), at(1))
    assert [report.last_lots for report in (*first, *second, *third)] == [70, 30, 0, 70]
    assert [report.state for report in second] == ["PARTIALLY_FILLED", "EXPIRED"]
    (fourth,) = market.take(order("buy", 10_500, 40, "FOK", "d"), at(1))
    assert (fourth.state, fourth.filled_lots) == ("EXPIRED", 0)


def test_what_rests_trades_when_the_price_goes_through_it_and_not_just_to_it():
    market = venue()
    (accepted,) = market.take(order("buy", 9_950, 30), at(1))
    assert accepted.state == "ACCEPTED"
    assert market.wake_ns == at(4) - 1  # 9,950 was the low of the candle before, 9,940 that of this one
    assert list(market.wake(market.wake_ns)) == []  # but nothing was traded in it
    assert market.wake_ns == at(5) - 1
    (report,) = market.wake(market.wake_ns)
    assert (report.state, report.last_price_ticks, report.liquidity) == ("FILLED", 9_950, "maker")
    assert market.wake_ns is None


def test_what_comes_in_the_middle_of_a_candle_does_not_trade_as_a_maker_in_it():
    market = venue()
    market.take(order("buy", 9_950, 30), at(4, 1))
    assert market.wake_ns is None
    other = venue()
    other.take(order("buy", 9_930, 30), at(4))
    assert other.wake_ns == at(5) - 1


def test_what_rests_is_filled_in_parts():
    rows = [(10_000, 10_010, 9_990, 10_000, 100), (10_000, 10_000, 9_900, 9_900, 150)]
    market = venue([*rows, (9_900, 9_900, 9_800, 9_800, 100)])
    market.take(order("buy", 9_950, 20), at(1, 1))
    assert market.wake_ns == at(3) - 1
    (part,) = market.wake(at(3) - 1)
    assert (part.state, part.filled_lots) == ("PARTIALLY_FILLED", 10)
    (canceled,) = market.take(CancelOrder(symbol="", client_order_id="a", reason="stop"), at(3))
    assert (canceled.state, canceled.filled_lots) == ("CANCELED", 10)
    assert market.take(QueryOrder(symbol="", client_order_id="a"), at(3))[0] == part


def test_nothing_trades_where_there_is_no_candle():
    market = venue([ROWS[0], None, ROWS[1]])
    (report,) = market.take(order("buy", 10_500, 10, "IOC"), at(1, 5))
    assert report.state == "EXPIRED"
    (early,) = market.take(order("buy", 10_500, 10, "IOC", "b"), at(0) - 1)
    assert early.state == "EXPIRED"
    (late,) = market.take(order("buy", 10_500, 10, "IOC", "c"), at(3))
    assert late.state == "EXPIRED"


def test_the_venue_answers_about_orders_and_takes_each_once():
    market = venue()
    assert market.take(QueryOrder(symbol="", client_order_id="x"), at(0)) == (
        OrderAbsent(client_order_id="x", server_ns=at(0)),
    )
    market.take(order("buy", 9_000, 10), at(0))
    (again,) = market.take(order("buy", 9_000, 10), at(1))
    assert again.state == "ACCEPTED"
    (late,) = market.take(CancelOrder(symbol="", client_order_id="a", reason="stop"), at(2))
    (twice,) = market.take(CancelOrder(symbol="", client_order_id="a", reason="stop"), at(2))
    assert late.state == twice.state == "CANCELED"


@pytest.mark.parametrize(("side", "amount"), [("buy", -10_051), ("sell", 10_050)])
def test_funding_is_paid_on_what_is_held_at_its_time_and_rounded_against_us(side, amount):
    times = [at(0), at(1, 5), at(2, 5), at(9)]
    rates = [0.5, 1.00005e-5, 0.25, 0.5]
    funding = Funding(np.array(times, np.int64), np.array(rates))
    market = venue(funding=funding)
    market.take(order(side, 10_500 if side == "buy" else 9_000, 100, "IOC"), at(0))
    assert market.wake_ns == at(1, 5)
    (settled,) = market.wake(at(1, 5))  # 10,050 · 100 · 1,000 · 0.0000100005 = 10,050.5025
    assert settled.amount_atoms == amount
    market.take(
        order("sell" if side == "buy" else "buy", 9_000 if side == "buy" else 10_500, 100, name="b"), at(2)
    )
    assert market.wake_ns is not None  # 50 lots are still held: the share of that candle's volume is 50
    assert market.funding == [settled]

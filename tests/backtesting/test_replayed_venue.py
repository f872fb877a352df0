import pytest
from tests.backtesting.replayed_market import write_recording

from openoutcry.backtesting.replayed_venue import ReplayedVenue
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS
from openoutcry.exchanges.market_source import spot_instrument
from openoutcry.exchanges.recording import split_line
from openoutcry.execution.commands import (
    CancelOrder,
    OrderAbsent,
    OrderReport,
    QueryOrder,
    SubmitFailed,
    SubmitOrder,
)

BTC = spot_instrument("BTC/USDT")


@pytest.fixture
def market(tmp_path):
    """The venue with its book, and the moment."""
    venue = ReplayedVenue(BTC, 100_000 * ATOMS_PER_UNIT, maker_ppm=1_000, taker_ppm=1_000)
    for line in write_recording(tmp_path / "market.raw", seconds=20):
        now_ns, frame = split_line(line)
        venue.apply(frame, now_ns)
    assert venue.has_book
    return venue, now_ns


def order(name, side, price_ticks, lots, time_in_force="GTC"):
    return SubmitOrder(
        symbol=BTC.symbol,
        client_order_id=name,
        parent_id="p",
        side=side,
        price_ticks=price_ticks,
        size_lots=lots,
        time_in_force=time_in_force,
    )


def cancel(name):
    return CancelOrder(symbol=BTC.symbol, client_order_id=name, reason="slice_ended")


def query(name):
    return QueryOrder(symbol=BTC.symbol, client_order_id=name)


def touch(venue):
    bid, _, ask, _ = venue._venue.core.top()
    return bid, ask


def test_a_taker_is_filled_at_the_book_and_pays_from_what_it_receives(market):
    venue, now_ns = market
    ask = touch(venue)[1]
    reports = venue.take(order("a", "buy", ask + 10_000, 100, "IOC"), now_ns)
    assert next(each.state for each in reports) == "ACCEPTED"
    fills = [each for each in reports if each.trade_id]
    assert sum(each.last_lots for each in fills) == 100
    assert fills[0].last_price_ticks == ask
    assert {each.fee_asset for each in fills} == {"BTC"}
    assert all(each.at_ns == now_ns // NS_PER_MS * NS_PER_MS for each in fills)


def test_what_rests_is_withdrawn_and_what_is_over_is_told_instead(market):
    venue, now_ns = market
    bid, ask = touch(venue)
    assert [each.state for each in venue.take(order("r", "buy", bid - 1_000, 50), now_ns)] == ["ACCEPTED"]
    assert [each.state for each in venue.take(cancel("r"), now_ns)] == ["CANCELED"]
    venue.take(order("f", "buy", ask + 10_000, 50), now_ns)
    told = venue.take(cancel("f"), now_ns)
    assert (told[-1].state, told[-1].trade_id) == ("FILLED", "")
    assert sum(each.last_lots for each in told if each.trade_id) == 50


def test_an_order_it_does_not_know_is_absent(market):
    venue, now_ns = market
    assert venue.take(query("x"), now_ns) == (OrderAbsent(client_order_id="x", server_ns=now_ns),)
    assert venue.take(cancel("x"), now_ns) == (OrderAbsent(client_order_id="x", server_ns=now_ns),)


def test_the_answer_to_a_query_is_the_order_with_its_trades(market):
    venue, now_ns = market
    reports = venue.take(order("q", "buy", touch(venue)[1] + 10_000, 70), now_ns)
    *trades, last = venue.take(query("q"), now_ns)
    assert isinstance(last, OrderReport)
    assert (last.filled_lots, last.state) == (70, "FILLED")
    named = [(each.trade_id, each.last_lots, each.fee_atoms) for each in reports if each.trade_id]
    assert [(each.trade_id, each.last_lots, each.fee_atoms) for each in trades] == named


@pytest.mark.parametrize(
    ("side", "lots", "code"), [("buy", 1, -1013), ("sell", 100, -2010), ("buy", 10_000_000, -2010)]
)
def test_what_the_venue_refuses_is_refused_without_doubt(market, side, lots, code):
    venue, now_ns = market
    (failed,) = venue.take(order("n", side, touch(venue)[1], lots), now_ns)
    assert isinstance(failed, SubmitFailed)
    assert (failed.ambiguous, failed.code) == (False, code)

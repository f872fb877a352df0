from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.exchanges.local.account import Account
from openoutcry.exchanges.local.filters import OrderRequest
from openoutcry.exchanges.local.venue import Venue
from openoutcry.exchanges.local.venue_errors import RequestRefusedError
from openoutcry.exchanges.market_source import SyntheticSource, spot_instrument
from openoutcry.exchanges.recording import split_line

INSTRUMENT = spot_instrument("BTC/USDT")
LINES = [
    split_line(line) for batch in SyntheticSource(INSTRUMENT, seed=11, seconds=20).batches() for line in batch
]
START = {"USDT": 500_000 * 10**8, "BTC": 3 * 10**8}
FEES = {"maker_fee_millionths": 700, "taker_fee_millionths": 1_300}

ORDER = st.tuples(
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(
        [("LIMIT", "GTC"), ("LIMIT", "IOC"), ("LIMIT", "FOK"), ("LIMIT_MAKER", "GTC"), ("MARKET", "GTC")]
    ),
    st.integers(-40, 40),
    st.integers(10, 300_000),
)
STEP = st.one_of(
    st.tuples(st.just("market"), st.integers(1, 400)),
    st.tuples(st.just("order"), ORDER),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
)


def make():
    events = []
    venue = Venue(INSTRUMENT, Account(START, **FEES), events.append)
    lines = iter(LINES)
    while venue.core.top() is None:
        received_ns, frame = next(lines)
        venue.apply(frame, received_ns, 1)
    return venue, events, lines


def request(venue, side, kind, offset, size_lots):
    order_type, time_in_force = kind
    touch = venue.core.top()[0 if side == "buy" else 2]
    return OrderRequest(
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        price_ticks=None if order_type == "MARKET" else touch + offset,
        size_lots=size_lots,
        client_order_id="",
        response_type="FULL",
    )


def check_money(venue):
    """What is there now is what was there, plus and minus every trade; what is locked is what rests."""
    expected = dict(START)
    for trade in venue.trades:
        base_atoms = trade.size_lots * 1000
        sign = 1 if trade.side == "buy" else -1
        expected["BTC"] += sign * base_atoms
        expected["USDT"] -= sign * trade.quote_atoms
        expected[trade.commission_asset] -= trade.commission_atoms
        assert trade.quote_atoms == trade.price_ticks * trade.size_lots * 10
    locked = {"BTC": 0, "USDT": 0}
    for order in venue.open_orders:
        if order.side == "buy":
            locked["USDT"] += order.price_ticks * order.leaves_lots * 10
        else:
            locked["BTC"] += order.leaves_lots * 1000
    for asset, atoms in expected.items():
        balance = venue.account.of(asset)
        assert balance.free + balance.locked == atoms
        assert balance.locked == locked[asset]
        assert balance.free >= 0


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_no_atom_is_lost_or_made(steps):
    venue, events, lines = make()
    for what, detail in steps:
        if what == "market":
            for _, (received_ns, frame) in zip(range(detail), lines, strict=False):
                venue.apply(frame, received_ns, 2)
        elif what == "order":
            before = len(venue.orders)
            try:
                venue.place(request(venue, *detail), 3)
            except RequestRefusedError as error:
                assert error.code in {-2010, -1013}  # noqa: PT017  refusing is one of two good ends
                assert len(venue.orders) == before
        elif len(venue.open_orders) > detail:
            venue.cancel(venue.open_orders[detail], "", 4)
        check_money(venue)
    check_events(venue, events)


def check_events(venue, events):
    """The user stream alone tells the state of every order and the balances."""
    reports = [event for event in events if event["e"] == "executionReport"]
    trades = [report for report in reports if report["x"] == "TRADE"]
    assert [report["t"] for report in trades] == [trade.trade_id for trade in venue.trades]
    assert len({report["t"] for report in trades}) == len(trades)
    for order_id, order in venue.orders.items():
        own = [report for report in reports if report["i"] == order_id]
        assert own[0]["x"] == "NEW"
        assert own[-1]["X"] == order.status
        assert sum(Decimal(report["l"]) for report in own) == order.filled_lots * Decimal("0.00001")
        assert Decimal(own[-1]["Z"]) == order.quote_atoms * Decimal("1e-8")
    positions = [event for event in events if event["e"] == "outboundAccountPosition"]
    if positions:
        for balance in positions[-1]["B"]:
            assert Decimal(balance["f"]) == venue.account.of(balance["a"]).free * Decimal("1e-8")
            assert Decimal(balance["l"]) == venue.account.of(balance["a"]).locked * Decimal("1e-8")


def test_a_market_buy_never_costs_more_than_there_is():
    venue, _, _ = make()
    ask_ticks = venue.core.top()[2]
    affordable = START["USDT"] // (ask_ticks * 10)
    order = venue.place(request(venue, "buy", ("MARKET", "GTC"), 0, affordable), 1)
    assert order.status in {"FILLED", "EXPIRED"}
    check_money(venue)
    with pytest.raises(RequestRefusedError, match="insufficient"):
        venue.place(request(venue, "buy", ("MARKET", "GTC"), 0, affordable), 1)


def test_an_order_that_would_meet_our_own_is_expired():
    venue, _, _ = make()
    resting = venue.place(request(venue, "buy", ("LIMIT", "GTC"), 0, 1_000), 1)
    bid_ticks = venue.core.top()[0]
    selling = OrderRequest(
        side="sell",
        order_type="LIMIT",
        time_in_force="GTC",
        price_ticks=bid_ticks,
        size_lots=1_000,
        client_order_id="",
        response_type="FULL",
    )
    assert venue.place(selling, 1).status == "EXPIRED"
    assert resting.is_open
    check_money(venue)


@pytest.mark.parametrize(
    ("amount", "fee"), [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (10**8, 10**5)]
)
def test_a_commission_is_rounded_up_to_the_atom(amount, fee):
    account = Account({}, maker_fee_millionths=0, taker_fee_millionths=1_000)
    assert account.commission(amount, is_maker=False) == fee
    assert account.commission(amount, is_maker=True) == 0


def test_a_balance_cannot_be_overdrawn():
    account = Account({"USDT": 10}, **FEES)
    assert not account.reserve("USDT", 11)
    assert account.reserve("USDT", 10)
    assert not account.reserve("USDT", 1)
    with pytest.raises(AssertionError, match="are locked"):
        account.release("USDT", 11)
    with pytest.raises(AssertionError, match="are locked"):
        account.exchange(paid="USDT", paid_atoms=11, received="BTC", received_atoms=1, commission_atoms=0)
    assert (account.of("USDT").free, account.of("USDT").locked) == (0, 10)

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.exchanges.binance_reports import (
    OrderReply,
    TradeReply,
    decode_reply,
    event_of,
    from_execution_report,
    from_order_reply,
    from_trades,
)

BTC = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000_000,
    min_notional_atoms=5 * 10**8,
)

TRADE = {
    "e": "executionReport", "E": 1700000000123, "s": "BTCUSDT", "c": "p1-3", "S": "BUY", "o": "LIMIT",
    "f": "GTC", "q": "0.05000000", "p": "61700.25000000", "P": "0.00000000", "F": "0.00000000", "g": -1,
    "C": "", "x": "TRADE", "X": "PARTIALLY_FILLED", "r": "NONE", "i": 4711, "l": "0.01003000",
    "z": "0.02003000", "L": "61699.99000000", "n": "0.00001003", "N": "BTC", "T": 1700000000120,
    "t": 987654, "I": 8642, "w": False, "m": True, "M": True, "O": 1700000000000, "Z": "1235.0",
    "Y": "618.0", "Q": "0.00000000", "W": 1700000000000, "V": "NONE",
}  # fmt: skip


def encode(**changes):
    return json.dumps({**TRADE, **changes}).encode()


def test_a_trade_is_exact():
    report = from_execution_report(encode(), BTC)
    assert report.client_order_id == "p1-3"
    assert report.venue_order_id == "4711"
    assert report.state == "PARTIALLY_FILLED"
    assert (report.side, report.price_ticks, report.size_lots) == ("buy", 6_170_025, 5_000)
    assert (report.trade_id, report.last_price_ticks, report.last_lots) == ("987654", 6_169_999, 1_003)
    assert report.filled_lots == 2_003
    assert (report.fee_atoms, report.fee_asset, report.liquidity) == (1_003, "BTC", "maker")
    assert report.at_ns == 1_700_000_000_120_000_000


def test_a_cancel_is_told_under_the_orders_own_id():
    report = from_execution_report(
        encode(c="x-cancel", C="p1-3", x="CANCELED", X="CANCELED", t=-1, n="0", N=None), BTC
    )
    assert report.client_order_id == "p1-3"
    assert (report.state, report.trade_id, report.last_lots, report.fee_atoms) == ("CANCELED", "", 0, 0)


def test_a_rejection_names_its_reason():
    report = from_execution_report(encode(x="REJECTED", X="REJECTED", r="INSUFFICIENT_BALANCE", t=-1), BTC)
    assert (report.state, report.reason) == ("REJECTED", "INSUFFICIENT_BALANCE")


def test_self_trade_prevention_is_an_expiry():
    assert (
        from_execution_report(encode(x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH", t=-1), BTC).state
        == "EXPIRED"
    )


def test_another_symbol_is_left_alone():
    assert from_execution_report(encode(s="ETHUSDT", p="0.333333"), BTC) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"L": "61699.995"}, {"q": "NaN"}, {"l": "1e400x"}, {"X": "HALF_DONE"}, {"S": "HOLD"},
        {"n": "0.000000001"}, {"q": 0.05}, {"i": None},
    ],
)  # fmt: skip
def test_what_cannot_be_read_exactly_is_refused(changes):
    with pytest.raises(InvalidInputError):
        from_execution_report(encode(**changes), BTC)


@given(cut=st.integers(min_value=0, max_value=len(encode()) - 1))
def test_a_truncated_report_is_refused(cut):
    with pytest.raises(InvalidInputError):
        from_execution_report(encode()[:cut], BTC)


def test_events_are_unwrapped():
    wrapped = b'{"subscriptionId":0,"event":' + encode() + b"}"
    assert event_of(wrapped) == ("executionReport", encode())
    assert event_of(encode())[0] == "executionReport"
    assert event_of(b'{"id":"1","status":200,"result":{"subscriptionId":0}}')[0] == ""
    assert event_of(b'{"subscriptionId":0,"event":{"e":"exec')[0] == ""
    assert event_of(b"pong")[0] == ""


def reply(**changes):
    fields = {
        "symbol": "BTCUSDT", "orderId": 4711, "orderListId": -1, "clientOrderId": "p1-3",
        "price": "61700.25000000", "origQty": "0.05000000", "executedQty": "0.02003000",
        "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL",
    }  # fmt: skip
    return decode_reply(json.dumps({**fields, **changes}).encode(), OrderReply, "order")


@pytest.mark.parametrize("stamp", [{"transactTime": 17}, {"updateTime": 17, "time": 3}, {"time": 17}])
def test_replies_name_their_time_differently(stamp):
    report = from_order_reply(reply(**stamp), BTC)
    assert report.at_ns == 17_000_000
    assert (report.side, report.filled_lots, report.trade_id) == ("sell", 2_003, "")


def test_a_cancel_reply_holds_two_ids():
    assert (
        from_order_reply(reply(clientOrderId="new", origClientOrderId="p1-3"), BTC).client_order_id == "p1-3"
    )


@given(parts=st.lists(st.integers(min_value=1, max_value=10_000), min_size=1, max_size=20), seed=st.randoms())
def test_trades_add_up_to_the_order(parts, seed):
    order = from_order_reply(reply(origQty=BTC.size_text(sum(parts))), BTC)
    trades = [
        TradeReply(
            100 + i, 4711, "61700.25", BTC.size_text(lots), "0.00000001", "BNB", i, is_maker=bool(i % 2)
        )
        for i, lots in enumerate(parts)
    ]
    seed.shuffle(trades)
    reports = from_trades(order, trades, BTC)
    assert [report.last_lots for report in reports] == parts
    assert [report.filled_lots for report in reports] == [sum(parts[: i + 1]) for i in range(len(parts))]
    assert [report.state for report in reports] == ["PARTIALLY_FILLED"] * (len(parts) - 1) + ["FILLED"]
    assert len({report.trade_id for report in reports}) == len(parts)

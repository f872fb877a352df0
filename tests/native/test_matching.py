import json
from pathlib import Path

import pytest
import zstandard

from openoutcry.native import CoreError, DecodeError, OrderError, SimulatedVenue, SyntheticMarket

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "binance_l2_2024"
NS_PER_S = 1_000_000_000
SNAPSHOT = b'{"lastUpdateId":10,"bids":[["99.0","1.5"],["98.0","2"]],"asks":[["101.0","1"],["102.0","3"]]}'


def new_venue(product="spot", symbol="BTCUSDT", price_tick="0.01", size_step="0.00001"):
    return SimulatedVenue(product=product, symbol=symbol, price_tick=price_tick, size_step=size_step)


@pytest.fixture
def venue():
    venue = new_venue(price_tick="1", size_step="0.5")
    assert venue.apply(SNAPSHOT, 1) == []
    return venue


def trade(trade_id, price, size, *, is_sell):
    fields = {
        "e": "trade",
        "E": 5,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": price,
        "q": size,
        "T": 5,
        "m": is_sell,
    }
    return json.dumps({"stream": "btcusdt@trade", "data": fields}).encode()


def test_reports_stand_in_the_contracts_order(venue):
    taken = venue.submit(order_id=1, side="buy", price_ticks=101, size_lots=3, now_ns=7)
    first_trade_id = taken[1][7]
    assert taken == [
        (1, "NEW", "buy", 101, 0, 0, 3, 0, False, 7),
        (1, "TRADE", "buy", 101, 2, 2, 1, first_trade_id, False, 7),
    ]
    assert venue.queue_ahead(1) == 0
    filled = venue.apply(trade(1, "101", "0.5", is_sell=True), 8)
    assert filled == [(1, "TRADE", "buy", 101, 1, 3, 0, first_trade_id + 1, True, 8)]


def test_a_resting_order_waits_and_is_withdrawn(venue):
    venue.submit(order_id=1, side="buy", price_ticks=99, size_lots=4, now_ns=7)
    assert venue.queue_ahead(1) == 3
    assert venue.apply(trade(1, "99", "1", is_sell=True), 8) == []
    assert venue.queue_ahead(1) == 1
    assert venue.cancel(1, 9) == [(1, "CANCELED", "buy", 99, 0, 0, 4, 0, False, 9)]
    with pytest.raises(OrderError, match="order 1 does not rest"):
        venue.queue_ahead(1)


@pytest.mark.parametrize(
    ("order", "kinds"),
    [
        ({"price_ticks": None, "size_lots": 3}, ["NEW", "TRADE", "TRADE"]),
        ({"price_ticks": None, "size_lots": 9}, ["NEW", "TRADE", "TRADE", "EXPIRED"]),
        ({"price_ticks": 101, "size_lots": 3, "time_in_force": "IOC"}, ["NEW", "TRADE", "EXPIRED"]),
        ({"price_ticks": 101, "size_lots": 3, "time_in_force": "FOK"}, ["NEW", "EXPIRED"]),
        ({"price_ticks": 102, "size_lots": 8, "time_in_force": "FOK"}, ["NEW", "TRADE", "TRADE"]),
        ({"price_ticks": 101, "size_lots": 1, "post_only": True}, ["REJECTED"]),
        ({"price_ticks": 100, "size_lots": 1, "post_only": True}, ["NEW"]),
    ],
)
def test_each_kind_of_order_does_what_its_name_says(venue, order, kinds):
    reports = venue.submit(order_id=1, side="buy", now_ns=7, **order)
    assert [report[1] for report in reports] == kinds
    assert all(report[5] + report[6] == order["size_lots"] for report in reports)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size_lots": 0}, "size_lots is 0"),
        ({"size_lots": -1}, "size_lots is -1"),
        ({"price_ticks": 0}, "price_ticks is 0"),
        ({"price_ticks": None, "post_only": True}, "post_only needs a price"),
        ({"side": "long"}, "give buy or sell"),
        ({"time_in_force": "GTX"}, "give GTC, IOC or FOK"),
        ({"order_id": 1}, "order 1 rests already"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(venue, change, reason):
    good = {"order_id": 2, "side": "buy", "price_ticks": 99, "size_lots": 1, "now_ns": 7}
    venue.submit(**good | {"order_id": 1})
    with pytest.raises(OrderError, match=reason) as refusal:
        venue.submit(**good | change)
    assert isinstance(refusal.value, CoreError)


def test_a_malformed_frame_changes_nothing(venue):
    with pytest.raises(DecodeError):
        venue.apply(trade(1, "-99", "1", is_sell=True), 8)
    with pytest.raises(DecodeError):
        venue.apply(SNAPSHOT[:-5], 8)
    assert venue.apply(b'{"result":null,"id":1}', 8) == []
    assert (venue.last_update_id, venue.top()) == (10, (99, 3, 101, 2))


def test_without_a_snapshot_nothing_trades():
    venue = new_venue()
    assert (venue.top(), venue.last_update_id) == (None, 0)
    reports = venue.submit(order_id=1, side="buy", price_ticks=None, size_lots=1, now_ns=7)
    assert [report[1] for report in reports] == ["REJECTED"]


def test_the_snapshot_is_the_venues_text(venue):
    assert json.loads(venue.snapshot(1)) == {
        "lastUpdateId": 10,
        "bids": [["99.00000000", "1.50000000"]],
        "asks": [["101.00000000", "1.00000000"]],
    }


def trade_along(lines, venue):
    """Rest at the touch, take now and then; returns every report."""
    reports = []
    for number, line in enumerate(lines):
        received_ns, _, frame = line.partition(b" ")
        now_ns = int(received_ns)
        reports += venue.apply(frame, now_ns)
        top = venue.top()
        if number % 50 or top is None:
            continue
        side, price_ticks = (("buy", top[0]), ("sell", top[2]))[number // 50 % 2]
        price_ticks = None if number % 500 == 0 else price_ticks
        reports += venue.submit(
            order_id=number, side=side, price_ticks=price_ticks, size_lots=2_000, now_ns=now_ns
        )
    return reports


def assert_conserved(reports):
    filled = {}
    for order_id, kind, _, _, last_lots, filled_lots, leaves_lots, *_ in reports:
        filled[order_id] = filled.get(order_id, 0) + last_lots
        assert filled_lots == filled[order_id]
        assert filled_lots + leaves_lots == 2_000
        assert (last_lots > 0) == (kind == "TRADE")
    trades = [report for report in reports if report[1] == "TRADE"]
    assert len({report[7] for report in trades}) == len(trades)
    assert {report[8] for report in trades} == {True, False}


def test_orders_are_conserved_on_the_synthetic_market():
    lines = SyntheticMarket(seed=5, duration_ns=300 * NS_PER_S).next_lines(1_000_000)
    reports = trade_along(lines, new_venue())
    assert_conserved(reports)
    assert reports == trade_along(lines, new_venue())


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "instrument"),
    [
        ("spot_btcusdt_20240808", {}),
        ("usdm_btcusdt_20240808", {"product": "usdm", "price_tick": "0.1", "size_step": "0.001"}),
        (
            "cm_btcusd_perp_20240808",
            {"product": "coinm", "symbol": "BTCUSD_PERP", "price_tick": "0.1", "size_step": "1"},
        ),
    ],
)
def test_orders_are_conserved_on_a_recording(name, instrument):
    path = RECORDINGS / f"{name}.raw.zst"
    if not path.exists():
        pytest.skip(f"the recording {path} is absent")
    with zstandard.open(path, "rb", dctx=zstandard.ZstdDecompressor(max_window_size=2**25)) as recording:
        lines = recording.read().splitlines()
    venue = new_venue(**instrument)
    assert_conserved(trade_along(lines, venue))
    ticker = next(json.loads(x.partition(b" ")[2])["data"] for x in reversed(lines) if b"bookTicker" in x)
    grid = [float(instrument.get(key, spot)) for key, spot in (("price_tick", 0.01), ("size_step", 0.00001))]
    texts = [float(ticker[key]) for key in ("b", "B", "a", "A")]
    assert venue.top() == tuple(round(value / step) for value, step in zip(texts, grid * 2, strict=True))

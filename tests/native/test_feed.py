import json
import sys
import threading
from pathlib import Path

import pytest
import zstandard

from openoutcry.native import BookError, CoreError, DecodeError, MarketFeed, OrderError

RECORDINGS = Path(__file__).parents[2] / ".." / "shared" / "data" / "binance_l2_2024"
ZSTD_WINDOW_BYTES = 1 << 25
START_MS = 1_700_000_000_000
SETTINGS = {
    "product": "spot",
    "symbol": "BTCUSDT",
    "price_tick": "0.1",
    "size_step": "0.001",
    "candle_interval_ns": 10_000_000_000,
}


def make_feed(**settings):
    return MarketFeed(**(SETTINGS | settings))


def frame(**fields):
    return json.dumps(fields).encode()


def depth(first_id, last_id, bids=(), asks=()):
    return frame(e="depthUpdate", E=START_MS, s="BTCUSDT", U=first_id, u=last_id, b=bids, a=asks)


def snapshot(last_id, bids, asks):
    return frame(lastUpdateId=last_id, bids=bids, asks=asks)


def ticker(update_id, bid, ask):
    return frame(u=update_id, s="BTCUSDT", b=bid, B="2", a=ask, A="3")


def trade(trade_id, second, price, *, is_buyer_maker=False):
    at_ms = START_MS + second * 1_000
    return frame(
        e="trade", E=at_ms + 1, s="BTCUSDT", t=trade_id, p=price, q="0.010", T=at_ms, m=is_buyer_maker
    )


def rest_trades(*trades):
    return json.dumps(
        [
            {
                "id": trade_id,
                "price": price,
                "qty": "0.010",
                "quoteQty": "1",
                "time": START_MS + second * 1_000,
                "isBuyerMaker": False,
            }
            for trade_id, second, price in trades
        ]
    ).encode()


@pytest.fixture
def feed():
    """A feed that is joined at update 11: 1 is bid at 99.0, 2 are asked at 101.0."""
    feed = make_feed()
    assert feed.apply(depth(10, 11, [["99.0", "1"]], [["101.0", "2"]]), 5) == "depth"
    assert feed.apply_snapshot(snapshot(10, [["98.0", "4"]], [["102.0", "4"]]), 6)
    return feed


def test_the_errors_form_one_tree():
    assert issubclass(DecodeError, CoreError)
    assert issubclass(DecodeError, ValueError)
    assert issubclass(OrderError, CoreError)
    assert issubclass(OrderError, ValueError)
    assert issubclass(BookError, CoreError)
    assert {error.__module__ for error in (CoreError, DecodeError, BookError, OrderError)} == {
        "openoutcry._core"
    }


def test_a_feed_shows_nothing_before_it_is_joined():
    feed = make_feed()
    assert not feed.is_valid
    assert not feed.needs_snapshot
    assert feed.top() is None
    assert feed.levels(5) == ([], [])
    assert feed.features() == {}
    assert (feed.last_update_id, feed.last_trade_id, feed.last_event_ns) == (0, 0, 0)
    feed.apply(depth(10, 11, [["99.0", "1"]], [["101.0", "2"]]), 5)
    assert feed.needs_snapshot
    assert not feed.apply_snapshot(snapshot(8, [["98.0", "4"]], [["102.0", "4"]]), 6)


def test_a_joined_feed_shows_its_book(feed):
    assert feed.is_valid
    assert not feed.needs_snapshot
    assert feed.top() == (990, 1000, 1010, 2000)
    assert feed.levels(2) == ([(990, 1000), (980, 4000)], [(1010, 2000), (1020, 4000)])
    assert feed.levels(1) == ([(990, 1000)], [(1010, 2000)])
    assert feed.last_update_id == 11
    assert feed.last_event_ns == START_MS * 1_000_000
    assert feed.counts == {
        "depth": 1,
        "trade": 0,
        "book_ticker": 0,
        "unknown": 0,
        "snapshot": 1,
        "stale": 0,
    }
    assert feed.last_received_ns == {"depth": 5, "trade": 0, "book_ticker": 0}


def test_features_are_of_the_book(feed):
    features = feed.features()
    assert features["spread_ticks"] == 20
    assert features["mid_ticks"] == 1000
    assert features["microprice_ticks"] == pytest.approx((990 * 2000 + 1010 * 1000) / 3000)
    assert features["imbalance_1"] == pytest.approx(-1 / 3)
    assert features["imbalance_5"] == features["imbalance_10"] == pytest.approx(-1000 / 11000)


def test_a_newer_ticker_is_the_top(feed):
    assert feed.apply(ticker(12, "99.5", "100.5"), 7) == "book_ticker"
    assert feed.top() == (995, 2000, 1005, 3000)
    feed.apply(depth(12, 13, [["99.2", "1"]]), 8)
    assert feed.top() == (992, 1000, 1010, 2000)


def test_a_gap_hides_the_book_until_a_snapshot(feed):
    feed.apply(depth(13, 14, [["99.5", "1"]]), 7)
    assert (feed.gaps, feed.is_valid, feed.needs_snapshot) == (1, False, True)
    assert feed.top() is None
    assert feed.levels(1) == ([], [])
    assert feed.apply_snapshot(snapshot(12, [["98.0", "4"]], [["102.0", "4"]]), 8)
    assert feed.top() == (995, 1000, 1020, 4000)


def test_a_crossed_state_is_refused(feed):
    feed.apply(depth(12, 12, [["101.0", "1"]]), 7)
    assert (feed.crossed, feed.is_valid) == (1, False)
    assert feed.top() is None


def test_a_reset_waits_for_a_new_snapshot(feed):
    feed.reset()
    assert not feed.is_valid
    assert not feed.needs_snapshot
    feed.apply(depth(40, 41), 7)
    assert feed.needs_snapshot
    assert feed.gaps == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (depth(12, 13, [["NaN", "1"]]), "price `NaN` is not plain decimal text"),
        (depth(12, 13, [["99.05", "1"]]), "price `99.05` lies between two steps of the grid"),
        (depth(12, 13, [["99.0", "-1"]]), "size `-1` is negative"),
        (depth(12, 13, [["99.0", "1e3"]]), "size `1e3` is not plain decimal text"),
        (depth(12, 13)[:-10], "found the end"),
        (trade(1, 0, "0.0"), "is zero"),
        (ticker(12, "x", "1.0"), "price `x` is not plain decimal text"),
    ],
)
def test_a_malformed_frame_is_named_and_changes_nothing(feed, body, message):
    before = (feed.top(), feed.counts, feed.last_received_ns, feed.last_update_id)
    with pytest.raises(DecodeError, match=message):
        feed.apply(body, 9)
    assert (feed.top(), feed.counts, feed.last_received_ns, feed.last_update_id) == before


def test_frames_of_others_are_unknown(feed):
    for body in (
        depth(12, 13).replace(b"BTCUSDT", b"ETHUSDT"),
        frame(result=None, id=1),
        frame(e="kline", s="BTCUSDT"),
        b"pong",
        b"",
    ):
        assert feed.apply(body, 9) == "unknown"
    assert feed.counts["unknown"] == 5
    with pytest.raises(TypeError):
        feed.apply("text", 9)


def test_a_rest_error_is_no_snapshot(feed):
    with pytest.raises(DecodeError, match="Invalid symbol"):
        feed.apply_snapshot(frame(code=-1121, msg="Invalid symbol."), 9)
    with pytest.raises(DecodeError):
        feed.apply_trades(frame(code=-1121, msg="Invalid symbol."), 9)
    assert feed.is_valid


def test_candles_close_exactly_and_carry_their_ids():
    feed = make_feed(resume_trade_id=99)
    feed.apply(trade(100, 0, "100.0"), 1)
    feed.apply(trade(101, 9, "99.0", is_buyer_maker=True), 2)
    assert feed.take_candles() == []
    assert feed.apply(trade(102, 10, "101.0"), 3) == "trade"
    open_ns = START_MS * 1_000_000
    assert feed.take_candles() == [
        (open_ns, open_ns + 10_000_000_000, 1000, 1000, 990, 990, 20, 10, 19_900, 2, 100, 101)
    ]
    assert feed.take_candles() == []
    assert feed.last_trade_id == 102


def test_the_candle_in_which_the_tape_starts_is_not_told():
    feed = make_feed()
    for trade_id, second in ((7, 5), (8, 15), (9, 25)):
        feed.apply(trade(trade_id, second, "100.0"), 1)
    assert [candle[-2:] for candle in feed.take_candles()] == [(8, 8)]


def test_a_hole_in_the_tape_is_filled_from_rest():
    feed = make_feed(resume_trade_id=99)
    feed.apply(trade(103, 11, "100.0"), 1)
    assert feed.missing_trades == (100, 102)
    page = rest_trades((100, 0, "100.0"), (101, 1, "100.0"), (102, 2, "100.0"))
    assert feed.apply_trades(page, 2) == 3
    assert (feed.missing_trades, feed.last_trade_id) == (None, 103)
    assert [candle[-2:] for candle in feed.take_candles()] == [(100, 102)]
    assert feed.apply_trades(page, 3) == 0
    assert feed.last_received_ns["trade"] == 1


def test_a_sudden_return_is_an_alert():
    feed = make_feed()
    for second in range(60):
        feed.apply(trade(second + 1, second, ("100.0", "100.1")[second % 2]), 1)
    feed.apply(trade(61, 60, "120.0"), 1)
    feed.apply(trade(62, 61, "120.0"), 1)
    ((event_ns, detector, score, evidence),) = feed.take_alerts()
    assert event_ns == (START_MS + 61_000) * 1_000_000
    assert detector == "return_robust_z"
    assert 0.5 < score < 1
    assert "1 s return" in evidence
    assert feed.take_alerts() == []


def test_lines_are_applied_and_a_malformed_one_is_named():
    feed = make_feed()
    lines = b"\n".join(
        [
            b"1 " + depth(10, 11, [["99.0", "1"]], [["101.0", "2"]]),
            b"2 " + snapshot(10, [["98.0", "4"]], [["102.0", "4"]]),
            b"3 " + trade(1, 0, "100.0"),
        ]
    )
    assert feed.apply_lines(lines) == 3
    assert feed.top() == (990, 1000, 1010, 2000)
    with pytest.raises(DecodeError, match="line 2: malformed frame"):
        feed.apply_lines(b"4 " + trade(2, 1, "100.0") + b"\n5 {")
    assert feed.last_trade_id == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"product": "margin"}, "product"),
        ({"symbol": "BTC/USDT"}, "symbol"),
        ({"price_tick": "0"}, "price_tick"),
        ({"size_step": "1e-3"}, "size_step"),
        ({"candle_interval_ns": 0}, "candle_interval_ns"),
        ({"window_ticks": 0}, "window_ticks"),
        ({"resume_trade_id": -1}, "resume_trade_id"),
        ({"anomaly_window": 0}, "window"),
        ({"anomaly_threshold": -1.0}, "threshold"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_feed(**settings)


def recorded_lines(name):
    path = RECORDINGS / f"{name}.raw.zst"
    if not path.is_file():
        pytest.skip(f"the recording {path.name} is absent")
    with path.open("rb") as file:
        decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        return decoder.stream_reader(file).read()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("spot_btcusdt_20240808", {"price_tick": "0.01", "size_step": "0.00001"}),
        ("usdm_btcusdt_20240808", {"product": "usdm"}),
        (
            "cm_btcusd_perp_20240808",
            {"product": "coinm", "symbol": "BTCUSD_PERP", "price_tick": "0.1", "size_step": "1"},
        ),
    ],
)
def test_a_recording_ends_at_the_venues_own_ticker(name, settings):
    lines = recorded_lines(name)
    whole = make_feed(**settings)
    assert whole.apply_lines(lines) == lines.count(b"\n")
    frames = make_feed(**settings)
    for line in lines.splitlines():
        received_ns, body = line.split(b" ", 1)
        if body.startswith(b'{"lastUpdateId"'):
            assert frames.apply_snapshot(body, int(received_ns))
        else:
            frames.apply(body, int(received_ns))
    assert whole.levels(10_000) == frames.levels(10_000)
    assert whole.top() == frames.top()
    assert whole.take_candles() == frames.take_candles()
    assert (whole.gaps, whole.crossed, whole.missing_trades) == (0, 0, None)
    last_ticker = json.loads(
        next(line for line in reversed(lines.splitlines()) if b"@bookTicker" in line).split(b" ", 1)[1]
    )["data"]
    tick, step = (float(settings.get(key, SETTINGS[key])) for key in ("price_tick", "size_step"))
    expected = [
        round(float(last_ticker[key]) / unit)
        for key, unit in (("b", tick), ("B", step), ("a", tick), ("A", step))
    ]
    assert whole.top() == tuple(expected)


def test_the_interpreter_is_free_while_lines_are_applied():
    lines = b"\n".join(b"1 " + depth(index, index, [["99.0", "1"]]) for index in range(1, 5_000))
    feed = make_feed()
    others_ran = threading.Event()

    def apply():
        # More rounds only help another thread that is slow to wake; none helps if it is never let in.
        for _ in range(100):
            feed.apply_lines(lines)
            if others_ran.is_set():
                return

    worker = threading.Thread(target=apply)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(100.0)  # a thread that does not give the interpreter up, keeps it
    try:
        worker.start()
        is_alone = not worker.is_alive()
        others_ran.set()
        worker.join()
    finally:
        sys.setswitchinterval(interval_s)
    assert not is_alone

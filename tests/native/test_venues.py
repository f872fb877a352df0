"""Recorded sessions of other venues, from the wire to the book; each venue's own rule is the judge."""

import json
from collections import defaultdict
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
import zstandard

from openoutcry.native import DecodeError, MarketFeed

SESSIONS = Path(__file__).parents[2] / ".." / "shared" / "data" / "ws_frames"
ZSTD_WINDOW_BYTES = 1 << 25
MINUTE_NS = 60_000_000_000

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not SESSIONS.is_dir(), reason="the recorded sessions are not beside this checkout"),
]


@cache
def records(venue):
    path = SESSIONS / f"{venue.upper()}.jsonl.zst"
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    with path.open("rb") as file, decompressor.stream_reader(file) as raw:
        return [json.loads(line) for line in raw.read().splitlines()]


@cache
def frames(venue):
    """The received frames of each connection, in order; Bybit's spot has the same symbols and is left out."""
    by_connection = defaultdict(list)
    spot = {r["conn"] for r in records(venue) if r["t"] == "connect" and r["addr"].endswith("/public/spot")}
    for record in records(venue):
        if record["t"] == "recv" and record["conn"] not in spot:
            by_connection[record["conn"]].append(record["data"].encode())
    return dict(by_connection)


@cache
def messages(venue):
    return [json.loads(frame) for frame in chain.from_iterable(frames(venue).values())]


def replies(venue, part):
    found = [r["data"] for r in records(venue) if r["t"] == "http" and part in r["url"]]
    assert found, f"no recorded reply of {part}"
    return found


def power_of_ten(decimals):
    return f"{Decimal(1).scaleb(-decimals):f}"


def bitstamp_grids():
    (reply,) = replies("bitstamp", "trading-pairs-info")
    return {
        pair["url_symbol"]: (power_of_ten(pair["counter_decimals"]), power_of_ten(pair["base_decimals"]))
        for pair in json.loads(reply)
    }


def bybit_grids():
    reply = next(reply for reply in replies("bybit", "instruments-info") if '"linear"' in reply)
    return {
        each["symbol"]: (each["priceFilter"]["tickSize"], each["lotSizeFilter"]["qtyStep"])
        for each in json.loads(reply)["result"]["list"]
    }


def coinbase_grids():
    (reply,) = replies("coinbase", "products")
    return {
        each["product_id"]: (each["quote_increment"], each["base_increment"])
        for each in json.loads(reply)["products"]
    }


def kraken_grids():
    (reply,) = replies("kraken", "AssetPairs")
    return {
        pair["wsname"]: (power_of_ten(pair["pair_decimals"]), power_of_ten(pair["lot_decimals"]))
        for pair in json.loads(reply)["result"].values()
        if "wsname" in pair
    }


def okx_grids():
    return {
        each["instId"]: (each["tickSz"], each["lotSz"])
        for reply in replies("okx", "instruments")
        for each in json.loads(reply)["data"]
    }


GRIDS = {
    "bitstamp": bitstamp_grids,
    "bybit": bybit_grids,
    "coinbase": coinbase_grids,
    "kraken": kraken_grids,
    "okx": okx_grids,
}
SYMBOLS = {
    "bitstamp": [
        "sgbeur", "ethusd", "xrpeur", "bateur", "usdteur", "usdtusd", "xlmgbp", "adaeur", "batbtc", "galaeur",
    ],
    "bybit": ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"],
    "coinbase": ["BTC-USD", "ETH-USD"],
    "kraken": [
        "KSM/XBT", "XMR/USD", "ETH/CHF", "OMG/USD", "GRT/ETH", "WAVES/EUR", "ADA/XBT", "XBT/CHF", "SC/EUR",
        "OCEAN/XBT",
    ],
    "okx": ["BTC-USD-220527", "UNI-USD-SWAP", "BTC-USDT"],
}  # fmt: skip
# What the decoded books hold at the end is compared with a book of Python's own.
CASES = [(venue, symbol) for venue, symbols in SYMBOLS.items() for symbol in symbols]


def make_feed(venue, symbol):
    price_tick, size_step = GRIDS[venue]()[symbol]
    return MarketFeed(
        venue=venue,
        symbol=symbol,
        price_tick=price_tick,
        size_step=size_step,
        candle_interval_ns=MINUTE_NS,
    )


class PlainBook:
    """Two dicts of decimals: slow, and obviously right."""

    def __init__(self):
        self.bids, self.asks = {}, {}

    def put(self, side, price, size):
        if Decimal(size):
            side[Decimal(price)] = Decimal(size)
        else:
            side.pop(Decimal(price), None)

    def put_all(self, bids, asks):
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, size, *_ in levels:
                self.put(side, price, size)

    def replace(self, bids, asks):
        self.bids, self.asks = {}, {}
        self.put_all(bids, asks)

    def truncate(self, depth):
        self.bids = dict(sorted(self.bids.items(), reverse=True)[:depth])
        self.asks = dict(sorted(self.asks.items())[:depth])

    def in_steps(self, price_tick, size_step):
        """As the core tells it; sizes finer than the step are rounded down, but not to nothing."""
        tick, step = Decimal(price_tick), Decimal(size_step)

        def lots(size):
            return max(int(size // step), 1)

        return (
            [(int(price / tick), lots(size)) for price, size in sorted(self.bids.items(), reverse=True)],
            [(int(price / tick), lots(size)) for price, size in sorted(self.asks.items())],
        )


def plain_bitstamp(symbol):
    book = PlainBook()
    (reply,) = (json.loads(r) for r in replies("bitstamp", f"order_book/{symbol}"))
    book.replace(reply["bids"], reply["asks"])
    for message in messages("bitstamp"):
        is_newer = message["data"].get("microtimestamp", "0") > reply["microtimestamp"]
        if message["channel"] == f"diff_order_book_{symbol}" and is_newer:
            book.put_all(message["data"]["bids"], message["data"]["asks"])
    return book


def plain_bybit(symbol):
    book = PlainBook()
    for message in messages("bybit"):
        if message.get("topic") == f"orderbook.200.{symbol}":
            apply = book.replace if message["type"] == "snapshot" else book.put_all
            apply(message["data"]["b"], message["data"]["a"])
    return book


def plain_coinbase(symbol):
    book = PlainBook()
    for message in messages("coinbase"):
        for event in message["events"] if message["channel"] == "l2_data" else []:
            if event["product_id"] == symbol:
                if event["type"] == "snapshot":
                    book.replace([], [])
                for each in event["updates"]:
                    side = book.bids if each["side"] == "bid" else book.asks
                    book.put(side, each["price_level"], each["new_quantity"])
    return book


def plain_kraken(symbol):
    book = PlainBook()
    for message in messages("kraken"):
        if isinstance(message, list) and message[-1] == symbol and message[-2].startswith("book-"):
            for part in message[1:-2]:
                if "as" in part:
                    book.replace(part["bs"], part["as"])
                book.put_all(part.get("b", []), part.get("a", []))
            book.truncate(1000)
    return book


def plain_okx(symbol):
    book = PlainBook()
    for message in messages("okx"):
        if "data" in message and message["arg"] == {"channel": "books", "instId": symbol}:
            apply = book.replace if message["action"] == "snapshot" else book.put_all
            for data in message["data"]:
                apply(data["bids"], data["asks"])
    return book


PLAIN = {
    "bitstamp": plain_bitstamp,
    "bybit": plain_bybit,
    "coinbase": plain_coinbase,
    "kraken": plain_kraken,
    "okx": plain_okx,
}


def replayed(venue, symbol, change=lambda number, frame: frame):
    """A feed that has seen the session; `change` may alter or, with None, drop a frame."""
    feed = make_feed(venue, symbol)
    for connection in frames(venue).values():
        for number, frame in enumerate(connection):
            if (changed := change(number, frame)) is not None:
                feed.apply(changed, 1)
    if venue == "bitstamp":  # what came since the subscription has waited for it
        (reply,) = replies("bitstamp", f"order_book/{symbol}")
        feed.apply_snapshot(reply.encode(), 1)
    return feed


@pytest.mark.parametrize(("venue", "symbol"), CASES)
def test_a_recorded_session_is_valid_to_its_end_and_gives_the_plain_book(venue, symbol):
    feed = replayed(venue, symbol)
    assert feed.take_violations() == []
    assert feed.is_valid
    assert feed.gaps == feed.crossed == feed.checksum_mismatches == 0
    assert feed.levels(1_000_000) == PLAIN[venue](symbol).in_steps(*GRIDS[venue]()[symbol])


# A frame of the book that is neither the first nor the last of its instrument.
BROKEN = [("bybit", "BTCUSDT"), ("coinbase", "ETH-USD"), ("kraken", "XMR/USD"), ("okx", "BTC-USDT")]


def book_frames(venue, symbol):
    marks = {
        "bybit": f'"orderbook.200.{symbol}"',
        "coinbase": '"l2_data","timestamp"',
        "kraken": f'"book-1000","{symbol}"',
        "okx": f'{{"channel":"books","instId":"{symbol}"}}',
    }
    return [
        (connection, number)
        for connection, received in frames(venue).items()
        for number, frame in enumerate(received)
        if marks[venue].encode() in frame and symbol.encode() in frame
    ]


@pytest.mark.parametrize(("venue", "symbol"), BROKEN)
def test_a_lost_frame_of_the_book_is_noticed_at_once_and_named(venue, symbol):
    at = book_frames(venue, symbol)
    _, lost = at[len(at) // 2]
    connection = frames(venue)[at[0][0]]
    feed = make_feed(venue, symbol)
    for frame in connection[:lost]:
        feed.apply(frame, 1)
    assert feed.is_valid
    for frame in connection[lost + 1 :]:
        feed.apply(frame, 7)
        if not feed.is_valid:
            break
    ((number, received_ns, kind, what),) = feed.take_violations()
    assert (number, received_ns) == (feed.frames, 7)
    assert kind == ("checksum" if venue in {"kraken", "okx"} else "gap"), what
    assert feed.needs_resubscription
    assert feed.top() is None
    # A whole book, as after a new subscription, makes it valid again.
    feed.reset()
    whole = next(
        frame for _, number in at if b"snapshot" in (frame := connection[number]) or b'"as"' in frame
    )
    feed.apply(whole, 8)
    assert feed.is_valid
    assert not feed.needs_resubscription


@pytest.mark.parametrize(
    ("venue", "symbol", "old", "new"),
    [("kraken", "XMR/USD", b'"c":"', b'"c":"1'), ("okx", "BTC-USDT", b'"checksum":', b'"checksum":1')],
)
def test_a_wrong_checksum_makes_the_book_invalid(venue, symbol, old, new):
    at = book_frames(venue, symbol)
    connection, wrong = at[2]
    feed = make_feed(venue, symbol)
    for frame in frames(venue)[connection][:wrong]:
        feed.apply(frame, 1)
    assert feed.is_valid
    digits = frames(venue)[connection][wrong].partition(old)[2]
    changed = frames(venue)[connection][wrong].replace(old + digits[:3], old + b"123")
    assert changed != frames(venue)[connection][wrong]
    feed.apply(changed, 1)
    assert not feed.is_valid
    assert feed.checksum_mismatches == 1
    assert [kind for _, _, kind, _ in feed.take_violations()] == ["checksum"]


@pytest.mark.parametrize(("venue", "symbol"), CASES[:1] + BROKEN)
def test_every_truncation_of_a_frame_is_an_error_and_no_panic(venue, symbol):
    marks = book_frames(venue, symbol) if venue != "bitstamp" else [(next(iter(frames(venue))), 40)]
    connection, number = marks[-1]
    frame = frames(venue)[connection][number]
    feed = make_feed(venue, symbol)
    for length in {*range(1, len(frame), 17), len(frame) - 1}:
        with pytest.raises(DecodeError):
            feed.apply(frame[:length], 1)


@pytest.mark.parametrize(
    ("venue", "symbol"), [(venue, symbols[0]) for venue, symbols in SYMBOLS.items() if venue != "kraken"]
)
def test_trades_are_taken_once_each(venue, symbol):
    def ours(frame):
        message = json.loads(frame)
        if venue == "bitstamp":
            is_ours = message["channel"] == f"live_trades_{symbol}" and message["event"] == "trade"
            return [message["data"]] if is_ours else []
        if venue == "bybit":
            return message["data"] if message.get("topic") == f"publicTrade.{symbol}" else []
        if venue == "coinbase":
            events = message["events"] if message["channel"] == "market_trades" else []
            fresh = [trade for event in events if event["type"] == "update" for trade in event["trades"]]
            return [trade for trade in fresh if trade["product_id"] == symbol]
        is_ours = message.get("arg") == {"channel": "trades", "instId": symbol}
        return message.get("data", []) if is_ours else []

    feed = make_feed(venue, symbol)
    expected = 0
    for connection in frames(venue).values():
        for frame in connection:
            expected += len(ours(frame))
            feed.apply(frame, 1)
    assert feed.counts["trade"] == expected
    assert feed.missing_trades is None

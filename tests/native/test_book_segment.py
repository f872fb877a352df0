"""Books in shared memory between real processes: read, killed, forked, replaced."""

import gc
import math
import os
import signal
import stat
import subprocess
import sys
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.native import BookPublisher, BookReader, CoreError, MarketFeed, SyntheticMarket, clean_books

VENUE = "binance"
SYMBOLS = ["BTC/USDT", "ETH/USDT"]
LINES = 400
ALWAYS_ASK = 0  # heartbeat_timeout_ms: the kernel is asked each time
NEVER_ASK = 10**9

WRITE_FOR_EVER = """
import sys
from openoutcry.native import BookPublisher, MarketFeed, SyntheticMarket
feed = MarketFeed(product="spot", symbol="BTCUSDT", price_tick="0.01", size_step="0.00001",
                  candle_interval_ns=10**9)
market = SyntheticMarket(seed=3)
feed.apply_lines(b"\\n".join(market.next_lines(400)))
publisher = BookPublisher(folder=sys.argv[1], venue="binance", instruments=["BTC/USDT"])
publisher.publish(0, feed, 1)
print("published", flush=True)
number = 1
while True:
    number += 1
    publisher.publish(0, feed, number)
"""


def a_feed(lines=LINES, seed=3):
    feed = MarketFeed(
        product="spot",
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        candle_interval_ns=10**9,
    )
    feed.apply_lines(b"\n".join(SyntheticMarket(seed=seed).next_lines(lines)))
    return feed


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "books"


@pytest.fixture
def publisher(folder):
    made = BookPublisher(folder=folder, venue=VENUE, instruments=SYMBOLS)
    yield made
    made.close()


def a_reader(folder, heartbeat_timeout_ms=NEVER_ASK):
    return BookReader(folder=folder, venue=VENUE, heartbeat_timeout_ms=heartbeat_timeout_ms)


def all_features(feed):
    values = array("d", bytes(8 * len(feed.feature_names())))
    feed.feature_vector(values)
    return dict(zip(feed.feature_names(), values, strict=True))


def room_of(reader):
    return array("q", bytes(8 * reader.record_words))


@pytest.fixture
def writer(folder):
    """A process that publishes until it is killed."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "published\n"
        yield process
        process.kill()


def test_a_reader_has_what_the_feed_has(folder, publisher):
    feed, reader = a_feed(), a_reader(folder)
    publisher.publish(1, feed, 7)
    out = room_of(reader)
    assert reader.read(1, out) == "fresh"
    assert (reader.instruments, reader.depth) == (SYMBOLS, 20)
    assert out[reader.FLAGS] & reader.VALID
    assert out[reader.EVENT_NS] == feed.last_event_ns
    assert out[reader.DEPTH_RECEIVED_NS] == feed.last_received_ns["depth"]
    assert out[reader.TRADE_RECEIVED_NS] == feed.last_received_ns["trade"]
    assert out[reader.PUBLISHED_NS] == 7
    assert out[reader.LAST_UPDATE_ID] == feed.last_update_id
    bids, asks = feed.levels(20)
    flat = [number for level in [*bids, *asks] for number in level]
    assert out[reader.BIDS] == out[reader.ASKS] == 20
    assert out[reader.bids_at : reader.features_at].tolist() == flat
    values = memoryview(out).cast("B").cast("d")[reader.features_at :].tolist()
    assert dict(zip(reader.features, values, strict=True)) == pytest.approx(all_features(feed), nan_ok=True)


def test_as_a_dict(folder, publisher):
    feed, reader = a_feed(), a_reader(folder)
    assert reader.read_dict(0)["status"] == "empty"
    publisher.publish(0, feed, 7)
    shown = reader.read_dict(0)
    bids, asks = feed.levels(20)
    assert (shown["bids"], shown["asks"]) == (bids, asks)
    assert shown["features"] == pytest.approx(all_features(feed), nan_ok=True)
    assert (shown["status"], shown["publication"], shown["is_valid"]) == ("fresh", 1, True)
    trade_id, price_ticks, size_lots, taker, trade_ns = shown["last_trade"]
    assert trade_id == feed.last_trade_id
    assert price_ticks > 0
    assert size_lots > 0
    assert taker in {"buy", "sell"}
    assert 0 < trade_ns <= feed.last_event_ns


def test_a_book_that_is_not_valid_shows_no_level(folder, publisher):
    feed, reader = a_feed(), a_reader(folder)
    publisher.publish(0, feed, 1)
    feed.reset()
    publisher.publish(0, feed, 2)
    shown = reader.read_dict(0)
    assert (shown["status"], shown["is_valid"], shown["last_update_id"]) == ("fresh", False, 0)
    assert (shown["bids"], shown["asks"]) == ([], [])
    assert all(math.isnan(value) for value in shown["features"].values())


def test_the_segment_is_private_and_goes_with_the_publisher(folder):
    publisher = BookPublisher(folder=folder, venue=VENUE, instruments=SYMBOLS)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(publisher.path.stat().st_mode) == 0o600
    reader = a_reader(folder)
    del publisher
    gc.collect()
    assert reader.writer() == "closed"
    assert list(folder.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="nobody publishes there"):
        a_reader(folder)


def test_a_killed_writer_is_dead_and_its_place_is_taken(folder, writer):
    quick, careful = a_reader(folder), a_reader(folder, ALWAYS_ASK)
    assert quick.writer_pid == writer.pid
    assert quick.writer() == "alive"
    with pytest.raises(OSError, match=f"process {writer.pid} publishes there already"):
        BookPublisher(folder=folder, venue=VENUE, instruments=SYMBOLS)
    out = room_of(careful)
    assert careful.read(0, out) in {"stalled", "busy"}
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert careful.writer() == "dead"
    assert careful.read(0, out) in {"dead", "torn"}
    with BookSuccessor(folder):
        assert careful.read(0, out) == "gone"
        assert quick.read(0, out) == "gone"
        assert a_reader(folder).writer() == "alive"


class BookSuccessor:
    """A publisher for the length of a block."""

    def __init__(self, folder):
        self.publisher = BookPublisher(folder=folder, venue=VENUE, instruments=SYMBOLS)

    def __enter__(self):
        return self.publisher

    def __exit__(self, *_):
        self.publisher.close()


def test_what_a_killed_writer_left_is_cleaned(folder, writer):
    assert clean_books(folder) == []
    reader = a_reader(folder)
    writer.kill()
    writer.wait()
    assert clean_books(folder) == [folder / "binance.book"]
    assert list(folder.iterdir()) == []
    assert reader.read(0, room_of(reader)) == "gone"
    assert clean_books(folder / "nowhere") == []


def test_a_stopped_writer_keeps_nobody_waiting(folder, writer):
    reader = a_reader(folder, ALWAYS_ASK)
    writer.send_signal(signal.SIGSTOP)
    try:
        assert reader.writer() == "alive"
        assert reader.read(0, room_of(reader)) in {"stalled", "busy"}
    finally:
        writer.send_signal(signal.SIGCONT)


def test_a_fork_cannot_publish_and_does_not_close(folder, publisher):
    feed = a_feed()
    child = os.fork()
    if child == 0:
        try:
            publisher.publish(0, feed, 1)
        except CoreError:
            publisher.close()
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    publisher.publish(0, feed, 2)
    assert a_reader(folder).read_dict(0)["published_ns"] == 2
    assert publisher.beat()


def test_a_publisher_notices_that_its_segment_was_taken_away(folder, publisher):
    assert publisher.beat()
    publisher.path.unlink()
    assert not publisher.beat()
    publisher.close()
    with pytest.raises(ValueError, match="closed"):
        publisher.beat()


def test_what_cannot_be_is_refused(folder, publisher):
    reader, feed = a_reader(folder), a_feed()
    out = room_of(reader)
    with pytest.raises(ValueError, match="no instrument 2"):
        reader.read(2, out)
    with pytest.raises(ValueError, match="no instrument 2"):
        publisher.publish(2, feed, 1)
    with pytest.raises(ValueError, match="out has room for"):
        reader.read(0, out[:-1])
    with pytest.raises(BufferError):
        reader.read(0, memoryview(out).toreadonly())
    with pytest.raises(TypeError, match="int64"):
        reader.read(0, array("d", bytes(8 * reader.record_words)))
    with pytest.raises(ValueError, match="features must be in"):
        BookPublisher(folder=folder, venue="other", instruments=SYMBOLS, features=10**6)
    with pytest.raises(ValueError, match="is named twice"):
        BookPublisher(folder=folder, venue="other", instruments=["A", "A"])
    with pytest.raises(ValueError, match="cannot name a segment"):
        BookReader(folder=folder, venue="../other")


def test_without_a_record_the_buffer_is_left_as_it_was(folder, publisher):
    publisher.publish(0, a_feed(), 1)
    reader = a_reader(folder, ALWAYS_ASK)
    publisher.path.unlink()
    out = array("q", [-1] * reader.record_words)
    assert reader.read(0, out) == "gone"
    assert set(out) == {-1}


def test_a_folder_that_others_may_enter_is_refused(folder):
    folder.mkdir(mode=0o755)
    for make in (
        lambda: BookPublisher(folder=folder, venue=VENUE, instruments=SYMBOLS),
        lambda: a_reader(folder),
        lambda: clean_books(folder),
    ):
        with pytest.raises(OSError, match="must have mode 0700"):
            make()


@settings(max_examples=25, deadline=None)
@given(depth=st.integers(1, 60), features=st.integers(0, 20), lines=st.integers(0, 300))
def test_any_shape_holds_the_top_of_the_book(tmp_path_factory, depth, features, lines):
    folder = tmp_path_factory.mktemp("shapes") / "books"
    feed = a_feed(lines)
    publisher = BookPublisher(folder=folder, venue=VENUE, instruments=["A"], depth=depth, features=features)
    publisher.publish(0, feed, 1)
    shown = a_reader(folder).read_dict(0)
    assert (shown["bids"], shown["asks"]) == feed.levels(depth)
    assert shown["is_valid"] == feed.is_valid
    assert len(shown["features"]) == features

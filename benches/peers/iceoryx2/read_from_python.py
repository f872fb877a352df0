"""Time for Python to read the newest record: our segment, and iceoryx2's blackboard by its wheel.

Run it where both can be imported: `pip install iceoryx2==0.10.0`, and openoutcry on the path.
"""

import ctypes
import sys
import tempfile
import timeit
from array import array
from pathlib import Path

import iceoryx2

from openoutcry.native import BookPublisher, BookReader, MarketFeed, SyntheticMarket

READS = 20_000
ROUNDS = 9
LINES = 400
INSTRUMENT = "BTC/USDT"


class Record(ctypes.Structure):
    """As many words as our record of 20 levels and 6 features."""

    _fields_ = [("words", ctypes.c_int64 * 98)]


def best_ns(statement):
    """The least time of a call among the rounds."""
    return min(timeit.repeat(statement, number=READS, repeat=ROUNDS)) / READS * 1e9


def ours(folder):
    """Read and publish a feed's book."""
    feed = MarketFeed(
        product="spot", symbol="BTCUSDT", price_tick="0.01", size_step="0.00001", candle_interval_ns=10**9
    )
    feed.apply_lines(b"\n".join(SyntheticMarket(seed=1).next_lines(LINES)))
    publisher = BookPublisher(folder=folder, venue="binance", instruments=[INSTRUMENT])
    publisher.publish(0, feed, 1)
    reader = BookReader(folder=folder, venue="binance", heartbeat_timeout_ms=10**9)
    out = array("q", bytes(8 * reader.record_words))
    yield "ours: read into an array", lambda: reader.read(0, out)
    yield "ours: read as a dict", lambda: reader.read_dict(0)
    yield "ours: publish a feed's book", lambda: publisher.publish(0, feed, 1)


def theirs():
    """Read and update a blackboard's entry."""
    iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
    node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
    name = iceoryx2.ServiceName.new("openoutcry/read_from_python")
    key = ctypes.c_uint64(0)
    creator = node.service_builder(name).blackboard_creator(ctypes.c_uint64)
    service = creator.add(key, Record()).create()
    writer = service.writer_builder().create()
    mutable = writer.entry(key, Record)
    reader = service.reader_builder().create()
    entry = reader.entry(key, Record)
    record = Record()
    yield "iceoryx2: get and decode", lambda: entry.get().decode_as(Record)
    yield "iceoryx2: update with a copy", lambda: mutable.update_with_copy(record)


def main():
    """Print nanoseconds a call."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        for name, call in [*ours(Path(place) / "books"), *theirs()]:
            sys.stdout.write(f"{name}: {best_ns(call):.0f} ns\n")


if __name__ == "__main__":
    main()

"""A book of 20 levels in shared memory: published by one object, read by another as by another process."""

import json
import time

import numpy as np
from benches.core import inputs
from benches.core.feed import new_feed
from benches.work import Contender, UnavailableError, Work

CALLS = 100_000
DEPTH = 20


def joined_feed(folder):
    """A feed whose book has just begun."""
    feed = new_feed(json.loads((folder / "facts.json").read_text()))
    first, *_ = (folder / "frames.txt").read_bytes().split(b"\n")
    feed.apply(first, 1)
    feed.apply_snapshot((folder / "snapshot.json").read_bytes(), 1)
    return feed


class Segment(Contender):
    """A publisher with the book of a stream's start, and a reader of it."""

    units = CALLS

    def __init__(self, folder):
        try:
            from openoutcry.native import BookPublisher, BookReader
        except ImportError:
            raise UnavailableError("openoutcry.native has no BookPublisher") from None
        self.feed = joined_feed(folder)
        segments = folder / "segments"
        segments.mkdir(mode=0o700)
        self.publisher = BookPublisher(folder=segments, venue="bench", instruments=["BTCUSDT"], depth=DEPTH)
        self.reader = BookReader(folder=segments, venue="bench")
        self.out = np.zeros(self.reader.record_words, np.int64)
        self.publisher.publish(0, self.feed, 1)

    def state(self):
        """The touch as the reader sees it."""
        self.publisher.publish(0, self.feed, 1)
        if self.reader.read(0, self.out) != "fresh":
            raise RuntimeError("the reader has nothing fresh")
        bids, asks = self.reader.bids_at, self.reader.asks_at
        return [int(each) for at in (bids, asks) for each in self.out[at : at + 2]]


class Read(Segment):
    def round(self):
        self.publisher.publish(0, self.feed, 1)
        read, out = self.reader.read, self.out
        start_ns = time.thread_time_ns()
        for _ in range(CALLS):
            read(0, out)
        return time.thread_time_ns() - start_ns


class Publish(Segment):
    def round(self):
        publish, feed = self.publisher.publish, self.feed
        start_ns = time.thread_time_ns()
        for now_ns in range(CALLS):
            publish(0, feed, now_ns)
        return time.thread_time_ns() - start_ns


def prepare(folder):
    inputs.write_depth(inputs.SPOT, folder)
    (folder / "touch.json").write_text(json.dumps(joined_feed(folder).top()))


def truth(folder):
    """The touch of the book that is published."""
    return json.loads((folder / "touch.json").read_text())


def work(name, title, reach_ns, ours, peers):
    return Work(
        name=f"shared_memory_{name}",
        title=f"shared-memory snapshot of {DEPTH} levels, {title}",
        unit="snapshot",
        reach=reach_ns,
        prepare=prepare,
        ours=ours,
        truth=truth,
        peers=peers,
    )


WORKS = [
    work("read", "read from Python", 1_000, Read, {"iceoryx2 blackboard": "iceoryx2_blackboard:Read"}),
    work(
        "publish",
        "published from Python",
        150,
        Publish,
        {"iceoryx2 blackboard, only copied": "iceoryx2_blackboard:Update"},
    ),
]

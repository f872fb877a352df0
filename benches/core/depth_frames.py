"""Depth frames from the wire's bytes into a book, with the best price after each."""

import json
import time
from functools import partial

from benches.core import inputs
from benches.core.feed import new_feed
from benches.work import Contender, Work


class Ours(Contender):
    """Book alone, as the peers."""

    analytics = False

    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.snapshot = (folder / "snapshot.json").read_bytes()
        self.frames = (folder / "frames.txt").read_bytes().split(b"\n")
        self.units = self.facts["levels"] - self.facts["first_levels"]
        self.feed = None

    def round(self):
        feed = self.feed = new_feed(self.facts, analytics=self.analytics)
        feed.apply(self.frames[0], 1)  # a feed joins a snapshot with deltas that it has seen before
        if not feed.apply_snapshot(self.snapshot, 1):
            raise RuntimeError("the snapshot did not join the first frame")
        frames = self.frames[1:]
        start_ns = time.thread_time_ns()
        for frame in frames:
            feed.apply(frame, 1)
            feed.top()
        return time.thread_time_ns() - start_ns

    def state(self):
        """The touch in ticks and lots, and nothing went wrong on the way."""
        if not self.feed.is_valid or self.feed.gaps or self.feed.crossed:
            raise RuntimeError("the book is not valid after the last frame")
        return list(self.feed.top())


class OursWithAnalytics(Ours):
    """Features and the anomaly panel follow the book."""

    analytics = True


def truth(folder):
    """Dicts of the exact decimals, as slow as it is plain."""
    facts = json.loads((folder / "facts.json").read_text())
    sides = {"b": {}, "a": {}}
    snapshot = json.loads((folder / "snapshot.json").read_text())
    frames = [json.loads(frame) for frame in (folder / "frames.txt").read_bytes().split(b"\n")]
    changes = [{"b": snapshot["bids"], "a": snapshot["asks"]}]
    changes += [frame.get("data", frame) for frame in frames]
    for change in changes:
        for side, levels in sides.items():
            for price, size in change[side]:
                ticks = inputs.units(price, facts["price_tick"])
                levels[ticks] = inputs.units(size, facts["size_step"])
    bids, asks = ({ticks: lots for ticks, lots in side.items() if lots} for side in sides.values())
    return [max(bids), bids[max(bids)], min(asks), asks[min(asks)]]


def work(stream, reach_ns, peers, ours=Ours):
    watched = ours is OursWithAnalytics
    return Work(
        name=f"depth_frames_{stream.product}{'_analytics' if watched else ''}",
        title=f"{stream.product} depth frame, bytes to book and best price"
        + (", features and anomaly panel" if watched else ""),
        unit="level",
        reach=reach_ns,
        prepare=partial(inputs.write_depth, stream),
        ours=ours,
        truth=truth,
        peers=peers,
    )


WORKS = [
    work(
        inputs.SPOT,
        45,
        {"ccxt.pro": "ccxt_frames:Depth", "msgspec and dicts, no best price": "msgspec_frames:Depth"},
    ),
    work(
        inputs.USDM,
        45,
        {
            "ccxt.pro": "ccxt_frames:Depth",
            "orjson and ccxt.pro's book": "ccxt_frames:OrjsonDepth",
            "msgspec and dicts, no best price": "msgspec_frames:Depth",
        },
    ),
    work(inputs.SPOT, 45, {}, OursWithAnalytics),
    work(inputs.USDM, 45, {}, OursWithAnalytics),
]

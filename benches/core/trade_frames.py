"""Trade frames from the wire's bytes into the tape, one call a frame."""

import json
import time
from functools import partial

from benches.core import inputs
from benches.core.feed import new_feed
from benches.work import Contender, Work


class Ours(Contender):
    """Tape and candles alone, as the peers."""

    analytics = False

    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.frames = (folder / "frames.txt").read_bytes().split(b"\n")
        self.units = len(self.frames)
        self.feed = None

    def round(self):
        feed = self.feed = new_feed(self.facts, analytics=self.analytics)
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            feed.apply(frame, 1)
        return time.thread_time_ns() - start_ns

    def state(self):
        """Trades taken, and the last one's id."""
        return [self.feed.counts["trade"], self.feed.last_trade_id]


class OursWithAnalytics(Ours):
    """Features and the anomaly panel follow the tape."""

    analytics = True


def truth(folder):
    frames = (folder / "frames.txt").read_bytes().split(b"\n")
    last = json.loads(frames[-1])
    return [len(frames), last.get("data", last)["t"]]


WORKS = [
    Work(
        name="trade_frames",
        title="spot trade frame, bytes to tape",
        unit="frame",
        reach=350,
        prepare=partial(inputs.write_trades, inputs.SPOT),
        ours=Ours,
        truth=truth,
        peers={"ccxt.pro": "ccxt_frames:Trades", "msgspec, decoding only": "msgspec_frames:Trades"},
    ),
    Work(
        name="trade_frames_analytics",
        title="spot trade frame, bytes to tape, features and anomaly panel",
        unit="frame",
        reach=350,
        prepare=partial(inputs.write_trades, inputs.SPOT),
        ours=OursWithAnalytics,
        truth=truth,
        peers={},
    ),
]

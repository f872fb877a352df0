"""msgspec with typed structures: the quickest that Python can read a frame; floats, and a dict a side."""

import json
import time

import msgspec


class DepthUpdate(msgspec.Struct):
    u: int
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class Trade(msgspec.Struct):
    t: int
    p: str
    q: str
    T: int
    m: bool


def decoder(text, kind):
    """Of the combined stream's frames or of raw ones, as `text` is."""

    class Combined(msgspec.Struct):
        data: kind

    if "data" not in json.loads(text):
        return msgspec.json.Decoder(kind).decode
    decode = msgspec.json.Decoder(Combined).decode
    return lambda frame: decode(frame).data


class Frames:
    def __init__(self, folder):
        self.facts = json.loads((folder / "facts.json").read_text())
        self.frames = (folder / "frames.txt").read_bytes().split(b"\n")
        self.units = len(self.frames)


class Depth(Frames):
    def __init__(self, folder):
        super().__init__(folder)
        self.units = self.facts["levels"]
        self.decode = decoder(self.frames[0], DepthUpdate)
        snapshot = json.loads((folder / "snapshot.json").read_text())
        self.start = [
            {float(price): float(size) for price, size in snapshot[side]} for side in ("bids", "asks")
        ]

    def round(self):
        bids, asks = self.book = [dict(side) for side in self.start]
        decode = self.decode
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            update = decode(frame)
            for price, size in update.b:
                bids[float(price)] = float(size)
            for price, size in update.a:
                asks[float(price)] = float(size)
        return time.thread_time_ns() - start_ns

    def state(self):
        bids, asks = ({price: size for price, size in side.items() if size} for side in self.book)
        touch = (max(bids), bids[max(bids)], min(asks), asks[min(asks)])
        steps = (float(self.facts["price_tick"]), float(self.facts["size_step"])) * 2
        return [round(value / step) for value, step in zip(touch, steps, strict=True)]


class Trades(Frames):
    def __init__(self, folder):
        super().__init__(folder)
        self.decode = decoder(self.frames[0], Trade)

    def round(self):
        decode = self.decode
        start_ns = time.thread_time_ns()
        for frame in self.frames:
            self.last = decode(frame)
        return time.thread_time_ns() - start_ns

    def state(self):
        return [len(self.frames), self.last.t]

"""The works' inputs: made from a seed at run time, never committed; recorded frames where they are at hand.

The generator beside the project is used where it is, because the peers' known figures were taken on its data;
else a plainer one of our own (`generated.py`).
"""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import zstandard
from benches.core import generated
from benches.work import UnavailableError

from openoutcry.native import SyntheticMarket

ROOT = Path(__file__).parents[2]
SHARED_GENERATOR = ROOT.parent / "shared/peers/gen.py"
RECORDINGS = ROOT.parent / "shared/data/binance_l2_2024"
KEPT = ROOT / "benches/results/inputs"
COUNT = 1_000_000
SYNTHETIC_SECONDS = 300
WINDOW_LOG = 27


def origin() -> str:
    rows = "the shared generator's" if SHARED_GENERATOR.exists() else "our own generator's"
    frames = "recorded frames" if RECORDINGS.exists() else "the synthetic market's frames"
    return f"{rows} rows and {frames}"


def shared_generator(file: Path = SHARED_GENERATOR) -> dict:
    # Run from its text: its own file would make a folder for its data beside itself.
    names = {"__name__": "shared_generator", "__file__": str(KEPT / file.name)}
    exec(compile(file.read_text(), str(file), "exec"), names)
    return names


def kept(name: str, make, count: int = COUNT) -> np.ndarray:
    """The array of that name, made once: a million rows take half a minute."""
    source = "shared" if SHARED_GENERATOR.exists() else "own"
    path = KEPT / f"{name}_{source}_{count}.npy"
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        np.save(path, make())
    return np.load(path)


def level_rows() -> np.ndarray:
    """Level updates as (side: 0 bid, 1 ask; price_ticks; size_lots), int64; 0 lots delete."""

    def make():
        if not SHARED_GENERATOR.exists():
            return generated.level_rows(COUNT)
        found = shared_generator()["gen_l2"](COUNT)
        return np.column_stack([found[name].astype(np.int64) for name in ("side", "tick", "lots")])

    return kept("level_rows", make)


ORDER_KINDS = "ADXEU"
"""ITCH's letters by the kind in a row: add, cancel, reduce by, execute, replace."""


def order_rows() -> np.ndarray:
    """Order messages as (kind, order id, new order id, side, price_ticks, size_lots), int64."""

    def make():
        if not SHARED_GENERATOR.exists():
            return generated.order_rows(COUNT)
        found = shared_generator()["gen_l3"](COUNT)[0]
        kinds = np.array([ORDER_KINDS.index(kind.decode()) for kind in found["type"].tolist()], np.int64)
        names = ("oid", "oid2", "side", "tick", "qty")
        return np.column_stack([kinds, *(found[name].astype(np.int64) for name in names)])

    return kept("order_rows", make)


def ticks() -> np.ndarray:
    """Eight features a tick, with anomalies among them, float64."""

    def make():
        if not SHARED_GENERATOR.exists():
            return generated.ticks(COUNT)
        return shared_generator()["gen_anom"](COUNT)[0]

    return kept("ticks", make)


class Stream(NamedTuple):
    """A market's lines, and what one needs to know to read them."""

    product: str
    symbol: str
    price_tick: str
    size_step: str
    recording: str


SPOT = Stream("spot", "BTCUSDT", "0.01", "0.00001", "spot_btcusdt_20240808.raw.zst")
USDM = Stream("usdm", "BTCUSDT", "0.1", "0.001", "usdm_btcusdt_20240808.raw.zst")


@cache
def frames(stream: Stream) -> list[bytes]:
    """A stream's frames in the order of their arrival, the REST snapshot among them."""
    path = RECORDINGS / stream.recording
    if path.exists():
        with path.open("rb") as file:
            text = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).stream_reader(file).read()
        lines = text.splitlines()
    elif stream is not SPOT:
        raise UnavailableError(f"no {path.name} in ../shared/data; the synthetic market is spot")
    else:
        market = SyntheticMarket(seed=1, duration_ns=SYNTHETIC_SECONDS * 1_000_000_000)
        lines = market.next_lines(10_000_000)
    return [line.partition(b" ")[2] for line in lines]


def units(text: str, step: str) -> int:
    """A decimal in steps, rounded down as the feed does."""
    return int(Decimal(text) // Decimal(step))


def write_depth(stream: Stream, folder: Path) -> None:
    """Writes the snapshot, and the depth frames that continue it, one a line."""
    snapshot, last_id, levels, follow = None, 0, [], []
    for frame in frames(stream):
        if snapshot is None and b'"lastUpdateId"' in frame[:40]:
            snapshot, last_id = frame, json.loads(frame)["lastUpdateId"]
    for frame in frames(stream):
        if b'"depthUpdate"' in frame:
            data = json.loads(frame)
            data = data.get("data", data)
            if data["u"] > last_id:
                follow.append(frame)
                levels.append(len(data["b"]) + len(data["a"]))
    facts = {**stream._asdict(), "levels": sum(levels), "first_levels": levels[0]}
    (folder / "snapshot.json").write_bytes(snapshot)
    (folder / "frames.txt").write_bytes(b"\n".join(follow))
    (folder / "facts.json").write_text(json.dumps(facts))


def write_trades(stream: Stream, folder: Path) -> None:
    found = [frame for frame in frames(stream) if b'"e":"trade"' in frame]
    (folder / "frames.txt").write_bytes(b"\n".join(found))
    (folder / "facts.json").write_text(json.dumps(stream._asdict()))

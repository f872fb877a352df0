import sys
from pathlib import Path

import msgspec
import pytest

from openoutcry.exchanges.market_source import resolve_source

sys.path.insert(0, str(Path(__file__).parent))  # the folder's own module demo_process

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="session")
def recorded_candles():
    """The 5-second candles of the spot recording by plain arithmetic on its trades, without the first one."""
    candles, current = [], None
    snapshot_seen = first_left_out = False
    for batch in resolve_source(path=SHARED_DATA).batches():
        for line in batch:
            frame = line.split(b" ", 1)[1]
            if b'"lastUpdateId"' in frame[:20]:
                snapshot_seen = True
            if not snapshot_seen or b'"e":"trade"' not in frame[:80]:
                continue
            trade = msgspec.json.decode(frame)["data"]
            price, lots = round(float(trade["p"]) * 100), round(float(trade["q"]) * 100_000)
            close_ns = (trade["T"] // 5000 + 1) * 5_000_000_000
            if current is not None and close_ns == current[0]:
                current = (close_ns, price, current[2] + lots, trade["t"])
                continue
            if current is not None and first_left_out:
                candles.append(current)
            first_left_out = current is not None
            current = (close_ns, price, lots, trade["t"])
    return candles

"""An hour of Coinbase's level updates of 2018, as tables: the book never crosses and ends as a dict does."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import zstandard

from openoutcry.native import L2Book

RECORDED = Path(__file__).parents[2] / ".." / "shared" / "data" / "coinbase_l2_2018"
ZSTD_WINDOW_BYTES = 1 << 25
TICKS_PER_USD = 100
LOTS_PER_BTC = 10**8

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded hour is not beside this checkout"),
]


def table(name):
    """Rows (side, price_ticks, size_lots). The recorder kept sizes as floats: 0.90099999999 was 0.901."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    with (RECORDED / name).open("rb") as file, decompressor.stream_reader(file) as raw:
        lines = csv.reader(io.StringIO(raw.read().decode()))
    next(lines)  # the header

    def ticks(text):
        count = Decimal(text) * TICKS_PER_USD
        assert count == int(count), f"{text} is finer than the grid"
        return int(count)

    return [
        (int(side == "sell"), ticks(price), round(Decimal(size) * LOTS_PER_BTC))
        for side, price, size, *_ in lines
    ]


def test_the_recorded_hour_replays_without_a_crossed_state_to_the_plain_book():
    snapshot = table("btcusd_snapshot_bids.csv.zst") + table("btcusd_snapshot_asks.csv.zst")
    updates = table("btcusd_l2update_2018-04-24T0352_1h.csv.zst")
    book = L2Book()
    book.apply(np.array(snapshot, dtype=np.int64))
    touches = np.zeros((len(updates), 4), dtype=np.int64)
    book.apply(np.array(updates, dtype=np.int64), touches)
    assert len(updates) == 193_848
    assert (touches[:, 0] < touches[:, 2]).all()
    plain = ({}, {})
    for side, price_ticks, size_lots in snapshot + updates:
        if size_lots:
            plain[side][price_ticks] = size_lots
        else:
            plain[side].pop(price_ticks, None)
    bids, asks = book.levels(len(book))
    assert bids == sorted(plain[0].items(), reverse=True)
    assert asks == sorted(plain[1].items())

"""Rows for the simulator: made from a seed at run time, kept in `results/inputs`, never committed.

As in `benches/core`, the generator beside the project where it is, because the peers' known figures were
taken on its data; else a plainer one.
"""

import numpy as np
from benches.backtest import generated
from benches.core.inputs import ROOT, SHARED_GENERATOR, kept, shared_generator

EVENTS = 2_400_000
QUOTES = 1_000_000
MANY_QUOTES = 5_000_000
FEED_LATENCY_NS = 800_000
ASK = 256
LEVEL, TRADE = 1, 2
CANDLES = ROOT.parent / "shared/data/candles/binance-um_BTCUSDT_5m_20230101_20240514.parquet"


def origin() -> str:
    return f"{'the shared' if SHARED_GENERATOR.exists() else 'our own'} generator's rows"


def event_rows() -> np.ndarray:
    """Levels and trades, heard of 0.8 ms later, as the simulator's rows; the books never cross."""

    def make():
        if not SHARED_GENERATOR.exists():
            return generated.event_rows(EVENTS)
        found = shared_generator()["gen_l2"](EVENTS, seed=5, trades=True)
        at_ns = found["ts"].astype(np.int64)
        at_ns[at_ns == 0] = at_ns[at_ns > 0][0] - 1  # the snapshot
        side = found["side"].astype(np.int64)  # of a trade: the taker's
        kind = np.where(found["kind"] == 0, LEVEL, TRADE) + ASK * side
        columns = (at_ns, at_ns + FEED_LATENCY_NS, kind, found["tick"], found["lots"], np.zeros_like(at_ns))
        return np.stack([column.astype(np.int64) for column in columns], axis=1)

    return kept("event_rows", make, EVENTS)


def quote_rows(count: int) -> np.ndarray:
    """`at_ns, bid_ticks, ask_ticks, bid_lots, ask_lots`, one about every 10 ms."""

    def make():
        generator = SHARED_GENERATOR.with_name("rows.py")
        if not generator.exists():
            return generated.quote_rows(count)
        found = shared_generator(generator)["quotes"](count)
        names = ("ts", "bid", "ask", "bid_sz", "ask_sz")
        return np.column_stack([found[name].astype(np.int64) for name in names])

    return kept("quote_rows", make, count)

"""Datasets of events for tests, made by hand or from a seed."""

import hashlib

import msgspec
import numpy as np
from tests.backtesting.candle_histories import CASH_ATOMS, instrument
from tests.native.simulated_flow import chunked

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.result import DatasetRecord

CHUNK_ROWS = 500


def traded(symbol=None, kind="linear"):
    """A contract with ticks of a cent and lots of a thousandth, or another of its kind."""
    made = instrument(kind)
    return made if symbol is None else msgspec.structs.replace(made, symbol=symbol, base=symbol[:3])


def dataset(rows, of=None, kind="events"):
    """Rows as a dataset that is read in parts."""
    of = of or traded()
    record = DatasetRecord(
        name="made",
        path="made",
        kind="events",
        venue=of.venue,
        symbol=of.symbol,
        first_ns=int(rows[0, 0]),
        last_ns=int(rows[-1, 0]),
        rows=len(rows),
        sha256=hashlib.sha256(rows.tobytes()).hexdigest(),
    )

    def stream(from_ns, to_ns):
        first, last = np.searchsorted(rows[:, 0], [from_ns, to_ns])
        return chunked(np.ascontiguousarray(rows[first:last]), CHUNK_ROWS)

    return EventsDataset(of, kind, record, stream)


def event_settings(kind="linear", cash_atoms=CASH_ATOMS, **above):
    """A backtest's settings, no latency, fees of 10 and -2 bps; `__` in a name stands for a dot."""
    costs = {
        "backtest.cash_atoms": cash_atoms,
        "backtest.taker_fee_ppm": 1_000,
        "backtest.maker_fee_ppm": -200,
        "backtest.order_latency_ns": 0,
        "backtest.report_latency_ns": 0,
        "strategy.intents.volatility_candles": 2,
        "strategy.intents.ttl_ns": 10**18,
        "simulation.candle_ms": 100,
        "risk.limit_offset_bps": 50,
    }
    named = {name.replace("__", "."): value for name, value in above.items()}
    return load_settings(None, backtest_defaults(instrument(kind), cash_atoms, 1_000) | costs | named)

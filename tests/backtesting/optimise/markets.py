"""Made-up candles and their settings, for searches."""

import numpy as np

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.result import DatasetRecord
from openoutcry.backtesting.run_store import canonical
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S

HOUR_NS = 3_600 * NS_PER_S
FIRST_NS = 1_700_006_400 * NS_PER_S  # midnight UTC
CASH_ATOMS = 100_000 * ATOMS_PER_UNIT
INSTRUMENT = Instrument(
    venue="test",
    symbol="BTC/USDT:USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.1",
    size_step="0.001",
    min_size_lots=1,
    max_size_lots=10**9,
    min_notional_atoms=5 * ATOMS_PER_UNIT,
    kind="linear",
)


def walk_of(seed, candles=24 * 120, changed_from=None):
    """A random walk with slow swings, hour by hour; from `changed_from` on another seed goes on."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.006, candles) + 0.002 * np.sin(np.arange(candles) / 40)
    if changed_from is not None:
        steps[changed_from:] = np.random.default_rng(seed + 1).normal(0, 0.02, candles - changed_from)
    close = np.rint(300_000 * np.exp(np.cumsum(steps))).astype(np.int64)
    opens = np.concatenate(([300_000], close[:-1]))
    wick = np.random.default_rng(seed + 2).integers(0, 200, (2, candles))
    return CandleSeries(
        INSTRUMENT,
        HOUR_NS,
        FIRST_NS + HOUR_NS * np.arange(candles, dtype=np.int64),
        opens,
        np.maximum(opens, close) + wick[0],
        np.minimum(opens, close) - wick[1],
        close,
        np.full(candles, 1_000_000, dtype=np.int64),
    )


def record_of(series):
    """What is known of the data; its hash is of the closes."""
    return DatasetRecord(
        name="walk",
        path="walk",
        kind="candles",
        venue="test",
        symbol=INSTRUMENT.symbol,
        first_ns=int(series.open_ns[0]),
        last_ns=int(series.close_ns[-1]),
        rows=len(series),
        sha256=canonical([int(series.close_ticks.sum()), len(series)]).encode().hex().ljust(64, "0")[:64],
    )


def market_of(series, **rest):
    """Candles with their record."""
    return CandleMarket(series, record_of(series), **rest)


def settings_of(**overrides):
    costs = {"backtest.cash_atoms": CASH_ATOMS, "backtest.taker_fee_ppm": 500}
    return load_settings(None, backtest_defaults(INSTRUMENT, CASH_ATOMS, 500) | costs | overrides)

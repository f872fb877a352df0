"""Histories of candles for tests, made by hand or from a seed."""

import numpy as np

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, Atoms, SizeLots

INTERVAL_NS = 60 * NS_PER_S
FIRST_NS = 1_704_067_200 * NS_PER_S  # 2024-01-01
CASH_ATOMS = 1_000 * ATOMS_PER_UNIT


def instrument(kind="spot"):
    """Ticks of a cent and lots of a thousandth: 1,000 atoms of the quote asset to the tick and lot."""
    return Instrument(
        venue="binance",
        symbol="BTC/USDT" if kind == "spot" else "BTC/USDT:USDT",
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="0.01",
        size_step="0.001",
        min_size_lots=SizeLots(1),
        max_size_lots=SizeLots(10**9),
        min_notional_atoms=Atoms(0),
        kind=kind,
    )


def series(rows, kind="spot"):
    """Candles a minute long, of (open, high, low, close, volume); None leaves a minute out."""
    minutes = [minute for minute, row in enumerate(rows) if row is not None]
    columns = np.array([row for row in rows if row is not None], np.int64).reshape(-1, 5).T
    opens_ns = FIRST_NS + np.array(minutes, np.int64) * INTERVAL_NS
    return CandleSeries(
        instrument(kind), INTERVAL_NS, opens_ns, *(np.ascontiguousarray(column) for column in columns)
    )


def random_series(seed, count=250, kind="spot"):
    """A random walk with wicks, thin candles and gaps."""
    random = np.random.default_rng(seed)
    rows, price = [], 10_000
    for _ in range(count):
        opens = max(price + int(random.integers(-3, 4)), 500)
        price = max(opens + int(random.normal(0, 25)), 500)
        high = max(opens, price) + int(random.integers(0, 12))
        low = max(min(opens, price) - int(random.integers(0, 12)), 1)
        volume = int(random.choice([0, 2_000, 60_000, 400_000], p=[0.05, 0.2, 0.25, 0.5]))
        rows.append(None if random.random() < 0.02 else (opens, high, low, price, volume))
    return series(rows, kind)


def settings(kind="spot", **above):
    """A backtest's settings, no latency, fees of 10 and 2 bps; `__` in a name stands for a dot."""
    costs = {
        "backtest.cash_atoms": CASH_ATOMS,
        "backtest.taker_fee_ppm": 1_000,
        "backtest.maker_fee_ppm": 200,
        "backtest.order_latency_ns": 0,
        "backtest.report_latency_ns": 0,
        "strategy.intents.volatility_candles": 2,
    }
    named = {name.replace("__", "."): value for name, value in above.items()}
    return load_settings(None, backtest_defaults(instrument(kind), CASH_ATOMS, 1_000) | costs | named)

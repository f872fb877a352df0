"""Backtests of a seeded random walk, run through the real deciders."""

import numpy as np

from openoutcry.assembly.backtest_settings import backtest_defaults
from openoutcry.assembly.settings import load_settings
from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.result import DatasetRecord, Finding
from openoutcry.backtesting.runner import run_candles
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.strategies.sma_cross import SmaCross

HOSTILE = "</script><script>document.title='broken'</script>"
FIRST_NS = 1_672_531_200 * NS_PER_S  # 2023-01-01
HOUR_NS = 3_600 * NS_PER_S
COIN = Instrument(
    venue="binance",
    symbol="COIN/USDT",
    venue_symbol="COINUSDT",
    base="COIN",
    quote="USDT",
    price_tick="0.01",
    size_step="0.001",
    min_size_lots=1,
    max_size_lots=10**9,
    min_notional_atoms=5 * ATOMS_PER_UNIT,
)


def walk(seed=1, hours=3_000, interval_ns=HOUR_NS):
    rng = np.random.default_rng(seed)
    close = (10_000 * np.exp(np.cumsum(rng.normal(0, 0.01, hours)))).astype(np.int64)
    opens = np.concatenate(([10_000], close[:-1]))
    high = np.maximum(opens, close) + rng.integers(0, 40, hours)
    low = np.minimum(opens, close) - rng.integers(0, 40, hours)
    times = FIRST_NS + np.arange(hours, dtype=np.int64) * interval_ns
    return CandleSeries(COIN, interval_ns, times, opens, high, low, close, np.full(hours, 10**8))


def backtested(seed=1, hours=3_000, *, fast=5, warmup=20, findings=(), path="walk.parquet"):
    series = walk(seed, hours)
    dataset = DatasetRecord(
        name="walk",
        path=path,
        kind="candles",
        venue="binance",
        symbol=COIN.symbol,
        first_ns=FIRST_NS,
        last_ns=int(series.close_ns[-1]),
        rows=hours,
        sha256="5eed" * 16,
        findings=findings,
    )
    settings = load_settings(None, backtest_defaults(COIN, 10_000 * ATOMS_PER_UNIT, 1_000))
    return run_candles(series, SmaCross(fast=fast, warmup=warmup), settings, dataset=dataset), series


def hostile_findings():
    return (
        Finding(severity="warning", kind="gap", count=3, row=7, detail=HOSTILE, remedy="<b>bold</b> & brave"),
    )

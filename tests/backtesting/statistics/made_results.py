"""Small backtests with figures that can be worked out by hand."""

import numpy as np
from tests.backtesting.recorded_run import BTC, SYMBOL

from openoutcry.backtesting.result import BacktestResult, Curve, DatasetRecord
from openoutcry.backtesting.statistics.returns import DAY_NS
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT

MIDNIGHT = 19_944 * DAY_NS  # 2024-08-09 00:00 UTC


def curve_of(equity_units, *, step_ns=DAY_NS, held=None, positions=None):
    """A curve in whole units of the quote asset, a moment each `step_ns` from a midnight on."""
    rows = len(equity_units)
    equity = np.array([round(value * ATOMS_PER_UNIT) for value in equity_units], dtype=np.int64)
    benchmark = equity if held is None else np.array([round(value * ATOMS_PER_UNIT) for value in held])
    return Curve(
        times_ns=MIDNIGHT + step_ns * np.arange(1, rows + 1, dtype=np.int64),
        equity_atoms=equity,
        benchmark_atoms=benchmark.astype(np.int64),
        position_lots=np.array(positions or [1] * rows, dtype=np.int64),
        price_ticks=np.full(rows, 6_000_000, dtype=np.int64),
    )


def fill(number, side, price_ticks, lots, *, parent=None, fee_atoms=0, fee_asset="USDT", symbol=SYMBOL):
    return Fill(
        id=f"fill:{number}",
        symbol=symbol,
        parent_id=parent or f"p{number}",
        client_order_id="c",
        venue_order_id="v",
        trade_id=str(number),
        side=side,
        price_ticks=price_ticks,
        size_lots=lots,
        fee_atoms=fee_atoms,
        fee_asset=fee_asset,
        liquidity="taker",
        at_ns=MIDNIGHT + number,
    )


def result_of(curve, fills=(), *, opening=100, fees_atoms=0, funding_atoms=0, halt_reason="", findings=()):
    dataset = DatasetRecord(
        name="made",
        path="",
        kind="candles",
        venue="binance",
        symbol=SYMBOL,
        first_ns=0,
        last_ns=0,
        rows=len(curve),
        sha256="0",
        findings=tuple(findings),
    )
    return BacktestResult(
        run_id="r",
        strategy="made",
        parameters={},
        instruments={SYMBOL: BTC},
        datasets=(dataset,),
        seed=0,
        settings={},
        config_hash="",
        versions={},
        opening_atoms=opening * ATOMS_PER_UNIT,
        curve=curve,
        fills=tuple(fills),
        fees_atoms=fees_atoms,
        funding_atoms=funding_atoms,
        halt_reason=halt_reason,
    )

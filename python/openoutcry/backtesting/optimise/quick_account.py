"""An account of a strategy's exposures on candles, quick enough for a search.

It has the desk's no-trade band, risk's size of a position, and the candle venue's price, volume and fees, but
no orders: an order and its slices trade once, at their mean delay after the candle that led to them, and no
check of risk refuses them. What it finds best is then run through the deciders themselves, which is what
counts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from openoutcry.assembly.backtest_settings import PPM
from openoutcry.assembly.settings import Settings
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.result import Integers
from openoutcry.domain.units import BASIS_POINTS, NS_PER_S, PriceTicks
from openoutcry.risk_management import sizing
from openoutcry.strategies.desk import volatility_of
from openoutcry.strategies.strategy import Shares

FIRST_ROWS: Final = 64  # searched at once for the next act; then twice as many, and so on


@dataclass(frozen=True, slots=True, eq=False)
class QuickAccount:
    """The equity at each candle's close, in atoms, and how often it traded."""

    equity_atoms: Integers
    trades: int


def acts(shares: Shares, no_trade_band: float) -> list[int]:
    """The rows at which a desk acts: the first wish, then each outside the band around the last of these."""
    wished = np.flatnonzero(~np.isnan(shares))
    rows = [int(wished[0])] if len(wished) else []
    start = rows[0] + 1 if rows else len(shares)
    span = FIRST_ROWS
    while start < len(shares):
        outside = np.abs(shares[start : start + span] - shares[rows[-1]]) > no_trade_band
        first = int(outside.argmax())
        if outside[first]:
            rows.append(start + first)
            start, span = start + first + 1, FIRST_ROWS
        else:
            start, span = start + span, span * 2
    return rows


def quick_account(
    series: CandleSeries, shares: Shares, settings: Settings, funding: Funding | None = None
) -> QuickAccount:
    """Follow `shares`, what the strategy wants at each close, NaN for no opinion.

    Funding is in the equity, but not in the size of positions.
    """
    intents, costs = settings.strategy.intents, settings.backtest
    allowed = np.maximum(shares, 0.0) if intents.long_only else shares.astype(np.float64)
    allowed[: intents.volatility_candles] = np.nan  # the desk's own warm-up
    mean_delay_ns = (
        costs.order_latency_ns + max(intents.horizon_ns - settings.execution.slice_interval_ns, 0) // 2
    )
    closes = series.close_ticks.tolist()
    atoms = series.instrument.atoms_per_tick_lot
    cash, held, before = costs.cash_atoms, 0, 0.0
    rows, positions, cashes = [0], [held], [cash]
    acted, last = acts(allowed, intents.no_trade_band), len(series) - 1
    for act, stop in zip(acted, [*acted[1:], last], strict=True):
        share = float(allowed[act])
        delay_ns = mean_delay_ns if abs(share - before) >= intents.twap_change else costs.order_latency_ns
        before = share
        for row in range(act, min(stop, last)):  # until it holds what it wants
            equity = cash + held * closes[row] * atoms
            wanted = _change_lots(series, row, share, settings, held=held, equity_atoms=equity)
            most = int(series.volume_lots[row + 1]) * costs.volume_share_ppm // PPM
            lots = max(-most, min(wanted, most))
            if lots:
                paid = round(lots * _price(series, row + 1, lots, delay_ns, costs.half_spread_ppm) * atoms)
                cash -= paid + -(-abs(paid) * costs.taker_fee_ppm // PPM)
                held += lots
                rows.append(row + 1)
                positions.append(held)
                cashes.append(cash)
            if lots == wanted:
                break
    counts = np.diff(np.append(rows, len(series)))
    position, money = (np.repeat(np.array(each, dtype=np.int64), counts) for each in (positions, cashes))
    worth = position * series.close_ticks * atoms
    if funding is not None:
        money -= _funding_atoms(series, worth, funding)
    return QuickAccount(money + worth, len(rows) - 1)


def _price(series: CandleSeries, row: int, lots: int, delay_ns: int, half_spread_ppm: int) -> float:
    """What a taker pays in a candle, in ticks: as far towards its worst as the order's time in it allows."""
    opens = int(series.open_ticks[row])
    worst = int(series.high_ticks[row] if lots > 0 else series.low_ticks[row])
    price = opens + (worst - opens) * delay_ns / series.interval_ns
    return price * (1 + (half_spread_ppm if lots > 0 else -half_spread_ppm) / PPM)


def _funding_atoms(series: CandleSeries, worth_atoms: Integers, funding: Funding) -> Integers:
    """What was paid in all by each close; due is what is held at the close that a funding time falls on."""
    candle = np.searchsorted(series.close_ns, funding.times_ns)
    inside = candle < len(series) - 1  # what falls on the end is not settled any more
    candle, rates = candle[inside], funding.rates[inside]
    due = series.close_ns[candle] == funding.times_ns[inside]
    paid = np.zeros(len(series), dtype=np.int64)
    np.add.at(paid, candle[due], np.rint(worth_atoms[candle[due]] * rates[due]).astype(np.int64))
    return np.cumsum(paid)


def _change_lots(
    series: CandleSeries, row: int, share: float, settings: Settings, *, held: int, equity_atoms: int
) -> int:
    """The lots to trade for a share of a full position, as risk sizes them."""
    limits, instrument = settings.risk, series.instrument
    first = max(row - settings.strategy.intents.volatility_candles, 0)
    volatility = volatility_of(series.close_ticks[first : row + 1].astype(np.float64))
    weight = sizing.weight(volatility, series.interval_ns / NS_PER_S, limits)
    dearest = sizing.limit_price_ticks(PriceTicks(int(series.close_ticks[row])), "buy", limits)
    full = sizing.full_position_lots(equity_atoms, weight, dearest, instrument, limits)
    target = int(max(share, -1.0 if instrument.kind == "linear" else 0.0) * full)
    change = target - held
    is_in_band = target != 0 and abs(change) <= full * limits.no_trade_band_bps // BASIS_POINTS
    return 0 if is_in_band else change

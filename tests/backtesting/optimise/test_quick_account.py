import numpy as np
import pytest

from openoutcry.backtesting.candle_backtest import frozen_columns
from openoutcry.backtesting.history.candles import Funding
from openoutcry.backtesting.optimise.quick_account import acts, quick_account
from openoutcry.backtesting.runner import run_candles
from openoutcry.backtesting.statistics.returns import returns_of
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.sma_cross import SmaCross

EARLY = {"strategy.intents.volatility_candles": 2}  # so that the desk acts from the third candle on


def test_a_desk_acts_on_its_first_wish_and_on_each_that_leaves_the_band():
    shares = np.array([np.nan, 0.0, 0.05, np.nan, 0.2, 0.25, -0.1, np.nan])
    assert acts(shares, 0.1) == [1, 4, 6]
    assert acts(np.full(5, np.nan), 0.1) == []


def test_acts_are_those_of_a_slow_and_obvious_loop():
    shares = np.random.default_rng(5).normal(0, 0.12, 3_000).cumsum() % 1.0
    shares[::7] = np.nan
    expected, last = [], None
    for row, share in enumerate(shares):
        if not np.isnan(share) and (last is None or abs(share - last) > 0.1):
            expected.append(row)
            last = share
    assert acts(shares, 0.1) == expected


def test_a_purchase_and_a_sale_to_the_last_atom(made):
    series = made.walk(1, candles=7)
    settings = made.settings(**{**EARLY, "backtest.order_latency_ns": 0, "strategy.intents.horizon_ns": 1})
    account = quick_account(series, np.array([np.nan, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), settings)
    atoms = series.instrument.atoms_per_tick_lot
    close, opens = series.close_ticks.tolist(), series.open_ticks.tolist()
    dearest = close[2] + close[2] * settings.risk.limit_offset_bps // 10_000
    lots = int(made.cash_atoms * 0.99) // (dearest * atoms)
    cost, proceeds = lots * opens[3] * atoms, lots * opens[5] * atoms
    cash = made.cash_atoms - cost - -(-cost * 500 // 1_000_000)
    end = cash + proceeds - -(-proceeds * 500 // 1_000_000)
    assert account.trades == 2
    assert account.equity_atoms.tolist() == [
        made.cash_atoms,
        made.cash_atoms,
        made.cash_atoms,
        cash + lots * close[3] * atoms,
        cash + lots * close[4] * atoms,
        end,
        end,
    ]


def test_orders_take_their_share_of_each_volume_until_all_is_held(made):
    series, settings = made.walk(1, candles=12), made.settings(**EARLY)
    series.volume_lots[:] = 1_000
    series.volume_lots[6:] = 10**7
    quick = quick_account(series, np.ones(12), settings)
    exact = run_candles(series, BuyAndHold(warmup=1), settings)
    sizes = [fill.size_lots for fill in exact.fills]
    assert sizes[:-1] == [100] * (len(sizes) - 1)  # a tenth of 1,000 lots
    assert quick.trades == len(sizes) >= 3
    assert quick.equity_atoms[-1] == pytest.approx(exact.curve.equity_atoms[-1], rel=1e-3)


@pytest.mark.parametrize(("fast", "warmup"), [(5, 30), (20, 100)])
def test_it_is_near_what_the_deciders_make(made, fast, warmup):
    series, settings = made.walk(3, candles=2_000), made.settings()
    strategy = SmaCross(fast=fast, warmup=warmup)
    quick = quick_account(series, strategy.exposures(frozen_columns(series)), settings)
    exact = run_candles(series, strategy, settings)
    ours, theirs = (
        returns_of(series.close_ns, each, made.cash_atoms).values
        for each in (quick.equity_atoms, exact.curve.equity_atoms)
    )
    assert len(exact.fills) >= 18
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
    assert quick.equity_atoms[-1] == pytest.approx(exact.curve.equity_atoms[-1], rel=0.01)


def test_funding_is_paid_on_what_is_held_and_nearly_as_the_deciders_pay_it(made):
    series, settings = made.walk(3, candles=400), made.settings()
    strategy = SmaCross(fast=5, warmup=30)
    shares = strategy.exposures(frozen_columns(series))
    times = series.close_ns[7::8]
    funding = Funding(times_ns=times, rates=np.where(np.arange(len(times)) % 3, 0.001, -0.0004))
    without = quick_account(series, shares, settings).equity_atoms
    paid = without - quick_account(series, shares, settings, funding).equity_atoms
    assert not paid[:30].any()
    exact = run_candles(series, strategy, settings, funding=funding)
    assert paid[-1] == pytest.approx(exact.funding_atoms, rel=0.03)
    assert np.flatnonzero(np.diff(paid)).tolist() == [
        row - 1 for row in range(7, 399, 8) if exact.curve.position_lots[row]
    ]

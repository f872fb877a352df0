import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.backtesting.candle_histories import (
    CASH_ATOMS,
    FIRST_NS,
    INTERVAL_NS,
    random_series,
    series,
    settings,
)
from tests.backtesting.statistics.made_results import fill as made_fill

from openoutcry.backtesting.funding_flows import funding_of_fills, funding_of_holding
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.runner import run_candles
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.units import NS_PER_S
from openoutcry.plugins.loader import Plugins
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Needs, Strategy


class Above(Strategy, frozen=True):
    """Holds everything above a level, and nothing (or a short) below."""

    warmup: int = 1
    level: int = 10_000
    below: float = 0.0

    def observe(self, market):
        return self.hold(1.0 if market.close[-1] > self.level else self.below, "above or below")


class AlwaysAbove(Above, frozen=True):
    """As Above, all at once as well."""

    def exposures(self, candles):
        return np.where(candles.close > self.level, 1.0, self.below)


class Steps(Above, frozen=True):
    """As Above, in tenths, with no opinion at some prices: all at once as well."""

    def observe(self, market):
        close = int(market.close[-1])
        return None if close % 7 == 0 else self.hold((close // 3 % 21 - 10) / 10, "steps")

    def exposures(self, candles):
        closes = candles.close.astype(np.int64)
        return np.where(closes % 7 == 0, np.nan, (closes // 3 % 21 - 10) / 10)


FLAT = [(9_990, 9_995, 9_985, 9_990, 1_000_000)] * 2


def described(result):
    """All of a result but how long it took, as bytes."""
    curve = result.curve
    columns = (
        curve.times_ns,
        curve.equity_atoms,
        curve.benchmark_atoms,
        curve.position_lots,
        curve.price_ticks,
    )
    facts = (
        result.run_id,
        result.fills,
        result.counts,
        result.refusals,
        result.halt_reason,
        result.fees_atoms,
    )
    return msgspec.json.encode([facts, [column.tolist() for column in columns]])


def test_a_purchase_and_a_sale_to_the_last_atom():
    rows = [
        *FLAT,
        (10_000, 10_010, 9_990, 10_005, 1_000_000),  # the first wish: all
        (10_004, 10_200, 10_000, 10_100, 1_000_000),  # bought at its open
        (10_100, 10_150, 9_900, 9_990, 1_000_000),  # the second wish: nothing
        (9_987, 9_990, 9_950, 9_960, 1_000_000),  # sold at its open
    ]
    result = run_candles(series(rows), Above(), settings())
    bought, sold = result.fills
    # 99 % of the cash at the dearest price, 10,005 and 10 bps, which are 10 ticks: 99e9 // (10,015 · 1,000)
    assert (bought.side, bought.size_lots, bought.price_ticks) == ("buy", 9_885, 10_004)
    assert bought.fee_atoms == 98_889_540  # a thousandth of 9,885 · 10,004 · 1,000
    assert (sold.side, sold.size_lots, sold.price_ticks, sold.fee_atoms) == ("sell", 9_885, 9_987, 98_721_495)
    assert bought.at_ns == FIRST_NS + 3 * INTERVAL_NS
    cash = CASH_ATOMS - 98_889_540_000 - 98_889_540
    sold_for = 98_721_495_000 - 98_721_495
    assert result.curve.equity_atoms.tolist() == [
        *[CASH_ATOMS] * 3,
        cash + 9_885 * 10_100 * 1_000,
        cash + 9_885 * 9_990 * 1_000,
        cash + sold_for,
    ]
    assert result.curve.position_lots.tolist() == [0, 0, 0, 9_885, 9_885, 0]
    assert result.net_atoms == -365_656_035 == -9_885 * 17 * 1_000 - result.fees_atoms
    assert result.counts == {
        "child_orders_accepted": 2,
        "fills": 2,
        "intents": 2,
        "orders": 2,
        "orders_filled": 2,
    }


def test_the_yardstick_buys_once_and_pays_one_fee():
    rows = [*FLAT, (10_000, 10_010, 9_980, 9_985, 1_000_000)]
    curve = run_candles(series(rows), Above(), settings()).curve
    # 1e11 // (9,990 · 1,000 · 1.001) = 10,000 lots; they cost 99.9e9 and a fee of 99.9e6.
    assert curve.benchmark_atoms.tolist() == [
        99_900_100_000,
        99_900_100_000,
        100_000 * 1_000 + 99_750_100_000,
    ]


def test_the_yardstick_pays_the_funding_of_what_it_holds():
    rows = [(close, 10_000, 9_900, close, 1_000_000) for close in (9_990, 9_990, 9_980, 9_970, 9_960, 9_960)]
    # Before it holds, as it buys, at a close, within a candle, and at the end of the data.
    times = np.array([30, 60, 120, 240, 360], np.int64) * NS_PER_S + FIRST_NS
    funding = Funding(times + np.array([0, 0, 0, 7, 0]), np.array([0.04, 0.04, 0.0001, -0.0003, 0.04]))
    curve = run_candles(series(rows, "linear"), Above(), settings("linear"), funding=funding).curve
    held = 10_000 * 1_000  # atoms to the tick, as above; they cost 99.9e9 and a fee of 99.9e6
    paid, received = 9_990_000, 29_910_000  # 1 bp of 99.9e9, 3 bps of 99.7e9: at the last closes before
    cash = CASH_ATOMS - 99_900_000_000 - 99_900_000
    assert curve.benchmark_atoms.tolist() == [
        cash + held * 9_990,
        cash + held * 9_990,
        cash + held * 9_980 - paid,
        cash + held * 9_970 - paid,
        cash + held * 9_960 - paid + received,
        cash + held * 9_960 - paid + received,
    ]


@hypothesis_settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["linear", "inverse"]))
def test_what_holds_from_the_first_close_pays_as_the_yardstick_does(seed, kind):
    history = random_series(seed, 60, kind)
    times = history.close_ns[::7] + np.random.default_rng(seed).integers(-3, 4, len(history.close_ns[::7]))
    funding = Funding(times, np.random.default_rng(seed).normal(0, 0.001, len(times)))
    lots = 12_345
    bought = made_fill(1, "buy", 1, lots, symbol=history.instrument.symbol)
    bought = msgspec.structs.replace(bought, at_ns=int(history.close_ns[0]))
    assert funding_of_fills(history, [bought], funding) == funding_of_holding(history, lots, funding)


@pytest.mark.parametrize("asks_each_candle", [False, True])
def test_thin_candles_fill_parts_until_all_is_held(asks_each_candle):
    thin = [(10_004, 10_010, 10_000, 10_005, volume) for volume in (50_009, 30_001, 20_000, 500_000, 500_000)]
    rows = [*FLAT, (10_000, 10_010, 9_990, 10_005, 1_000_000), *thin]
    result = run_candles(series(rows), AlwaysAbove(), settings(), asks_each_candle=asks_each_candle)
    # A tenth of each candle, rounded down, and in the third what the first order lacked.
    assert [fill.size_lots for fill in result.fills] == [5_000, 3_000, 1_878]
    assert [(fill.at_ns - FIRST_NS) // INTERVAL_NS for fill in result.fills] == [3, 4, 5]
    assert result.counts["orders_unfilled"] == 2


def test_an_order_that_takes_its_time_pays_for_it():
    rows = [*FLAT, (10_000, 10_010, 9_990, 10_005, 1_000_000), (10_004, 10_012, 9_000, 10_005, 1_000_000)]
    slow = settings(backtest__order_latency_ns=INTERVAL_NS // 4, backtest__report_latency_ns=INTERVAL_NS)
    (bought,) = run_candles(series(rows), Above(), slow).fills
    assert bought.price_ticks == 10_006  # a quarter of the way from 10,004 to 10,012
    assert bought.at_ns == FIRST_NS + 3 * INTERVAL_NS + INTERVAL_NS // 4


def test_a_contract_is_sold_short_and_pays_or_receives_funding():
    rows = [*FLAT, *[(9_990, 9_995, 9_985, 9_990, 1_000_000)] * 4]
    times = FIRST_NS + np.array([2, 4, 5], np.int64) * INTERVAL_NS + 7  # at the first nothing is held
    funding = Funding(times, np.array([0.5, 0.0001, -0.0003]))
    result = run_candles(series(rows, "linear"), Above(below=-1.0), settings("linear"), funding=funding)
    (sold,) = result.fills
    # 99 % at the dearest price, 9,990 and 10 bps (9 ticks): 99e9 // (9,999 · 1,000); sold at the open.
    assert (sold.side, sold.size_lots, sold.price_ticks) == ("sell", 9_900, 9_990)
    fee, received, paid = 98_901_000, 9_890_100, 29_670_300  # a thousandth, 1 and 3 bps of 98,901,000,000
    assert result.funding_atoms == paid - received
    assert result.curve.equity_atoms.tolist() == [
        *[CASH_ATOMS] * 3,
        CASH_ATOMS - fee,
        CASH_ATOMS - fee + received,
        CASH_ATOMS - fee + received - paid,
    ]
    assert result.net_atoms == -fee - result.funding_atoms


@pytest.mark.parametrize("kind", ["spot", "linear"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "strategy", [SmaCross(fast=5, warmup=20), BuyAndHold(), Steps(), Steps(warmup=9)], ids=repr
)
def test_asking_only_where_the_desk_acts_changes_nothing(strategy, seed, kind):
    history = random_series(seed, kind=kind)
    for above in ({}, {"strategy__intents__twap_change": 0.4, "backtest__order_latency_ns": 50_000_000}):
        given_settings = settings(kind, **above)
        fast = run_candles(history, strategy, given_settings)
        slow = run_candles(history, strategy, given_settings, asks_each_candle=True)
        assert described(fast) == described(slow)


@hypothesis_settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["spot", "linear"]), twap=st.booleans())
def test_cash_and_position_are_conserved(seed, kind, twap):
    above = {"strategy__intents__twap_change": 0.1} if twap else {}
    result = run_candles(random_series(seed, 120, kind), Steps(), settings(kind, **above))
    lots, cash = 0, CASH_ATOMS
    for fill in result.fills:
        signed = fill.size_lots if fill.side == "buy" else -fill.size_lots
        lots += signed
        cash -= signed * fill.price_ticks * 1_000 + fill.fee_atoms
    assert result.curve.position_lots[-1] == lots
    assert result.curve.equity_atoms[-1] == cash + lots * result.curve.price_ticks[-1] * 1_000
    assert sum(fill.fee_atoms for fill in result.fills) == result.fees_atoms
    assert kind == "linear" or (result.curve.position_lots >= 0).all()


def test_the_same_backtest_twice_is_the_same_to_the_byte():
    first, second = (run_candles(random_series(3), Steps(), settings()) for _ in range(2))
    assert described(first) == described(second)
    assert first.run_id != run_candles(random_series(3), Steps(level=1), settings()).run_id
    assert first.run_id != run_candles(random_series(3).slice(0, 99), Steps(), settings()).run_id


@pytest.mark.parametrize("asks_each_candle", [False, True])
def test_the_future_changes_nothing_before_it(asks_each_candle):
    history, cut = random_series(11), 200
    columns = [history.open_ticks, history.high_ticks, history.low_ticks, history.close_ticks]
    shifted = [np.concatenate((column[:cut], column[cut:] + 1_234)) for column in columns]
    other = CandleSeries(history.instrument, INTERVAL_NS, history.open_ns, *shifted, history.volume_lots)
    results = [
        run_candles(each, Steps(), settings(), asks_each_candle=asks_each_candle) for each in (history, other)
    ]
    end_ns = history.open_ns[cut]
    before, after = ([fill for fill in result.fills if fill.at_ns < end_ns] for result in results)
    assert before == after != []
    first, second = (result.curve.equity_atoms[:cut].tolist() for result in results)
    assert first == second
    assert results[0].fills != results[1].fills


def test_a_strategy_that_peeks_is_caught():
    class Peek(Steps, frozen=True):
        def exposures(self, candles):
            return np.roll(super().exposures(candles), -1)

    with pytest.raises(InvalidInputError, match="correct `exposures`"):
        run_candles(random_series(5), Peek(), settings())


def test_a_halt_by_risk_ends_trading_and_is_told():
    rows = [*FLAT, (10_000, 10_010, 9_990, 10_005, 10**9), (10_004, 10_010, 10_000, 10_005, 10**9)]
    rows += [(9_000, 9_010, 8_000, 8_010, 10**9), (8_010, 11_000, 8_000, 10_900, 10**9)] * 2
    for asks_each_candle in (False, True):
        result = run_candles(
            series(rows), Above(), settings(risk__max_drawdown_bps=1_000), asks_each_candle=asks_each_candle
        )
        assert result.halt_reason.startswith("drawdown of BTC/USDT")
        assert len(result.fills) == 1
        assert result.counts["intents"] == 2
        assert len(result.curve) == len(rows)


def test_a_strategy_that_asks_the_classifiers_gets_their_opinion():
    chosen = settings(strategy__intents__no_trade_band=0.0)
    result = run_candles(random_series(2), ModelDirected(threshold=0.01), chosen, plugins=Plugins())
    assert result.counts["intents"] > 1
    assert described(result) == described(
        run_candles(random_series(2), ModelDirected(threshold=0.01), chosen, plugins=Plugins())
    )


def test_what_cannot_be_run_is_refused_in_words():
    class Bookish(Above, frozen=True):
        needs = Needs(book=True)

    class Broken(Above, frozen=True):
        def observe(self, market):
            raise ValueError("no")

    class Short(Above, frozen=True):
        def exposures(self, candles):
            return np.ones(3)

    with pytest.raises(MissingDataError, match="no candles"):
        run_candles(series([]), Above(), settings())
    with pytest.raises(InvalidInputError, match="needs more than candles"):
        run_candles(series(FLAT), Bookish(), settings())
    with pytest.raises(OpenOutcryError, match=r"failed on candle:BTC/USDT:.*ValueError: no"):
        run_candles(random_series(1), Broken(), settings())
    with pytest.raises(InvalidInputError, match="a share for each"):
        run_candles(random_series(1), Short(), settings())


def test_progress_ends_with_all_candles():
    told = []
    run_candles(random_series(1, 5_000), Above(), settings(), progress=lambda *each: told.append(each))
    assert [done for done, _ in told] == sorted({done for done, _ in told} | {told[-1][0]})
    assert len(told) > 2
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("name", ["breakout", "combination", "rsi-reversion", "sma-cross"])
def test_fewer_candles_than_the_warm_up_are_no_trades_and_no_failure(name):
    strategy = strategy_registry().create(name)
    result = run_candles(random_series(1, count=strategy.warmup - 1), strategy, settings())
    assert not result.fills
    assert result.net_atoms == 0
    assert len(run_candles(random_series(1, count=strategy.warmup + 1), strategy, settings()).curve)

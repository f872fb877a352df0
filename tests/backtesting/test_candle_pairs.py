"""Backtests of two symbols on candles, from one account."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.backtesting.candle_histories import CASH_ATOMS, FIRST_NS, INTERVAL_NS, settings
from tests.backtesting.candle_pairs import Apart, market, random_two, two
from tests.backtesting.test_runner import described

from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.compare import compare
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.report.backtest import render_backtest
from openoutcry.backtesting.result_files import read_result, write_result
from openoutcry.backtesting.run_store import row_of
from openoutcry.backtesting.runner import run_candle_markets
from openoutcry.backtesting.statistics.performance import performance_of
from openoutcry.backtesting.statistics.round_trips import round_trips
from openoutcry.backtesting.traded import traded_in_backtest
from openoutcry.domain.errors import InvalidInputError
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.pairs import Pairs

MUCH = 10**7
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def flat(price, volume=MUCH):
    return (price, price, price, price, volume)


def run(markets, strategy=None, **above):
    return run_candle_markets(markets, strategy or Apart(), settings("linear", **above))


def test_two_legs_to_the_last_atom():
    # Three candles warm the desk up (two returns); at the third close BTC is the cheap one.
    first = [flat(1_000)] * 3 + [(1_000, 1_010, 990, 1_004, MUCH), (1_100, 1_100, 1_100, 1_100, MUCH)]
    other = [flat(2_000)] * 3 + [(2_002, 2_010, 1_990, 1_996, MUCH), (1_900, 1_900, 1_900, 1_900, MUCH)]
    result = run(two(first, other))
    bought, sold = result.fills
    # Half of what 99 % of the cash buys at the dearest price, 10 bps beyond the close:
    # 99e9 // (1,001 · 1,000) are 98,901 lots, and 99e9 // (2,002 · 1,000) are 49,450.
    assert (bought.symbol, bought.side, bought.size_lots, bought.price_ticks) == (BTC, "buy", 49_450, 1_000)
    assert (sold.symbol, sold.side, sold.size_lots, sold.price_ticks) == (ETH, "sell", 24_725, 2_002)
    assert bought.at_ns == sold.at_ns == FIRST_NS + 3 * INTERVAL_NS
    assert (bought.fee_atoms, sold.fee_atoms) == (49_450_000, 49_499_450)  # a thousandth of what was traded
    cash = CASH_ATOMS - 49_450_000_000 + 49_499_450_000 - 49_450_000 - 49_499_450
    closes = [(1_004, 1_996), (1_100, 1_900)]
    worth = [(49_450 * btc - 24_725 * eth) * 1_000 for btc, eth in closes]
    assert result.curve.equity_atoms.tolist() == [*[CASH_ATOMS] * 3, cash + worth[0], cash + worth[1]]
    assert result.curve.position_lots.tolist() == [*[0] * 3, *[49_450] * 2]
    assert result.marks == {BTC: 1_100, ETH: 1_900}


def test_the_yardstick_is_the_cash_in_equal_parts():
    result = run(two([flat(1_000), flat(1_500)], [flat(3_000), flat(1_500)]))
    # 5e10 // (1,000 · 1,000 · 1.001) and 5e10 // (3,000 · 1,000 · 1.001) lots, a fee of a thousandth each
    lots = {1_000: 49_950, 3_000: 16_650}
    left = CASH_ATOMS - sum(price * each * 1_001 for price, each in lots.items())
    assert result.curve.benchmark_atoms.tolist() == [
        left + (49_950 * 1_000 + 16_650 * 3_000) * 1_000,
        left + (49_950 + 16_650) * 1_500 * 1_000,
    ]
    assert any("equal parts" in each for each in result.assumptions)


def test_a_candle_without_counterpart_is_not_asked_about_but_trades():
    first = [flat(1_000)] * 3 + [flat(1_000), flat(1_000)]
    other = [flat(2_000)] * 3 + [None, flat(2_000)]
    result = run(two(first, other))
    (bought,) = result.fills  # the order for the other finds no candle, twice, and expires
    assert (bought.symbol, bought.at_ns) == (BTC, FIRST_NS + 3 * INTERVAL_NS)
    assert result.counts["orders_unfilled"] == 2
    assert len(result.curve) == 5
    assert [each.kind for each in result.datasets[0].findings] == ["no_counterpart"]


def test_each_contract_pays_its_own_funding():
    rows = [flat(1_000)] * 6, [flat(2_000)] * 6
    at_ns = FIRST_NS + 4 * INTERVAL_NS + 7
    rates = {BTC: 0.001, ETH: 0.0004}
    markets = [
        market(each.series, funding=Funding(np.array([at_ns]), np.array([rates[each.symbol]])))
        for each in two(*rows)
    ]
    result = run(markets)
    bought, sold = result.fills
    paid = bought.size_lots * 1_000 * 1_000 // 1_000
    received = sold.size_lots * 2_000 * 1_000 * 4 // 10_000
    assert result.funding_atoms == paid - received
    # The yardstick holds half of the cash of each, and pays for both: no price changes here.
    lots = [CASH_ATOMS // 2 * 1_000 // (price * 1_000 * 1_001) for price in (1_000, 2_000)]
    costs = lots[0] * 1_000 * 1_000 // 1_000 + lots[1] * 2_000 * 1_000 * 4 // 10_000
    held = result.curve.benchmark_atoms
    assert [int(held[0]) - int(each) for each in held] == [0, 0, 0, 0, costs, costs]
    assert [each.kind for each in result.datasets] == ["candles", "funding"] * 2
    unpaid, half, other_half = (
        run(two(*rows)),
        run([markets[0], two(*rows)[1]]),
        run([two(*rows)[0], markets[1]]),
    )
    ids = [row_of(each).run_id for each in (result, unpaid, half, other_half)]
    assert len(set(ids)) == 4


@hypothesis_settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), late=st.sampled_from([0, 50_000_000, 90 * 10**9]))
def test_the_parts_of_the_symbols_are_the_whole_whatever_gaps_there_are(seed, late):
    result = run(random_two(seed, 120), backtest__order_latency_ns=late)
    parts = parts_of(result, round_trips(result.fills, result.instruments))
    assert [part.symbol for part in parts] == [BTC, ETH]
    assert sum(part.net_atoms for part in parts) == result.net_atoms
    assert sum(part.fees_atoms for part in parts) == result.fees_atoms
    assert sum(part.fills for part in parts) == len(result.fills)
    assert (np.diff(result.curve.times_ns) > 0).all()
    assert [fill.at_ns for fill in result.fills] == sorted(fill.at_ns for fill in result.fills)


def test_the_same_pair_twice_is_the_same_to_the_byte(tmp_path):
    first, again = (run(random_two(5), Pairs(warmup=30, enter=1.0)) for _ in range(2))
    assert described(first) == described(again)
    assert len(first.fills) > 10
    swapped = run(random_two(5)[::-1], Pairs(warmup=30, enter=1.0))
    assert swapped.run_id != first.run_id
    write_result(tmp_path, first)
    assert read_result(tmp_path).marks == first.marks
    assert render_backtest(judgement_of(first)) == render_backtest(judgement_of(again))


def test_the_future_changes_nothing_before_it():
    cut = 150
    markets = [CandleMarket(each.series) for each in random_two(8)]
    opens_ns, *prices, volume = markets[1].series.columns()
    shifted = [np.concatenate((column[:cut], column[cut:] + 1_234)) for column in prices]
    series = CandleSeries(markets[1].series.instrument, INTERVAL_NS, opens_ns, *shifted, volume)
    results = [run(each, Apart(leg=0.3)) for each in (markets, [markets[0], CandleMarket(series)])]
    end_ns = int(opens_ns[cut])
    before, after = ([fill for fill in result.fills if fill.at_ns < end_ns] for result in results)
    assert before == after != []
    assert results[0].fills != results[1].fills
    rows = int(np.searchsorted(results[0].curve.times_ns, end_ns))
    first, second = (result.curve.equity_atoms[:rows].tolist() for result in results)
    assert first == second


def test_two_pairs_are_compared_without_a_rest():
    runs = [traded_in_backtest(run(random_two(3, 120), Apart(leg=leg))) for leg in (0.5, 0.3)]
    found = compare(*runs)
    assert not found.is_same
    assert found.effects_atoms["unexplained"] == 0
    assert compare(runs[0], runs[0]).is_same


def test_time_with_any_position_counts():
    class Other(Apart, frozen=True):
        """Holds the other symbol alone."""

        def observe(self, market):
            (other,) = market.others
            return self.hold(0.0, "other", others={other: 0.5})

    result = run(two([flat(1_000)] * 6, [flat(2_000)] * 6), Other())
    assert not result.curve.position_lots.any()
    assert performance_of(result).exposure_share == pytest.approx(0.5)


def test_the_report_shows_both_symbols():
    markets = random_two(5)
    result = run(markets)
    page = render_backtest(judgement_of(result), [each.series for each in markets])
    assert 'id="market-chart-0"' in page
    assert 'id="market-chart-1"' in page
    assert "By symbol" in page
    assert "the same cash in equal parts" in page


@pytest.mark.parametrize(
    ("strategy", "count", "text"),
    [(Pairs(), 1, "give --data 2 times"), (BuyAndHold(), 2, "looks at one symbol.*--data once")],
    ids=["too few", "too many"],
)
def test_another_number_of_symbols_is_refused(strategy, count, text):
    with pytest.raises(InvalidInputError, match=text):
        run(random_two(1)[:count], strategy)


@pytest.mark.parametrize(("leverage", "symbols"), [(1.0, [BTC]), (2.0, [BTC, ETH])])
def test_symbols_of_one_account_share_its_margin(leverage, symbols):
    markets = two([flat(1_000)] * 6, [flat(2_000)] * 6)
    result = run(markets, Apart(leg=1.0), risk__max_leverage=leverage)
    assert [fill.symbol for fill in result.fills] == symbols
    assert ("margin" in result.refusals) == (len(symbols) == 1)

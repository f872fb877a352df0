import ast
import inspect
from html import escape

import numpy as np
import pytest
from tests.backtesting.candle_histories import random_series, series, settings
from tests.backtesting.event_histories import dataset, event_settings
from tests.backtesting.test_events_run import Fixed, Lean
from tests.backtesting.test_runner import FLAT, Above
from tests.native.simulated_flow import flow

from openoutcry.backtesting.events_run import run_events
from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.report.sections import simulation
from openoutcry.backtesting.result_files import read_result, write_result
from openoutcry.backtesting.runner import run_candles
from openoutcry.backtesting.terminal import warnings_of
from openoutcry.risk_management import checks, mandate, review
from openoutcry.risk_management.check_words import CHECK_WORDS, in_words
from openoutcry.strategies.buy_and_hold import BuyAndHold

CALM = [(9_990, 9_995, 9_985, 9_990, 1_000_000)] * 20


def idle(strategy, rows=CALM, kind="spot", **above):
    result = run_candles(series(rows, kind), strategy, settings(kind, **above))
    assert not result.fills
    verdict = judgement_of(result).verdict
    assert any(each.text == f"nothing was traded: {result.idle_reason}" for each in verdict.reasons)
    return result.idle_reason


def test_a_warm_up_longer_than_the_data():
    assert idle(Above(warmup=21, level=1)) == "the warm-up of 21 candles is longer than the data (20)"
    assert "warm-up" not in idle(Above(warmup=20, level=10_000))


def test_no_wish_at_all_and_shorts_that_are_left_out():
    class Mute(Above, frozen=True):
        def observe(self, market):
            return None

    beyond = "it never wanted a change beyond the no-trade band of 10%"
    assert idle(Mute()) == f"{beyond}; shorts are left out"
    assert idle(Mute(), kind="linear") == beyond
    told = idle(Above(below=-1.0))
    assert told.startswith("all ")
    assert told.endswith(f"({in_words('no_trade_band')}); shorts are left out")
    assert idle(Above(), kind="linear").endswith(f"({in_words('no_trade_band')})")


def test_all_wishes_refused_by_which_check_and_what_it_means():
    for check, limit in (
        ("venue_size", "risk__max_order_notional_atoms"),  # an order of 0 lots
        ("full_position", "risk__max_position_notional_atoms"),
    ):
        told = idle(Above(level=1), **{limit: 1})
        count = int(told.split()[1])
        assert told == f"all {count} wishes were refused: {check} {count} ({in_words(check)})"


def test_a_lot_that_costs_more_than_the_cash():
    dear = [(2 * 10**8, 2 * 10**8, 2 * 10**8, 2 * 10**8, 1_000_000)] * 20  # 2,000 of the 1,000 that there are
    told = idle(BuyAndHold(), dear)
    assert told.startswith(
        "the smallest order of BTC/USDT, 0.001, costs 2,000.00 USDT, more than the cash: give more --cash, "
        "or look whether the data's scales are right (a tick of 0.01, a step of 0.001); all "
    )


def test_orders_that_find_nothing_to_trade_with():
    empty = [(*row[:4], 0) for row in CALM]
    assert idle(BuyAndHold(), empty, risk__max_orders=1_000).startswith("none of ")


def test_over_events():
    data = dataset(flow(2_000, 7))
    far = run_events([data], Fixed(bid=100, ask=0), event_settings())
    assert (far.fills, far.idle_reason) == ((), "no quote was ever reached")
    long = run_events([data], Lean(warmup=10_000), event_settings())
    assert long.idle_reason.startswith("the warm-up of 10,000 candles is longer than the data (")


def test_what_traded_has_no_reason_and_the_reason_is_kept(tmp_path):
    rows = [*FLAT, (10_000, 10_010, 9_990, 10_005, 1_000_000), (10_004, 10_010, 10_000, 10_005, 10**6)]
    assert run_candles(series(rows), Above(), settings()).idle_reason == ""
    result = run_candles(series(CALM), Above(), settings())
    write_result(tmp_path, result)
    assert read_result(tmp_path).idle_reason == result.idle_reason != ""


def test_shorts_that_are_left_out_are_a_warning():
    class Sells(Above, frozen=True):
        def exposures(self, candles):
            return np.where(candles.close > self.level, 1.0, self.below)

    history = random_series(5)
    falls = int(np.count_nonzero(history.close_ticks <= 10_000))
    told = f"shorts are left out: the strategy wanted to be short at {falls:,} of {len(history):,} candles"
    assert falls
    assert told in warnings_of(run_candles(history, Sells(below=-1.0), settings()))
    assert told not in warnings_of(run_candles(history, Sells(), settings()))
    contract = random_series(5, kind="linear")
    assert told not in warnings_of(run_candles(contract, Sells(below=-1.0), settings("linear")))


def test_a_refusal_is_explained_on_the_terminal_and_in_the_report():
    result = run_candles(series(CALM), Above(level=1), settings(risk__max_order_notional_atoms=1))
    assert result.refusals
    [line] = [each for each in warnings_of(result) if each.startswith("refused: ")]
    for check in result.refusals:
        assert f"({in_words(check)})" in line
        assert escape(in_words(check)) in simulation(result)


@pytest.mark.parametrize("module", [checks, review])
def test_every_check_that_can_refuse_has_words(module):
    made = {
        getattr(node.args[0], "value", None) or getattr(module, node.args[0].id)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal"
    }
    assert made
    assert made <= set(CHECK_WORDS)


def test_every_limit_of_a_mandate_has_words():
    source = inspect.getsource(mandate.Mandate.refusal)
    assert {word for word in CHECK_WORDS if f'"{word}"' in source} == {
        "quote_size",
        "quoted_position",
        "quote_collar",
    }

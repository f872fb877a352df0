"""Strategies that need features, over files of events."""

import numpy as np
import pytest
from tests.backtesting.event_histories import dataset, event_settings, traded
from tests.native.simulated_flow import flow

from openoutcry.backtesting.events_run import run_events
from openoutcry.domain.errors import InvalidInputError
from openoutcry.native import MarketFeed
from openoutcry.strategies.combination import Combination
from openoutcry.strategies.order_flow_imbalance import OrderFlowImbalance
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Needs, Strategy

STRETCH = 60
SHOWN = []


class Shown(Strategy, frozen=True):
    """Notes what it is shown."""

    needs = Needs(features=True)
    warmup: int = 1

    def observe(self, market):
        SHOWN.append((market.now_ns, market.close[-1], dict(market.features)))


@pytest.fixture(scope="module")
def history():
    """Two minutes of a book and its trades."""
    rows = flow(8_000, 3)
    rows[:, :2] *= STRETCH
    return rows


def test_a_strategy_is_shown_the_features_at_each_candle(history):
    SHOWN.clear()
    run_events([dataset(history)], Shown(), event_settings(simulation__candle_ms=1_000))
    assert len(SHOWN) > 50
    for _, close, features in SHOWN:
        assert list(features) == MarketFeed.feature_names()
        assert abs(features["mid_ticks"] - close) < 50
    assert np.isnan(SHOWN[0][2]["order_flow_5"])  # watched for too short a time
    assert not np.isnan(SHOWN[-1][2]["order_flow_5"])
    half = dataset(history[: len(history) // 2])
    before = SHOWN.copy()
    SHOWN.clear()
    run_events([half], Shown(), event_settings(simulation__candle_ms=1_000))
    assert str(SHOWN) == str(before[: len(SHOWN)])  # the future changes nothing; NaN is no number


@pytest.mark.parametrize(
    "strategy",
    [
        OrderFlowImbalance(threshold=0.1),
        Combination(
            members=(SmaCross(fast=2, warmup=12), OrderFlowImbalance()), weights=(1.0, 1.0), warmup=12
        ),
    ],
    ids=lambda each: each.name,
)
def test_it_is_traded_and_twice_the_same(history, strategy):
    settings = event_settings(simulation__candle_ms=1_000)
    first, again = (run_events([dataset(history)], strategy, settings) for _ in range(2))
    assert len(first.fills) > 3
    assert first.fills == again.fills
    assert first.curve.equity_atoms.tolist() == again.curve.equity_atoms.tolist()


def test_quotes_have_no_trades_to_make_features_of(history):
    quotes = dataset(np.ascontiguousarray(history[:, :5]), kind="quotes")
    with pytest.raises(InvalidInputError, match="give data with trades"):
        run_events([quotes], OrderFlowImbalance(), event_settings())


def test_the_market_is_the_same_for_who_looks_at_its_features(history):
    class Blind(Shown, frozen=True):
        """The same without a need."""

        needs = Needs()

    curves = [
        run_events([dataset(history, traded())], each, event_settings()).curve for each in (Shown(), Blind())
    ]
    assert curves[0].price_ticks.tolist() == curves[1].price_ticks.tolist()

import math
import re
from pathlib import Path

import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import PriceTicks, TimestampNs
from openoutcry.memory.candle_window import CandleWindow
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.model_directed import ModelDirected
from openoutcry.strategies.momentum import MovingAverageCross
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Exposure, Market, Strategy

NOW = TimestampNs(2 * 10**18)


@pytest.fixture
def market(candles_of):
    def see(closes, up=1 / 3, down=1 / 3, *, abstained=False):
        candles = candles_of(closes)
        window = CandleWindow(symbol="BTC/USDT")
        window.merge(candles, NOW)
        last = candles[-1]
        opinion = Classification(
            id=f"classification:{last.id}",
            cause_id=last.id,
            symbol=last.symbol,
            close_ns=last.close_ns,
            close_ticks=PriceTicks(last.close_ticks),
            up=up,
            flat=1 - up - down,
            down=down,
            abstained=abstained,
            votes=(),
        )
        return Market(last.symbol, window.columns(), last.close_ns, opinion)

    return see


RISE = list(range(10_000, 10_130, 10))
FALL = RISE[::-1]


def test_a_first_strategy_has_at_most_fifteen_lines():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = re.findall(r"```python\n(from openoutcry\.strategies.*?)```", readme, re.DOTALL)
    assert len(example.splitlines()) <= 15


def test_moving_average_cross_follows_the_trend_unless_a_fall_is_expected(market):
    strategy = MovingAverageCross()
    assert strategy.observe(market(RISE)).share == 1.0
    assert strategy.observe(market(FALL)).share == 0.0
    assert strategy.observe(market([10_000] * 13)).share == 0.0
    assert strategy.observe(market(RISE, up=0.2, down=0.6)).share == 0.0
    assert strategy.observe(market(RISE, up=0.2, down=0.6, abstained=True)).share == 1.0
    assert "lean -0.40" in strategy.observe(market(RISE, up=0.2, down=0.6)).reason


def test_model_directed_holds_in_proportion_to_the_lean(market):
    strategy = ModelDirected(threshold=0.2, full_at=0.6)
    assert strategy.observe(market(RISE, up=0.4, down=0.3)) is None
    assert strategy.observe(market(RISE, up=0.9, down=0.1, abstained=True)) is None
    assert strategy.observe(market(RISE, up=0.5, down=0.2)).share == 0.5
    assert strategy.observe(market(RISE, up=0.9, down=0.1)).share == 1.0
    assert strategy.observe(market(RISE, up=0.1, down=0.9)).share == -1.0
    assert ModelDirected(threshold=0.0, full_at=0.0).observe(market(RISE)) is None
    assert ModelDirected(threshold=0.0, full_at=0.0).observe(market(RISE, up=0.3, down=0.4)).share == -1.0


def test_buy_and_hold_wants_the_same_always(market):
    assert BuyAndHold(share=0.4).observe(market(FALL)).share == 0.4


def test_the_market_tells_its_own_time(market):
    seen = market(RISE)
    assert seen.now_ns == seen.candles.close_ns[-1] == seen.classification.close_ns
    assert seen.close is seen.candles.close


@pytest.mark.parametrize("share", [math.nan, math.inf, 1.01, -1.01])
def test_an_impossible_exposure_is_refused(share):
    with pytest.raises(InvalidInputError, match=r"give a share in \[-1, 1\]"):
        BuyAndHold().hold(share, "too much")
    with pytest.raises(InvalidInputError, match=r"give a share in \[-1, 1\]"):
        Exposure(share, "too much")


@pytest.mark.parametrize(
    ("name", "parameters", "match"),
    [
        ("moving-average-crss", {}, "did you mean 'moving-average-cross'"),
        ("moving-average-cross", {"fsat": 3}, "no parameter 'fsat'; did you mean 'fast'"),
        ("moving-average-cross", {"fast": 0}, "MovingAverageCross: parameter fast = 0 .*>= 1"),
        ("moving-average-cross", {"fast": 11}, "fast = 11 .*<= 10"),
        ("moving-average-cross", {"warmup": 10}, "warmup = 10 .*>= 11"),
        ("moving-average-cross", {"fast": 2.5}, "fast = 2.5 .*Expected `int`"),
        ("moving-average-cross", {"fast": True}, "fast = True .*Expected `int`"),
        ("model-directed", {"threshold": 1.5}, "threshold = 1.5"),
        ("model-directed", {"threshold": math.nan}, "threshold = nan"),
        ("buy-and-hold", {"share": "all"}, "share = 'all'"),
    ],
)
def test_bad_parameters_are_named_with_their_remedy(name, parameters, match):
    with pytest.raises(InvalidInputError, match=match):
        strategy_registry().create(name, parameters)


def test_the_shipped_strategies_are_registered_under_their_own_names():
    registry = strategy_registry()
    assert registry.names == (
        "breakout",
        "buy-and-hold",
        "combination",
        "market-maker",
        "model-directed",
        "moving-average-cross",
        "order-flow-imbalance",
        "pairs",
        "rsi-reversion",
        "sma-cross",
    )
    for name in registry.names:
        assert registry.create(name).name == name
    assert registry.create("moving-average-cross", {"fast": 3, "warmup": 20}) == MovingAverageCross(
        fast=3, warmup=20
    )


def test_a_strategy_must_observe_and_cannot_change():
    class Blind(Strategy, frozen=True):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Blind()
    with pytest.raises(AttributeError, match="immutable"):
        MovingAverageCross().fast = 7

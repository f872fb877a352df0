import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import TimestampNs
from openoutcry.memory.candle_window import CandleWindow
from openoutcry.models.moving_average_rsi import MovingAverageRsi, _relative_strength_index

NOW = TimestampNs(2 * 10**18)


@pytest.fixture
def judge(candles_of):
    def ask(closes, **parameters):
        classifier = MovingAverageRsi(**parameters)
        window = CandleWindow(symbol="BTC/USDT")
        window.merge(candles_of(closes), NOW)
        return classifier.classify(window.columns(classifier.warmup))

    return ask


RISING = [
    10_000,
    10_010,
    10_005,
    10_020,
    10_012,
    10_030,
    10_025,
    10_040,
    10_033,
    10_050,
    10_041,
    10_060,
    10_052,
]


def test_expects_a_trend_to_go_on(judge):
    up = judge(RISING)
    down = judge([20_000 - close for close in RISING])
    assert up.up > up.flat > up.down
    assert down.down > down.flat > down.up
    assert "relative strength" in up.rationale


def test_is_symmetric(judge):
    up, down = judge(RISING), judge([20_000 - close for close in RISING])
    assert up.up == pytest.approx(down.down)
    assert up.flat == pytest.approx(down.flat)


def test_trusts_an_exhausted_trend_less(judge):
    without_a_pause = [10_000 + 10 * i for i in range(13)]
    assert judge(without_a_pause).up < judge(RISING).up


def test_a_price_that_stands_still_is_no_oversold_market(judge):
    assert judge([10_000] * 13) is None
    # it moved, but not while the index looks
    moved = judge([10_000, 10_100, *[10_200] * 11])
    assert "relative strength 50" in moved.rationale


def test_the_index_is_wilders_on_a_worked_example(candles_of):
    # nine changes: gains 9 in all, losses 3 in all: 100 - 100 / (1 + 9 / 3)
    closes = [100, 103, 102, 105, 104, 105, 104, 105, 106, 106]
    window = CandleWindow(symbol="BTC/USDT")
    window.merge(candles_of([100, *closes]), NOW)
    assert _relative_strength_index(window.columns().close, 9) == pytest.approx(75.0)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"fast": 12}, "fast 12 must be less than slow 12"),
        ({"fast": 0}, "fast = 0"),
        ({"rsi_period": 1}, "rsi_period 1"),
        ({"overbought": 50.0}, "overbought 50"),
        ({"overbought": 100.0}, "overbought 100"),
        ({"overbought": float("nan")}, "not finite"),
        ({"slow": "12"}, "slow = '12'"),
    ],
)
def test_bad_parameters_are_named(parameters, match):
    with pytest.raises(InvalidInputError, match=match):
        MovingAverageRsi(**parameters)

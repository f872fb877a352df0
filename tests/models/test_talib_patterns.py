import msgspec
import pytest
from talib import abstract

from openoutcry.domain.units import TimestampNs
from openoutcry.memory.candle_window import CandleWindow
from openoutcry.models.talib_patterns import DIRECTIONAL, INDECISIVE, LOOKBACK_CANDLES, TalibPatterns

NOW = TimestampNs(2 * 10**18)


@pytest.fixture
def judge():
    def ask(candles):
        window = CandleWindow(symbol="BTC/USDT")
        window.merge(candles, NOW)
        return TalibPatterns().classify(window.columns(LOOKBACK_CANDLES))

    return ask


def test_every_pattern_exists_and_fits_the_lookback():
    longest = max(abstract.Function(pattern.function).lookback for pattern in (*DIRECTIONAL, *INDECISIVE))
    assert longest < LOOKBACK_CANDLES  # one more candle than the lookback gives an answer
    names = [pattern.function for pattern in (*DIRECTIONAL, *INDECISIVE)]
    assert len(set(names)) == len(names)


def engulfing(candles_of, sign):
    """Fourteen candles in one direction, one small one in the same, and a large one back over it."""
    steps = [-30] * 14 + [-10, 120]
    closes = [10_000]
    for step in steps:
        closes.append(closes[-1] + sign * step)
    return candles_of(closes)


@pytest.mark.parametrize("sign", [1, -1])
def test_reads_an_engulfing_candle(candles_of, judge, sign):
    candles = engulfing(candles_of, sign)
    # the last one opens below (above) the close before it
    last = candles[-1]
    opens = last.open_ticks - sign * 5
    candles[-1] = msgspec.structs.replace(
        last,
        open_ticks=opens,
        low_ticks=min(last.low_ticks, opens - 2),
        high_ticks=max(last.high_ticks, opens + 2),
    )
    opinion = judge(candles)
    assert f"engulfing {'+' if sign > 0 else '-'}" in opinion.rationale
    assert sign * (opinion.up - opinion.down) > 0


def test_abstains_where_there_is_no_pattern(candles_of, judge):
    assert judge(candles_of([10_000 + 30 * i for i in range(20)])) is None


def test_a_doji_argues_for_flat(candles_of, judge):
    candles = candles_of([10_000 - 30 * i for i in range(20)])
    last = candles[-1]
    candles[-1] = msgspec.structs.replace(
        last, close_ticks=last.open_ticks, high_ticks=last.open_ticks + 20, low_ticks=last.open_ticks - 20
    )
    opinion = judge(candles)
    assert "doji" in opinion.rationale
    assert opinion.flat > 1 / 3

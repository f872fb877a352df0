import msgspec
import numpy as np
import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns, CandleWindow
from openoutcry.memory.history_window import HistoryWindow

SYMBOL = "BTC/USDT"
CLOSES = [100, 103, 99, 98, 105, 107, 104]


def history_of(candles, *, frozen=True):
    prices = (
        [getattr(candle, name) for candle in candles]
        for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
    )
    columns = [np.array(column, np.float64) for column in prices]
    columns.append(np.array([candle.close_ns for candle in candles], np.int64))
    for column in columns:
        column.flags.writeable = not frozen
    return CandleColumns(*columns)


@pytest.fixture
def candles(candles_of):
    return candles_of(CLOSES)


@pytest.fixture
def window(candles):
    return HistoryWindow(symbol=SYMBOL, history=history_of(candles))


def test_it_shows_what_a_live_window_would(candles, window):
    live = CandleWindow(symbol=SYMBOL)
    for shown, candle in enumerate(candles, 1):
        assert window.append(candle, candle.close_ns)
        assert live.append(candle, candle.close_ns)
        assert len(window) == len(live) == shown
        for count in (None, 1, 3, 50):
            for name in CandleColumns.__slots__:
                ours = getattr(window.columns(count), name)
                assert ours.tolist() == getattr(live.columns(count), name).tolist()
                assert not ours.flags.writeable


def test_candles_may_be_skipped_but_not_shown_twice(candles, window):
    assert window.append(candles[3], candles[3].close_ns)
    assert window.columns().close.tolist() == [float(price) for price in CLOSES[1:5]]
    assert not window.append(candles[2], candles[3].close_ns)
    assert not window.append(candles[3], candles[3].close_ns)
    assert window.merge([candles[5], candles[4]], candles[5].close_ns) == 2
    assert len(window) == 6


def test_the_future_strangers_and_writable_histories_are_refused(candles, window):
    with pytest.raises(InvalidInputError, match="once they have closed"):
        window.append(candles[0], candles[0].close_ns - 1)
    with pytest.raises(InvalidInputError, match="its own symbol"):
        window.append(msgspec.structs.replace(candles[0], symbol="ETH/USDT"), candles[0].close_ns)
    with pytest.raises(InvalidInputError, match="not in the history"):
        window.append(msgspec.structs.replace(candles[0], close_ns=candles[0].close_ns + 1), 2**62)
    with pytest.raises(InvalidInputError, match="freeze it"):
        HistoryWindow(symbol=SYMBOL, history=history_of(candles, frozen=False))

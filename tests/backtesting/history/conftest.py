import numpy as np
import pytest

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.instruments import make_instrument

MINUTE_NS = 60_000_000_000
FIRST_NS = 1_700_000_040_000_000_000 // MINUTE_NS * MINUTE_NS


@pytest.fixture(scope="session")
def series_of():
    """Sound one-minute candles at these closes, in ticks."""

    def build(closes, *, first_ns=FIRST_NS):
        close = np.array(closes, np.int64)
        opens = np.r_[close[:1], close[:-1]]
        instrument = make_instrument("binance-spot", "BTCUSDT", price_tick="0.01", size_step="0.001")
        return CandleSeries(
            instrument,
            MINUTE_NS,
            first_ns + MINUTE_NS * np.arange(len(close)),
            opens,
            np.maximum(opens, close) + 2,
            np.minimum(opens, close) - 2,
            close,
            np.full(len(close), 1_000),
        )

    return build

from pathlib import Path

import numpy as np
import pytest

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.history.instruments import make_instrument

SHARED_DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
MINUTE_NS = 60_000_000_000
FIRST_NS = 1_700_000_040_000_000_000 // MINUTE_NS * MINUTE_NS


@pytest.fixture
def shared_data():
    """The recordings; they are not part of the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    return SHARED_DATA


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

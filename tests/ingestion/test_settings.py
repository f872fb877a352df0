import math

import msgspec
import pytest

from openoutcry.domain.errors import ConfigurationError
from openoutcry.ingestion.settings import FeedSettings


def test_defaults_are_valid():
    assert FeedSettings(symbol="BTC/USDT").candle_interval_ns == 5_000_000_000


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"symbol": ""}, "symbol is empty"),
        ({"candle_interval_ns": 0}, "candle_interval_ns is 0"),
        ({"candle_interval_ns": 1_500_001}, "give whole milliseconds"),
        ({"depth_stale_ms": -1}, "depth_stale_ms is -1"),
        ({"anomaly_threshold": math.nan}, "anomaly_threshold is nan"),
        ({"history_candles": 10**9}, "the limit is 100000"),
        ({"screen_levels": 1_000}, "the limit is 100"),
        ({"repair_backoff_first_ms": 10, "repair_backoff_max_ms": 9}, "repair_backoff_max_ms is less"),
    ],
)
def test_bad_settings_are_named(changes, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        FeedSettings(**{"symbol": "BTC/USDT", **changes})


def test_a_typo_is_refused():
    with pytest.raises(msgspec.ValidationError, match="candle_interval"):
        msgspec.convert({"symbol": "BTC/USDT", "candle_interval": 5}, FeedSettings)

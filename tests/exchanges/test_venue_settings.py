import msgspec
import pytest

from openoutcry.domain.errors import ConfigurationError
from openoutcry.exchanges.venue_settings import VenueSettings

LOCAL = {"rest_url": "http://h:1", "stream_url": "ws://h:1/stream/ws", "ws_api_url": "ws://h:1/ws-api/v3"}


def test_defaults_and_local_urls_are_valid():
    VenueSettings()
    VenueSettings(**LOCAL)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"venue": "binanse"}, "not supported; use binance"),
        ({"rest_url": "http://h:1"}, "give all of"),
        ({**LOCAL, "stream_url": "ws://h:1/ws"}, "must contain /stream"),
        ({"request_timeout_ms": 0}, "request_timeout_ms is 0"),
        ({"receive_window_ms": 60_001}, "the venue takes 1 to 60000"),
        ({"backoff_first_ms": 100, "backoff_max_ms": 99}, "backoff_max_ms is less"),
    ],
)
def test_bad_settings_are_named(changes, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        VenueSettings(**changes)


def test_a_typo_is_refused():
    with pytest.raises(msgspec.ValidationError, match="request_timeout"):
        msgspec.convert({"request_timeout": 5}, VenueSettings)

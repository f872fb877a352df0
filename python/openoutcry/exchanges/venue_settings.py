"""Which venue, where it listens, and how patient its client is."""

import msgspec

from openoutcry.domain.errors import ConfigurationError

SUPPORTED_VENUES = ("binance",)
MAX_RECEIVE_WINDOW_MS = 60_000  # the venue's own maximum


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One venue. URLs left empty are the venue's own; set them for the local exchange or a testnet.

    `rest_url` ends before `/api/v3`, `stream_url` is the base of the market streams and contains
    `/stream` (the client tells spot from futures by it), `ws_api_url` is that of the user stream.
    """

    venue: str = "binance"
    rest_url: str = ""
    stream_url: str = ""
    ws_api_url: str = ""
    request_timeout_ms: int = 10_000
    receive_window_ms: int = 5_000
    keep_alive_ms: int = 10_000  # ping period; a connection is lost after two unanswered pings
    silence_timeout_ms: int = 60_000  # a market stream without a single frame for so long is lost
    backoff_first_ms: int = 250
    backoff_max_ms: int = 30_000
    limit_request_rate: bool = True

    def __post_init__(self) -> None:
        if self.venue not in SUPPORTED_VENUES:
            raise ConfigurationError(
                f"venue {self.venue!r} is not supported; use {', '.join(SUPPORTED_VENUES)}"
            )
        for name in ("request_timeout_ms", "keep_alive_ms", "silence_timeout_ms", "backoff_first_ms"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}; give a positive number of milliseconds"
                )
        if not 0 < self.receive_window_ms <= MAX_RECEIVE_WINDOW_MS:
            raise ConfigurationError(
                f"receive_window_ms is {self.receive_window_ms}; the venue takes 1 to {MAX_RECEIVE_WINDOW_MS}"
            )
        if self.backoff_max_ms < self.backoff_first_ms:
            raise ConfigurationError("backoff_max_ms is less than backoff_first_ms; give at least that")
        urls = (self.rest_url, self.stream_url, self.ws_api_url)
        if any(urls) and not all(urls):
            raise ConfigurationError(
                "give all of rest_url, stream_url and ws_api_url, or none: the venue's own"
            )
        if self.stream_url and "/stream" not in self.stream_url:
            raise ConfigurationError(
                f"stream_url {self.stream_url} must contain /stream, as ws://host:port/stream/ws"
            )

"""Make a ccxt.pro client for our settings, with the raw tap in it."""

import logging
from typing import Any

from openoutcry.exchanges.ccxt_raw_tap import RawTap
from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.local.urls import CCXT_OPTIONS, ccxt_urls
from openoutcry.exchanges.venue_settings import VenueSettings

# ccxt logs whole requests, headers included, at DEBUG: the key must not get there.
_quiet_log = logging.getLogger("openoutcry.exchanges.ccxt")
_quiet_log.setLevel(logging.WARNING)


class _KeylessHistory:
    """Mixin: the venue serves old trades without a key, but ccxt refuses to ask without one."""

    apiKey: str  # noqa: N815  as ccxt names it
    urls: dict[str, Any]

    def sign(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *args: Any
    ) -> Any:
        """Sign a request."""
        if path == "historicalTrades" and not self.apiKey:
            query = "&".join(f"{name}={value}" for name, value in (params or {}).items())
            return {
                "url": f"{self.urls['api']['public']}/{path}?{query}",
                "method": method,
                "body": None,
                "headers": None,
            }
        return super().sign(path, api, method, params or {}, *args)  # type: ignore[misc]  # ccxt's class is next


def load_library() -> Any:
    """ccxt.pro itself. Importing it takes seconds, so it is done where and when it is needed."""
    import ccxt.pro  # noqa: PLC0415  see above

    return ccxt.pro


def open_client(settings: VenueSettings, credentials: Credentials | None = None) -> Any:
    """A ccxt.pro client; nothing is sent until it is used. Close it with `await client.close()`."""
    venue_class = getattr(load_library(), settings.venue)
    tapped_class = type(f"Tapped{settings.venue.title()}", (RawTap, _KeylessHistory, venue_class), {})
    config: dict[str, Any] = {
        "timeout": settings.request_timeout_ms,
        "enableRateLimit": settings.limit_request_rate,
        "options": {
            **CCXT_OPTIONS,
            "adjustForTimeDifference": True,
            "recvWindow": settings.receive_window_ms,
            "maxRetriesOnFailure": 0,  # an order must never be sent twice
            "ws": {"cost": 5, "compress": 0},  # inflating a frame costs more time than its bytes
        },
    }
    if settings.rest_url:
        config["urls"] = ccxt_urls(settings)
    if credentials is not None:
        config |= {"apiKey": credentials.api_key.reveal(), "secret": credentials.secret.reveal()}
    client: Any = tapped_class(config)
    client.logger = _quiet_log
    client.frame_takers = {}
    client.streaming = {**client.streaming, "keepAlive": settings.keep_alive_ms}
    return client

"""Where the local exchange listens, and how the unmodified ccxt client is pointed at it."""

from typing import Any, Final, Protocol

import msgspec

# Client groups of ccxt's `binance` that the local exchange does not serve. They are pointed at it all the
# same: a call that strays must end in a 404 on loopback, never at the real venue with real money.
_UNSERVED_REST: Final = (
    "sapi", "sapiV2", "sapiV3", "sapiV4",
    "dapiPublic", "dapiPrivate", "dapiPrivateV2", "dapiData",
    "eapiPublic", "eapiPrivate",
    "fapiPublic", "fapiPublicV2", "fapiPublicV3", "fapiPrivate", "fapiPrivateV2", "fapiPrivateV3", "fapiData",
    "papi", "papiV2", "v1",
)  # fmt: skip
_UNSERVED_STREAMS: Final = (
    "margin",
    "linear",
    "inverse",
    "stock",
    "option",
    "optionMarket",
    "optionPrivate",
    "papi",
)


class VenueUrls(Protocol):
    """The three doors of a venue that speaks Binance's spot protocol."""

    @property
    def rest_url(self) -> str:
        """Root of the REST API, without `/api/v3`: `http://127.0.0.1:48090`."""
        ...

    @property
    def stream_url(self) -> str:
        """Market streams: `ws://127.0.0.1:48090/stream/ws`. ccxt takes a path with `/stream` for spot."""
        ...

    @property
    def ws_api_url(self) -> str:
        """WebSocket API and user stream: `ws://127.0.0.1:48090/ws-api/v3`."""
        ...


class LocalUrls(msgspec.Struct, frozen=True):
    """The doors of a local exchange, as plain text."""

    rest_url: str
    stream_url: str
    ws_api_url: str

    @classmethod
    def at(cls, host: str, port: int) -> "LocalUrls":
        """The doors of a local exchange that listens on `host:port`."""
        return cls(f"http://{host}:{port}", f"ws://{host}:{port}/stream/ws", f"ws://{host}:{port}/ws-api/v3")


def ccxt_urls(venue: VenueUrls) -> dict[str, Any]:
    """The `urls` of a ccxt `binance` client that talks to `venue` and to nobody else.

    Give it to the constructor, which merges it: `ccxt.pro.binance({"urls": ccxt_urls(venue), …})`.
    """
    rest = venue.rest_url.rstrip("/")
    streams = dict.fromkeys(_UNSERVED_STREAMS, f"{rest.replace('http', 'ws', 1)}/unserved")
    api = {
        **{name: f"{rest}/unserved/{name}" for name in _UNSERVED_REST},
        "public": f"{rest}/api/v3",
        "private": f"{rest}/api/v3",
        "ws": {
            **streams,
            "spot": venue.stream_url,
            "ws-api": dict.fromkeys(("spot", "linear", "inverse"), venue.ws_api_url),
        },
    }
    return {"api": api}


# Options of ccxt's `binance` without which it asks for markets, currencies and margin that are not here.
CCXT_OPTIONS: Final[dict[str, Any]] = {
    "defaultType": "spot",
    "fetchMarkets": {"types": ["spot"]},
    "fetchMargins": False,
    "fetchCurrencies": False,
}

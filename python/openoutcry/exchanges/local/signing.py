"""Who may ask: the API key, the HMAC-SHA256 over the parameters, and the clock."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from openoutcry.exchanges.credentials import Credentials
from openoutcry.exchanges.local import venue_errors

DEFAULT_RECV_WINDOW_MS: Final = 5_000
MAX_RECV_WINDOW_MS: Final = 60_000
MAX_CLOCK_LEAD_MS: Final = 1_000


def generated_credentials() -> Credentials:
    """A key pair for one run, of the length that Binance's have."""
    return Credentials(secrets.token_hex(32), secrets.token_hex(32))


class Gate:
    """Checks signed requests against one key pair. It is told the time in ms."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def check_key(self, api_key: str | None) -> None:
        """Raises RequestRefusedError (-2014, -2015) unless the key is ours."""
        if not api_key:
            raise venue_errors.malformed_key()
        if not hmac.compare_digest(api_key.encode(), self._credentials.api_key.reveal().encode()):
            raise venue_errors.unknown_key()

    def check_signed(
        self, api_key: str | None, payload: str, parameters: Mapping[str, str], now_ms: int
    ) -> None:
        """Admit a signed request: key, then clock, then signature, in the venue's order.

        `payload` is the text that was signed: the parameters as sent, without the signature.

        Raises:
            RequestRefusedError: -2014, -2015, -1102, -1131, -1021 or -1022.
        """
        self.check_key(api_key)
        for name in ("timestamp", "signature"):
            if not parameters.get(name):
                raise venue_errors.missing_parameter(name)
        self._check_clock(parameters, now_ms)
        secret = self._credentials.secret.reveal().encode()
        expected = hmac.new(secret, payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), parameters["signature"].lower().encode()):
            raise venue_errors.bad_signature()

    @staticmethod
    def _check_clock(parameters: Mapping[str, str], now_ms: int) -> None:
        timestamp_ms = _milliseconds(parameters, "timestamp", 0)
        window_ms = _milliseconds(parameters, "recvWindow", DEFAULT_RECV_WINDOW_MS)
        if window_ms > MAX_RECV_WINDOW_MS:
            raise venue_errors.invalid_window()
        if timestamp_ms >= now_ms + MAX_CLOCK_LEAD_MS:
            raise venue_errors.timestamp_ahead()
        if now_ms - timestamp_ms > window_ms:
            raise venue_errors.timestamp_outside_window()


def unsigned_part(text: str) -> str:
    """A query or form body without its `signature` field, otherwise as it was sent."""
    return "&".join(field for field in text.split("&") if not field.startswith("signature="))


def websocket_payload(parameters: Mapping[str, str]) -> str:
    """What a ws-api client signs: the parameters in alphabetical order, as `name=value&…`."""
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != "signature")


def _milliseconds(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    # 20 digits hold every timestamp; longer text would only cost time.
    if not (text.isascii() and text.isdigit()) or len(text) > len("18446744073709551615"):
        raise venue_errors.illegal_characters(name, "^[0-9]{1,20}$")
    return int(text)

"""From what happened on the wire to one of our errors.

The verdict rests on evidence, not on ccxt's exception classes: ccxt raises ExchangeError for a reply that
broke off half-way, and ExchangeNotAvailable for a plain 404. What the venue has not refused is ambiguous.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from openoutcry.domain.errors import (
    AmbiguousResultError,
    AuthenticationError,
    VenueError,
    VenueRejectedError,
)
from openoutcry.exchanges.ccxt_raw_tap import WireExchange, recorded

HTTP_UNAUTHORIZED: Final = 401
HTTP_TIMEOUT: Final = 408
HTTP_RATE_LIMIT: Final = 429
HTTP_BANNED: Final = 418
HTTP_CLIENT_ERROR: Final = 400
HTTP_SERVER_ERROR: Final = 500

CODE_NO_SUCH_ORDER: Final = -2013
# Binance: unauthorized, bad signature, bad key id, bad key format, rejected key, not authenticated.
AUTHENTICATION_CODES: Final = frozenset({-1002, -1022, -2008, -2014, -2015, -1099})
# Binance: unknown error, internal error, unexpected reply of the bus, timeout of the backend.
UNKNOWN_EFFECT_CODES: Final = frozenset({-1000, -1001, -1006, -1007})
BUSY_CODES: Final = frozenset({-1003, -1004, -1008})  # too many requests, busy, overloaded
CODE_OUTSIDE_RECEIVE_WINDOW: Final = -1021

_KEY_REMEDY = "check the API key and its secret, its permissions and its list of addresses"
_MAX_REASON_CHARS = 200


class _ErrorBody(msgspec.Struct):
    code: int
    msg: str = ""


async def rest_call(
    what: str, method: Callable[..., Awaitable[Any]], params: dict[str, Any] | None = None
) -> bytes:
    """Make one REST call through ccxt and return the reply's body as the venue wrote it.

    Raises:
        VenueRejectedError: the venue (or ccxt, before sending) refused; there was no effect.
        AuthenticationError: the venue did not accept the key.
        AmbiguousResultError: the request went out, and no clear answer came back.
    """
    with recorded() as wire:
        try:
            await (method(params) if params is not None else method())
        except Exception as error:  # noqa: BLE001  whatever it was, the wire tells what it means
            # ccxt's own text holds the signed URL, so it is not chained.
            raise venue_error(what, wire, error) from None
    return wire.body.encode()


def venue_error(what: str, wire: WireExchange, error: Exception) -> VenueError:
    """The error that a failed call amounts to."""
    name = type(error).__name__
    if not wire.is_sent or name == "ExchangeClosedByUser":
        return _refused_here(what, name, error)
    return _no_answer(what, name) if wire.status == 0 else _answered(what, name, wire)


def _no_answer(what: str, name: str) -> VenueError:
    return AmbiguousResultError(
        f"{what}: no answer from the venue ({name}); ask it what became of the request"
    )


def _answered(what: str, name: str, wire: WireExchange) -> VenueError:
    if wire.status in {HTTP_RATE_LIMIT, HTTP_BANNED}:
        return VenueRejectedError(
            f"{what}: the venue refused for too many requests (HTTP {wire.status}); send fewer",
            code=HTTP_RATE_LIMIT,
        )
    body = _error_body(wire.body)
    code = body.code if body else None
    if wire.status >= HTTP_SERVER_ERROR or wire.status == HTTP_TIMEOUT or code in UNKNOWN_EFFECT_CODES:
        return AmbiguousResultError(
            f"{what}: the venue failed (HTTP {wire.status}); ask it what became of the request", code=code
        )
    if body is not None:
        return _refused_there(what, body)
    if wire.status == HTTP_UNAUTHORIZED:
        return AuthenticationError(f"{what}: HTTP {wire.status}; {_KEY_REMEDY}", code=wire.status)
    if wire.status >= HTTP_CLIENT_ERROR:
        return VenueRejectedError(f"{what}: the venue refused (HTTP {wire.status})", code=wire.status)
    return AmbiguousResultError(f"{what}: the venue's answer cannot be used ({name})")


def socket_error(what: str, error: BaseException) -> VenueError | None:
    """The error of a WebSocket request, or None if only the connection failed: reconnect then."""
    text = str(error)
    brace = text.find("{")
    body = _error_body(text[brace:]) if brace >= 0 else None
    if body is not None and body.code in AUTHENTICATION_CODES:
        return _refused_there(what, body)
    names = {parent.__name__ for parent in type(error).__mro__}
    if "AuthenticationError" in names:
        return AuthenticationError(f"{what}: {text[:_MAX_REASON_CHARS]}; {_KEY_REMEDY}")
    if body is not None and body.code in UNKNOWN_EFFECT_CODES | BUSY_CODES:
        return None
    if names & {"OperationFailed", "OSError", "TimeoutError"}:
        return None
    return VenueRejectedError(f"{what}: {text[:_MAX_REASON_CHARS]}", code=body.code if body else None)


def _refused_there(what: str, body: _ErrorBody) -> VenueError:
    reason = body.msg[:_MAX_REASON_CHARS]
    if body.code in AUTHENTICATION_CODES:
        return AuthenticationError(f"{what}: {reason} ({body.code}); {_KEY_REMEDY}", code=body.code)
    remedy = "; set this machine's clock (NTP)" if body.code == CODE_OUTSIDE_RECEIVE_WINDOW else ""
    return VenueRejectedError(f"{what}: {reason} ({body.code}){remedy}", code=body.code)


def _refused_here(what: str, name: str, error: Exception) -> VenueError:
    reason = f"{what}: not sent, the client refused ({name}: {str(error)[:_MAX_REASON_CHARS]})"
    if name in {"AuthenticationError", "PermissionDenied"}:
        return AuthenticationError(f"{reason}; {_KEY_REMEDY}")
    return VenueRejectedError(reason)


def _error_body(text: str) -> _ErrorBody | None:
    try:
        return msgspec.json.decode(text, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeError):
        return None

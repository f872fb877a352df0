import ccxt
import pytest

from openoutcry.domain.errors import AmbiguousResultError, AuthenticationError, VenueRejectedError
from openoutcry.exchanges.ccxt_errors import socket_error, venue_error
from openoutcry.exchanges.ccxt_raw_tap import WireExchange

SIGNED_URL = "binance POST https://venue/api/v3/order?timestamp=1&signature=abcdef"


def answered(status, body=""):
    return WireExchange(is_sent=True, status=status, body=body)


@pytest.mark.parametrize(
    ("wire", "error", "kind", "code"),
    [
        # Nothing came back: whatever ccxt calls it, the order may stand.
        (answered(0), ccxt.RequestTimeout(SIGNED_URL), AmbiguousResultError, None),
        (answered(0), ccxt.ExchangeNotAvailable(SIGNED_URL), AmbiguousResultError, None),
        (answered(0), ccxt.ExchangeError(SIGNED_URL), AmbiguousResultError, None),  # reply broke off half-way
        # The venue failed.
        (answered(503, "<html>"), ccxt.ExchangeNotAvailable(""), AmbiguousResultError, None),
        (answered(504), ccxt.RequestTimeout(""), AmbiguousResultError, None),
        (answered(408), ccxt.RequestTimeout(""), AmbiguousResultError, None),
        (answered(503, '{"code":-1008,"msg":"busy"}'), ccxt.OperationFailed(""), AmbiguousResultError, -1008),
        (
            answered(400, '{"code":-1007,"msg":"Timeout"}'),
            ccxt.RequestTimeout(""),
            AmbiguousResultError,
            -1007,
        ),
        (answered(400, '{"code":-1006,"msg":"Bus"}'), ccxt.BadResponse(""), AmbiguousResultError, -1006),
        (answered(200, "not json"), ccxt.ExchangeError(""), AmbiguousResultError, None),
        # The venue refused.
        (
            answered(400, '{"code":-2010,"msg":"balance"}'),
            ccxt.InsufficientFunds(""),
            VenueRejectedError,
            -2010,
        ),
        (answered(400, '{"code":-1013,"msg":"NOTIONAL"}'), ccxt.BadRequest(""), VenueRejectedError, -1013),
        (answered(400, '{"code":-2011,"msg":"Unknown"}'), ccxt.OrderNotFound(""), VenueRejectedError, -2011),
        (answered(429, '{"code":-1003,"msg":"many"}'), ccxt.DDoSProtection(""), VenueRejectedError, 429),
        (answered(418), ccxt.DDoSProtection(""), VenueRejectedError, 429),
        (answered(404, "<html>"), ccxt.ExchangeNotAvailable(""), VenueRejectedError, 404),
        # The key was not accepted; after a first success ccxt calls -2015 a rate limit.
        (answered(401, '{"code":-2015,"msg":"key"}'), ccxt.DDoSProtection(""), AuthenticationError, -2015),
        (
            answered(400, '{"code":-1022,"msg":"sign"}'),
            ccxt.AuthenticationError(""),
            AuthenticationError,
            -1022,
        ),
        (answered(401), ccxt.AuthenticationError(""), AuthenticationError, 401),
        # ccxt refused before sending.
        (WireExchange(), ccxt.AuthenticationError("needs apiKey"), AuthenticationError, None),
        (WireExchange(), ccxt.InvalidOrder("too small"), VenueRejectedError, None),
    ],
)
def test_the_wire_decides(wire, error, kind, code):
    verdict = venue_error("order o-1", wire, error)
    assert type(verdict) is kind
    assert verdict.code == code
    assert "order o-1" in str(verdict)
    assert "signature" not in str(verdict)


def test_a_clock_that_is_off_has_a_remedy():
    body = '{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}'
    assert "NTP" in str(venue_error("order", answered(400, body), ccxt.InvalidNonce("")))


def test_a_lost_socket_is_no_error_of_the_request():
    assert socket_error("subscribe", ccxt.NetworkError("closing code 1006")) is None
    assert socket_error("subscribe", TimeoutError()) is None
    assert socket_error("subscribe", ccxt.ExchangeError('binance {"code":-1008,"msg":"overloaded"}')) is None


def test_a_refused_key_ends_a_stream_even_if_ccxt_calls_it_a_rate_limit():
    refusal = socket_error("subscribe", ccxt.DDoSProtection('binance {"code":-2015,"msg":"Invalid API-key"}'))
    assert isinstance(refusal, AuthenticationError)


def test_a_refused_subscription_is_an_error():
    refusal = socket_error("subscribe", ccxt.ExchangeError('binance {"code":2,"msg":"invalid stream"}'))
    assert isinstance(refusal, VenueRejectedError)
    assert refusal.code == 2

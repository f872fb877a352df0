"""Refusals as Binance's spot API words them: HTTP status, code and message.

Source: the "Errors" page of Binance's spot API documentation, and the texts that clients are known to match.
"""

from typing import Final

HTTP_BAD_REQUEST: Final = 400
HTTP_UNAUTHORIZED: Final = 401
HTTP_NOT_FOUND: Final = 404
HTTP_TOO_MANY_REQUESTS: Final = 429
HTTP_SERVICE_UNAVAILABLE: Final = 503


class RequestRefusedError(Exception):
    """The venue answers a request with an error: `{"code": code, "msg": message}` and an HTTP status."""

    def __init__(self, code: int, message: str, *, status: int = HTTP_BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def body(self) -> dict[str, object]:
        """The error as the venue's JSON."""
        return {"code": self.code, "msg": self.message}


def execution_unknown() -> RequestRefusedError:
    """The venue's own failure: the request may or may not have been carried out."""
    message = "An unexpected response was received from the message bus. Execution status unknown."
    return RequestRefusedError(-1006, message, status=HTTP_SERVICE_UNAVAILABLE)


def filter_failure(name: str) -> RequestRefusedError:
    """An order broke one of the symbol's filters."""
    return RequestRefusedError(-1013, f"Filter failure: {name}")


def invalid_quantity() -> RequestRefusedError:
    """A quantity of zero."""
    return RequestRefusedError(-1013, "Invalid quantity.")


def quote_quantity_unsupported() -> RequestRefusedError:
    """A market order in units of the quote asset; exchangeInfo says that the symbol takes none."""
    return RequestRefusedError(-1013, "Quote order qty market orders are not support for this symbol.")


def too_many_orders(limit: int) -> RequestRefusedError:
    """The venue's memory for orders is full."""
    return RequestRefusedError(
        -1015, f"Too many new orders; current limit is {limit} orders per run.", status=HTTP_TOO_MANY_REQUESTS
    )


def too_many_requests() -> RequestRefusedError:
    """The request weight of the minute is used up."""
    message = "Too much request weight used; please use WebSocket Streams for live updates."
    return RequestRefusedError(-1003, message, status=HTTP_TOO_MANY_REQUESTS)


def unsupported_operation() -> RequestRefusedError:
    """No such endpoint here."""
    return RequestRefusedError(-1020, "This operation is not supported.", status=HTTP_NOT_FOUND)


def timestamp_ahead() -> RequestRefusedError:
    """The client's clock runs ahead."""
    return RequestRefusedError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def timestamp_outside_window() -> RequestRefusedError:
    """The request took longer than recvWindow allows."""
    return RequestRefusedError(-1021, "Timestamp for this request is outside of the recvWindow.")


def bad_signature() -> RequestRefusedError:
    """The HMAC is not that of the parameters."""
    return RequestRefusedError(-1022, "Signature for this request is not valid.")


def illegal_characters(name: str, legal: str) -> RequestRefusedError:
    """A parameter is not of its form."""
    return RequestRefusedError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def missing_parameter(name: str) -> RequestRefusedError:
    """A mandatory parameter is missing, empty or malformed."""
    return RequestRefusedError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def missing_either(first: str, second: str) -> RequestRefusedError:
    """One of two parameters must be sent."""
    return RequestRefusedError(
        -1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!"
    )


def unwanted_parameter(name: str) -> RequestRefusedError:
    """A parameter that this kind of order does not take."""
    return RequestRefusedError(-1106, f"Parameter '{name}' sent when not required.")


def too_precise(name: str) -> RequestRefusedError:
    """More than eight decimals."""
    return RequestRefusedError(-1111, f"Parameter '{name}' has too much precision.")


def invalid_choice(name: str) -> RequestRefusedError:
    """A time in force, order type or side that there is none of."""
    code = {"timeInForce": -1115, "orderType": -1116, "side": -1117}[name]
    return RequestRefusedError(code, f"Invalid {name}.")


def invalid_symbol() -> RequestRefusedError:
    """A symbol that is not listed."""
    return RequestRefusedError(-1121, "Invalid symbol.")


def invalid_window() -> RequestRefusedError:
    """The recvWindow is beyond its limit."""
    return RequestRefusedError(-1131, "recvWindow must be less than 60000.")


def insufficient_balance() -> RequestRefusedError:
    """Not enough free balance for the order."""
    return RequestRefusedError(-2010, "Account has insufficient balance for requested action.")


def duplicate_order() -> RequestRefusedError:
    """The client order id is that of an open order."""
    return RequestRefusedError(-2010, "Duplicate order sent.")


def would_match() -> RequestRefusedError:
    """A LIMIT_MAKER order that would take liquidity."""
    return RequestRefusedError(-2010, "Order would immediately match and take.")


def not_permitted() -> RequestRefusedError:
    """The order is refused for no fault of its own."""
    return RequestRefusedError(-2010, "This action is disabled on this account.")


def unknown_order() -> RequestRefusedError:
    """A cancel of an order that does not rest here."""
    return RequestRefusedError(-2011, "Unknown order sent.")


def no_such_order() -> RequestRefusedError:
    """A query for an order that was never placed."""
    return RequestRefusedError(-2013, "Order does not exist.")


def malformed_key() -> RequestRefusedError:
    """The API key is missing."""
    return RequestRefusedError(-2014, "API-key format invalid.", status=HTTP_UNAUTHORIZED)


def unknown_key() -> RequestRefusedError:
    """The API key is not this venue's."""
    return RequestRefusedError(
        -2015, "Invalid API-key, IP, or permissions for action.", status=HTTP_UNAUTHORIZED
    )

"""A key and its secret, in a form that cannot slip into a log, a journal or a message."""

from typing import NoReturn, final

_REDACTED = "***"


@final
class Secret:
    """Text that is shown to nobody but who calls `reveal`.

    Its repr, str and format are redacted; pickling, copying and encoding it raise TypeError, so it
    cannot travel in a message or be written to a journal by accident.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it only where it is handed to the venue's client."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return _REDACTED

    def __format__(self, spec: str) -> str:
        return _REDACTED

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied; load it in the process that needs it")


@final
class Credentials:
    """An API key and the secret that signs with it."""

    __slots__ = ("api_key", "secret")

    def __init__(self, api_key: str, secret: str) -> None:
        self.api_key = Secret(api_key)
        self.secret = Secret(secret)

    def __repr__(self) -> str:
        return f"Credentials({_REDACTED})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials cannot be pickled or copied; load them in the process that needs them")

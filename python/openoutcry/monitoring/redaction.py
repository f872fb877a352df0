"""Keeps secrets out of whatever is written down: logs, errors, reports."""

import re
from collections.abc import Mapping
from typing import Final

REDACTED: Final = "***"
MAX_TEXT_CHARS: Final = 4_000  # of one value; what is longer is cut
MAX_DEPTH: Final = 8
MIN_SECRET_CHARS: Final = 4  # shorter ones would blacken ordinary words

_SECRET_KEY: Final = re.compile(
    r"api_?key|secret|passw|passphrase|token|signature|credential|authorization|private_?key|listen_?key|mbx-apikey",
    re.IGNORECASE,
)
# In a text: `apiKey=…`, `"signature": "…"`, `X-MBX-APIKEY: …`.
_SECRET_TEXT: Final = re.compile(
    r"""(?P<name>(?:api_?key|secret|passw(?:or)?d|passphrase|token|signature|listen_?key)['"]?\s*[=:]\s*['"]?)"""
    r"""[^\s'"&,;}]+""",
    re.IGNORECASE,
)


class Redaction:
    """Takes secrets out of whatever is logged: by the key's name, by their form in a text, and by value.

    By type it needs no help: everything that is not plain data is logged as its repr, and that of a secret is
    redacted. `forbid` adds a value; it is known to this object only.
    """

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def forbid(self, *values: str) -> None:
        """Never let these texts pass. Those of less than four characters are too common to be looked for."""
        known = {*self._secrets, *(value for value in values if len(value) >= MIN_SECRET_CHARS)}
        self._secrets = sorted(known, key=len, reverse=True)  # one may contain another

    def clean(self, values: Mapping[str, object]) -> dict[str, object]:
        """A mapping without secrets, made of plain data."""
        return {self.text(key): self._value(key, value, 0) for key, value in values.items()}

    def text(self, text: str) -> str:
        """A text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return _SECRET_TEXT.sub(rf"\g<name>{REDACTED}", text)[:MAX_TEXT_CHARS]

    def _value(self, key: object, value: object, depth: int) -> object:
        if isinstance(key, str) and _SECRET_KEY.search(key):
            return REDACTED
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str) or depth >= MAX_DEPTH:
            return self.text(str(value))
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._value(name, each, depth + 1) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(None, each, depth + 1) for each in value]
        return self.text(repr(value))


REDACTION: Final = Redaction()
"""This process's own; whoever loads a secret tells it: `REDACTION.forbid(...)`."""

"""What is typed behind `--param`."""

import contextlib
from collections.abc import Sequence

from openoutcry.domain.errors import InvalidInputError

Value = bool | int | float | str


def typed_parameters(texts: Sequence[str]) -> dict[str, Value]:
    """`NAME=VALUE` texts; a value is a bool, a whole number, a number or text, whichever it reads as.

    Raises:
        InvalidInputError: a text has no `=`, or a name comes twice.
    """
    parameters: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise InvalidInputError(f"--param {text!r} is no NAME=VALUE; write it as fast=10")
        if name in parameters:
            raise InvalidInputError(f"parameter {name!r} is given twice; give it once")
        parameters[name] = _value(value)
    return parameters


def _value(text: str) -> Value:
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text

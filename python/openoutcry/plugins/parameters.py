"""Parameters with types and ranges, written as annotated fields."""

import math
from abc import ABCMeta
from typing import ClassVar

import msgspec

from openoutcry.domain.errors import InvalidInputError


class _ParametrisedMeta(msgspec.StructMeta, ABCMeta):
    """Lets a parametrised class have abstract methods."""


class Parametrised(msgspec.Struct, metaclass=_ParametrisedMeta, frozen=True):
    """A class whose fields are its parameters, checked however it is made.

    A field's annotation is its type and range, as `Annotated[int, msgspec.Meta(ge=2, le=50)]`. Instances
    are immutable: what they answer depends on what they are asked, and on nothing that happened before.

    Raises:
        InvalidInputError: a parameter is of another type, out of its range, NaN or infinite.
    """

    parts: ClassVar[frozenset[str]] = frozenset()
    """Fields that hold other parametrised objects, which have checked themselves."""

    def __post_init__(self) -> None:
        for field in msgspec.structs.fields(type(self)):
            if field.name in self.parts:
                continue
            value = getattr(self, field.name)
            try:
                msgspec.convert(value, field.type)
            except msgspec.ValidationError as error:
                raise InvalidInputError(
                    f"{type(self).__name__}: parameter {field.name} = {value!r} cannot be used: {error}"
                ) from None
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidInputError(
                    f"{type(self).__name__}: parameter {field.name} = {value!r} is not finite"
                )

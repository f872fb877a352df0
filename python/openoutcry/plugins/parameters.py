"""Parameters with types and ranges, written as annotated fields."""

import inspect
import math
from abc import ABCMeta
from collections.abc import Callable
from typing import Any, ClassVar

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


class Parameter(msgspec.Struct, frozen=True):
    """One parameter: `type` is its Python type's name, `low` and `high` its range, None where it is open.

    `choices` are the values of a Literal or a bool, else empty. `default` is `msgspec.NODEFAULT` if there is
    none.
    """

    name: str
    type: str
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()


def parameters_of(factory: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a class, or of a function that makes one, with their types and ranges, in order.

    A bound that is excluded (`gt`, `lt`) is the next whole number, or for a float the next float.
    """
    if not (isinstance(factory, type) and issubclass(factory, Parametrised)):
        return tuple(
            _of_argument(each) for each in inspect.signature(factory, eval_str=True).parameters.values()
        )
    described = msgspec.inspect.type_info(factory)
    assert isinstance(described, msgspec.inspect.StructType)
    defaults = {field.name: _default(field) for field in msgspec.structs.fields(factory)}
    return tuple(_parameter(field.name, field.type, defaults[field.name]) for field in described.fields)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    made = field.default_factory  # of what can be changed, as a list
    return field.default if made is msgspec.NODEFAULT else made()


def _of_argument(argument: inspect.Parameter) -> Parameter:
    default = msgspec.NODEFAULT if argument.default is argument.empty else argument.default
    kind = Any if argument.annotation is argument.empty else argument.annotation
    return _parameter(argument.name, msgspec.inspect.type_info(kind), default)


def _parameter(name: str, kind: msgspec.inspect.Type, default: Any) -> Parameter:
    if isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.IntType):
        return Parameter(name, "int", default, *_ends(kind, 1, -1))
    if isinstance(kind, msgspec.inspect.FloatType):
        return Parameter(name, "float", default, *_ends(kind, math.inf, -math.inf))
    if isinstance(kind, msgspec.inspect.BoolType):
        return Parameter(name, "bool", default, choices=(False, True))
    if isinstance(kind, msgspec.inspect.LiteralType):
        return Parameter(name, "choice", default, choices=kind.values)
    if isinstance(kind, msgspec.inspect.UnionType) and any(
        isinstance(each, msgspec.inspect.StrType) for each in kind.types
    ):
        return Parameter(name, "str", default)  # text is one way to give it
    return Parameter(name, type(kind).__name__.removesuffix("Type").lower(), default)


def _ends(
    kind: msgspec.inspect.IntType | msgspec.inspect.FloatType, up: float, down: float
) -> tuple[float | None, float | None]:
    """The least and the greatest value, both included."""
    low, high = kind.ge, kind.le
    if low is None and kind.gt is not None:
        low = kind.gt + up if math.isfinite(up) else math.nextafter(kind.gt, up)
    if high is None and kind.lt is not None:
        high = kind.lt + down if math.isfinite(down) else math.nextafter(kind.lt, down)
    return low, high

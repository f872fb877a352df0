"""What strategies there are, and what each says of itself."""

import inspect
import typing
from typing import Any

import msgspec

from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.parameters import Parameter, Parametrised, parameters_of
from openoutcry.plugins.registry import Factory
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Needs


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy: `text` is its idea and how it fails; `needs` what it is shown beside its own candles."""

    name: str
    owner: str
    text: str
    needs: tuple[str, ...]
    parameters: tuple[Parameter, ...]


def described(plugins: Plugins | None = None, name: str | None = None) -> tuple[Described, ...]:
    """Every strategy that is registered, or the one of a name.

    Raises:
        InvalidInputError: there is none of that name.
    """
    registry = strategy_registry(plugins)
    described = []
    for each in registry.names if name is None else (name,):
        made = registry.create(each)
        described.append(
            Described(
                name=each,
                owner=registry.owner(each),
                text=inspect.getdoc(type(made)) or "",
                needs=_needs(made.needs),
                parameters=factory_parameters(registry.factory(each)),
            )
        )
    return tuple(described)


def factory_parameters(factory: Factory) -> tuple[Parameter, ...]:
    """The parameters of a class, or of a function that makes one."""
    if isinstance(factory, type) and issubclass(factory, Parametrised):
        return parameters_of(factory)
    hints = typing.get_type_hints(factory)
    fields: list[tuple[str, Any, Any]] = [
        (each.name, hints.get(each.name, Any), each.default)
        for each in inspect.signature(factory).parameters.values()
        if each.default is not each.empty
    ]
    return parameters_of(msgspec.defstruct("Parameters", fields))  # type: ignore[arg-type]  # only its fields are read


def _needs(needs: Needs) -> tuple[str, ...]:
    named = {"opinions": needs.opinions, "features": needs.features, "the book": needs.book}
    symbols = (f"{needs.symbols} symbols",) if needs.symbols > 1 else ()
    return (*(name for name, is_needed in named.items() if is_needed), *symbols)

"""From what a user calls a strategy to the strategy: its registered name, or where it is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import NODEFAULT

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.parameters import Parameter, parameters_of
from openoutcry.plugins.registry import Registry
from openoutcry.plugins.source import dashed, factory_at, is_place
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy


class Located(NamedTuple):
    """A strategy that is found but not made. `text` finds it again, from any folder of this host."""

    registry: Registry[Strategy]
    name: str
    text: str

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, with types and ranges."""
        return parameters_of(self.registry.factory(self.name))

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters: those given, and the others at their defaults."""
        defaults = {each.name: each.default for each in self.parameters if each.default is not NODEFAULT}
        return {**defaults, **given}

    def create(self, parameters: Mapping[str, Any] | None = None) -> Strategy:
        """Make it. Raises InvalidInputError if it does not take the parameters."""
        return self.registry.create(self.name, parameters)


def strategy_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Strategy:
    """The strategy with a registered name, or at `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is none, it cannot be imported, or it does not take the parameters.
    """
    return located(text, plugins).create(parameters)


def located(text: str, plugins: Plugins | None = None) -> Located:
    """Find a strategy, as `strategy_of` does, for who makes it many times or needs its parameters.

    Raises:
        InvalidInputError: there is none, or it cannot be imported.
    """
    if not is_place(text):
        registry = strategy_registry(plugins)
        if not registry.has(text) and Path(f"{text}.py").is_file():
            raise InvalidInputError(f"unknown strategy {text!r}; for the file in this folder write {text}.py")
        name = registry.full_name(text)
        return Located(registry, name, name)
    factory, place = factory_at(text, Strategy)
    registry = Registry("strategy", Strategy)  # type: ignore[type-abstract]  # of its own: any name is free
    name = dashed(place.rpartition(":")[2])
    registry.register({name: factory}, owner=place)
    return Located(registry, name, place)

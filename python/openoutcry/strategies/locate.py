"""From what a user calls a strategy to the strategy: its registered name, or where it is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import Registry
from openoutcry.plugins.source import dashed, factory_at, is_place
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy


def strategy_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Strategy:
    """The strategy with a registered name, or at `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is none, it cannot be imported, or it does not take the parameters.
    """
    registry, name = located(text, plugins)
    return registry.create(name, parameters)


def located(text: str, plugins: Plugins | None = None) -> tuple[Registry[Strategy], str]:
    """A registry that has the strategy, and its name there: for who makes it many times.

    Raises:
        InvalidInputError: as for `strategy_of`; that the name is registered is checked by the registry.
    """
    if not is_place(text):
        registry = strategy_registry(plugins)
        if not registry.has(text) and Path(f"{text}.py").is_file():
            raise InvalidInputError(f"unknown strategy {text!r}; for the file here write {text}.py")
        return registry, text
    factory, owner = factory_at(text, Strategy)
    registry = Registry("strategy", Strategy)  # type: ignore[type-abstract]  # of its own: any name is free
    name = dashed(owner.rpartition(":")[2])
    registry.register({name: factory}, owner=owner)
    return registry, name

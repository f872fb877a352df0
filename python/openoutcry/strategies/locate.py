"""Strategies as people name them: registered names, files and modules."""

from collections.abc import Mapping
from typing import Any

from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import Registry
from openoutcry.plugins.source_files import class_in_source, is_source
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy, strategy_name


def strategy_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Strategy:
    """Make a strategy from `sma_cross`, `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is none, its file cannot be loaded, or a parameter cannot be used.
    """
    if not is_source(text):
        return strategy_registry(plugins).create(text, parameters)
    kind = class_in_source(text, Strategy)
    registry: Registry[Strategy] = Registry("strategy", Strategy)  # type: ignore[type-abstract]
    registry.register({strategy_name(kind): kind}, owner=text)
    return registry.create(strategy_name(kind), parameters)

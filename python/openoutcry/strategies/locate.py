"""Strategies as people name them: registered names, files and modules."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import Registry
from openoutcry.plugins.source_files import class_in_source, is_source
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Strategy, strategy_name

Make = Callable[[Mapping[str, Any]], Strategy]
"""Makes a strategy with parameters; raises InvalidInputError if it cannot have them."""


def strategy_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Strategy:
    """Make a strategy from `sma_cross`, `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is none, its file cannot be loaded, or a parameter cannot be used.
    """
    return maker_of(text, plugins)(parameters or {})


def maker_of(text: str, plugins: Plugins | None = None) -> Make:
    """What makes the strategy that `strategy_of` would, many times; a file is loaded once.

    Raises:
        InvalidInputError: a file cannot be loaded.
    """
    if not is_source(text):
        return partial(strategy_registry(plugins).create, text)
    kind = class_in_source(text, Strategy)
    registry: Registry[Strategy] = Registry("strategy", Strategy)  # type: ignore[type-abstract]
    registry.register({strategy_name(kind): kind}, owner=text)
    return partial(registry.create, strategy_name(kind))

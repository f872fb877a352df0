"""What strategies there are, each in words: its idea, what it needs, its parameters."""

import inspect
import typing
from typing import Any

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.parameters import Parameter
from openoutcry.plugins.registry import Factory
from openoutcry.strategies.locate import Located, located
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Needs


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy. `idea` is the first sentence of its `text`, which says how it fails, too.

    `needs` is None where it cannot be told without parameters that have no default.
    """

    name: str
    owner: str
    idea: str
    text: str
    needs: Needs | None
    parameters: tuple[Parameter, ...]


def describe_all(plugins: Plugins | None = None) -> list[Description]:
    """Every registered strategy, by name."""
    registry = strategy_registry(plugins)
    return [_description(Located(registry, name, name)) for name in registry.names]


def describe(text: str, plugins: Plugins | None = None) -> Description:
    """One strategy, by its registered name or where it is written.

    Raises:
        InvalidInputError: there is none.
    """
    return _description(located(text, plugins))


def _description(found: Located) -> Description:
    text = inspect.getdoc(_made_by(found.registry.factory(found.name))) or ""
    try:
        needs = found.create().needs
    except InvalidInputError:
        needs = None
    return Description(
        name=found.name,
        owner=found.registry.owner(found.name),
        idea=_first_sentence(text),
        text=text,
        needs=needs,
        parameters=found.parameters,
    )


def _made_by(factory: Factory) -> Any:
    """The class that a factory makes, as far as it says so: it has the words."""
    if inspect.isclass(factory):
        return factory
    made = typing.get_type_hints(factory).get("return")
    return made if inspect.isclass(made) else factory


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")

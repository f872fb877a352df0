"""Names to factories: how strategies, classifiers and adapters are found, ours and others'."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from openoutcry.domain.errors import InvalidInputError, OpenOutcryError

Product = TypeVar("Product")
Factory = Callable[..., Any]

SHIPPED: Final = "openoutcry"  # the owner of what we ship ourselves


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Name the nearest known name, and all of them: the remedy's half of an error message."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}known: {', '.join(names) or 'none'}"


class _Entry(NamedTuple):
    factory: Factory
    owner: str


class Registry(Generic[Product]):
    """Factories by name, each with its owner. A name belongs to whoever registered it first.

    `kind` is the word for error messages; `product` is what every factory must make.
    """

    def __init__(self, kind: str, product: type[Product]) -> None:
        self.kind: Final = kind
        self._product = product
        self._entries: dict[str, _Entry] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every registered name, sorted."""
        return tuple(sorted(self._entries))

    def has(self, name: str) -> bool:
        """Whether a name is registered, written with dashes or underscores."""
        return name in self._entries or name.replace("_", "-") in self._entries

    def full_name(self, name: str) -> str:
        """A name as it was registered. Raises InvalidInputError if nobody did."""
        self._entry(name)
        return name if name in self._entries else name.replace("_", "-")

    def factory(self, name: str) -> Factory:
        """What makes it. Raises InvalidInputError if nobody registered the name."""
        return self._entry(name).factory

    def owner(self, name: str) -> str:
        """Who registered a name. Raises InvalidInputError if nobody did."""
        return self._entry(name).owner

    def register(self, factories: Mapping[str, Factory], *, owner: str) -> None:
        """Add factories by name: all of them or, if one cannot be added, none.

        Raises:
            InvalidInputError: a name is empty or already taken (both owners are named), or a factory
                cannot be called.
        """
        for name, factory in factories.items():
            if not name or not isinstance(name, str):  # a stranger's mapping may hold anything
                raise InvalidInputError(
                    f"{owner}: {name!r} is no name for a {self.kind}; give non-empty text"
                )
            if not callable(factory):
                raise InvalidInputError(
                    f"{owner}: {self.kind} {name!r} is {factory!r}; give a class or a function"
                )
            if name in self._entries:
                raise InvalidInputError(
                    f"{self.kind} {name!r} of {owner} is already registered by {self._entries[name].owner}; "
                    "rename one of them or remove one package"
                )
        self._entries.update({name: _Entry(factory, owner) for name, factory in factories.items()})

    def create(self, name: str, parameters: Mapping[str, Any] | None = None) -> Product:
        """Make what `name` stands for.

        Raises:
            InvalidInputError: the name or a parameter is unknown, a value does not pass the factory's
                checks, or the factory raised or made something else than this registry's product.
        """
        factory, owner = self._entry(name)
        given = dict(parameters or {})
        self._check_names(name, factory, given)
        try:
            product = factory(**given)
        except InvalidInputError:
            raise
        except OpenOutcryError as error:
            raise InvalidInputError(f"{self.kind} {name!r} of {owner}: {error}") from error
        except Exception as error:
            raise InvalidInputError(
                f"{self.kind} {name!r} of {owner} could not be made: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(product, self._product):
            raise InvalidInputError(
                f"{self.kind} {name!r} of {owner} is a {type(product).__name__}, "
                f"not a {self._product.__name__}"
            )
        return product

    def _entry(self, name: str) -> _Entry:
        dashed = name if name in self._entries else name.replace("_", "-")  # as people type them
        if dashed not in self._entries:
            raise InvalidInputError(f"unknown {self.kind} {name!r}; {did_you_mean(name, self._entries)}")
        return self._entries[dashed]

    def _check_names(self, name: str, factory: Factory, given: Mapping[str, Any]) -> None:
        try:
            signature = inspect.signature(factory)
        except (TypeError, ValueError):  # a C callable without one: calling it will tell
            return
        if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
            return
        for parameter in given:
            if parameter not in signature.parameters:
                raise InvalidInputError(
                    f"{self.kind} {name!r} has no parameter {parameter!r}; "
                    f"{did_you_mean(parameter, signature.parameters)}"
                )

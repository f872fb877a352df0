"""Classes by where their source is: `file.py`, `file.py:Class` or `package.module:Class`."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.registry import did_you_mean


def is_source(text: str) -> bool:
    """Whether a text says where a class is, and is no registered name."""
    return ":" in text or text.endswith(".py")


def absolute_source(text: str) -> str:
    """The same place, wherever the process that reads it runs."""
    place, colon, name = text.partition(":")
    return f"{Path(place).resolve()}{colon}{name}" if place.endswith(".py") else text


def class_in_source(text: str, *products: type) -> type[Any]:
    """The class that a text tells the place of, derived from one of the `products`.

    The class may be left out where the file has only one. Loading runs the file.

    Raises:
        InvalidInputError: there is no such file, module or class; it cannot be loaded; or there are several.
    """
    place, _, name = text.partition(":")
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    wanted = " or ".join(product.__name__ for product in products)
    found = {
        each.__name__: each
        for each in vars(module).values()
        if inspect.isclass(each)
        and issubclass(each, products)
        and not inspect.isabstract(each)
        and (each.__module__ == module.__name__ or each.__name__ == name)
    }
    if name in found:
        return found[name]
    if name:
        raise InvalidInputError(
            f"{place} has no {wanted} named {name!r} without abstract methods; {did_you_mean(name, found)}"
        )
    if len(found) != 1:
        what = f"{len(found)} classes ({', '.join(sorted(found))})" if found else "no class"
        raise InvalidInputError(
            f"{place} has {what} derived from {wanted}; "
            + (f"name one, as {place}:{min(found)}" if found else "write one")
        )
    return next(iter(found.values()))


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}; give the path of a Python file")
    place = str(path.resolve())
    name = f"{path.stem}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"  # no module's of another file
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations and pickles are resolved through it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _unusable(path, error) from error
    return module


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise _unusable(name, error) from error


def _unusable(place: object, error: BaseException) -> InvalidInputError:
    return InvalidInputError(f"{place} cannot be loaded: {type(error).__name__}: {error}; repair it")

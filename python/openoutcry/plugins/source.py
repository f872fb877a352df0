"""Finds a class where it is written: `file.py`, `file.py:Class` or `package.module:Class`."""

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.registry import Factory, did_you_mean

MODULE_PREFIX: Final = "openoutcry_file_"
DIGEST_CHARS: Final = 12

_loaded: dict[str, str] = {}  # the hash of a file's content, by the name of its module


def is_place(text: str) -> bool:
    """Whether a text names a file or a module, rather than something registered."""
    path, _, name = text.partition(":")
    return bool(name) or path.endswith(".py") or os.sep in path


def factory_at(text: str, product: type | tuple[type, ...]) -> tuple[Factory, str]:
    """The class at a place, and the place in full. Without `:Class` it is the only one the file defines.

    A module is looked for in the working folder too, and what a file imports in the file's own: both come
    last, so that nothing installed is hidden. A file that has not changed is run once.

    Raises:
        InvalidInputError: there is no such file, module or name, it cannot be imported, or it is not clear
            which class is meant.
    """
    place, _, name = text.partition(":")
    is_file = place.endswith(".py") or os.sep in place
    module = _file(Path(place)) if is_file else _module(place)
    where = str(Path(place).resolve()) if is_file else place
    kinds = {key: value for key, value in vars(module).items() if _is_written_in(module, value, product)}
    wanted = " or ".join(each.__name__ for each in (product if isinstance(product, tuple) else (product,)))
    if not name and len(kinds) != 1:
        if kinds:
            names = ", ".join(f"{place}:{each}" for each in kinds)
            raise InvalidInputError(f"{place} defines several of {wanted}; name one of {names}")
        raise InvalidInputError(f"{place} defines no {wanted}; derive a class from it")
    name = name or next(iter(kinds))
    factory = getattr(module, name, None)
    if not callable(factory):
        raise InvalidInputError(f"{place} has no class {name!r}; {did_you_mean(name, kinds)}")
    return factory, f"{where}:{name}"


def loaded_sha256(module: str) -> str:
    """The hash of the file that a module was made of, as it was read; empty if it was imported otherwise."""
    return _loaded.get(module, "")


def dashed(name: str) -> str:
    """A class's name as names are written in settings: `MovingAverageCross` is `moving-average-cross`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()


def _is_written_in(module: ModuleType, value: Any, product: type | tuple[type, ...]) -> bool:
    return (
        inspect.isclass(value)
        and issubclass(value, product)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    )


def _module(name: str) -> ModuleType:
    try:
        with _searched_too(Path.cwd()):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise InvalidInputError(
            f"module {name!r} cannot be imported ({type(error).__name__}: {error}); give "
            "package.module:Class of an installed package or of this folder, or a path as ./file.py"
        ) from error


class _Source(SourceFileLoader):
    """Reads the file itself, never a compiled copy: that could be of what stood there a moment ago."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile what is there now."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _file(path: Path) -> ModuleType:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{path} cannot be read ({error.strerror}); give the path of a Python file, or a registered name"
        ) from error
    path = path.resolve()
    digest = hashlib.sha256(bytes(path) + b"\0" + content).hexdigest()[:DIGEST_CHARS]
    name = f"{MODULE_PREFIX}{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    _loaded[name] = hashlib.sha256(content).hexdigest()
    try:
        with _searched_too(path.parent):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InvalidInputError(
            f"{path} cannot be imported{_line_in(path, error)}: {type(error).__name__}: {error}; repair it"
        ) from error
    return module


def last_line_in(file: str, error: BaseException) -> int | None:
    """The last line of a file that an error came through; None if it came through none."""
    calls = traceback.walk_tb(error.__traceback__)
    return next(reversed([line for frame, line in calls if frame.f_code.co_filename == file]), None)


def _line_in(path: Path, error: BaseException) -> str:
    line = last_line_in(str(path), error)
    return "" if line is None else f" (line {line})"


@contextlib.contextmanager
def _searched_too(folder: Path) -> Iterator[None]:
    sys.path.append(str(folder))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the file may have changed the path itself
            sys.path.remove(str(folder))

"""Whose code a strategy is: openoutcry's, which its version names, or somebody's, which its source tells."""

import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from openoutcry.plugins.source import loaded_sha256
from openoutcry.strategies.strategy import Strategy

OURS: Final = "openoutcry."
LIBRARIES: Final = ("builtins", "abc", "msgspec", "typing")


def own_source_sha256(strategy: Strategy) -> str:
    """The hash of the files in which a strategy, its bases and its members are written, beside openoutcry's.

    Empty if all are openoutcry's. What those files import is not in it.
    """
    hashes = dict.fromkeys(_hash_of(kind) for kind in _kinds(strategy))
    if len(hashes) < 2:  # noqa: PLR2004  one file's hash is its own
        return next(iter(hashes), "")
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def _kinds(strategy: Strategy) -> Iterator[type]:
    for kind in type(strategy).__mro__:
        if not kind.__module__.startswith(OURS) and kind.__module__.partition(".")[0] not in LIBRARIES:
            yield kind
    for part in sorted(strategy.parts):
        for member in getattr(strategy, part):
            yield from _kinds(member)


def _hash_of(kind: type) -> str:
    """The hash of the file as it was imported, if that is known, else as it is; without one of the name."""
    loaded = loaded_sha256(kind.__module__)
    if loaded:
        return loaded
    try:
        path = inspect.getsourcefile(kind)
    except TypeError:
        path = None
    content = Path(path).read_bytes() if path and Path(path).is_file() else kind.__qualname__.encode()
    return hashlib.sha256(content).hexdigest()

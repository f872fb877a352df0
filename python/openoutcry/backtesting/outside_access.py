"""Notices when code reaches outside of the process: files, sockets, other programs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_CODE: Final = (".py", ".pyc", ".so", ".pyi")  # what an import opens
_EVENTS: Final = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "sqlite3.", "urllib.")

_heard: list[str] | None = None  # where the hook writes to, while somebody listens
_is_installed = False


@contextmanager
def outside_access() -> Iterator[list[str]]:
    """Fill a list with what is reached while this lasts, as Python's audit events tell it.

    Imports are left out. What a compiled library opens by itself is not seen.
    """
    global _heard, _is_installed  # noqa: PLW0603  an audit hook is the process's, and cannot be removed
    if not _is_installed:
        sys.addaudithook(_listen)
        _is_installed = True
    heard: list[str] = []
    before, _heard = _heard, heard
    try:
        yield heard
    finally:
        _heard = before


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _heard is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike) and not os.fsdecode(path).endswith(_CODE):
            _heard.append(f"opens {os.fsdecode(path)}")
    elif event.startswith(_EVENTS):
        _heard.append(f"uses {event}")

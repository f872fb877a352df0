"""A bar on stderr, on a terminal only: what is piped stays clean."""

import contextlib
import sys
from collections.abc import Callable, Iterator

Tell = Callable[[int, int], None]
"""Called with how much is done, and of how much."""


@contextlib.contextmanager
def progress_bar(what: str, *, is_shown: bool) -> Iterator[Tell | None]:
    """The bar while this lasts; None where nothing is shown."""
    if not (is_shown and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

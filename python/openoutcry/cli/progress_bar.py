"""A bar for work whose end is known."""

import contextlib
from collections.abc import Callable, Iterator

Tell = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""


@contextlib.contextmanager
def progress_bar(what: str, *, is_shown: bool) -> Iterator[Tell | None]:
    """A bar on stderr while this lasts; None instead of its `Tell` if it is not shown."""
    if not is_shown:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""Where a run's progress is shown: a live screen, lines now and then, or nothing."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from openoutcry.cli.live_screen import draw

LINE_INTERVAL_S: Final = 5.0
REFRESHES_PER_S: Final = 4
_COUNTS: Final = (("candles", "candles"), ("votes", "votes"), ("orders", "child_orders"), ("fills", "fills"))


class Progress:
    """Notes are events worth a line; `show` draws the present state."""

    def __init__(self, *, is_live: bool, is_quiet: bool) -> None:
        self.title = ""
        self._notes: list[str] = []
        self._console = Console()
        self._is_quiet = is_quiet
        self._is_live = is_live and not is_quiet
        self._live: Live | None = None
        self._last_line_s = 0.0

    def note(self, text: str) -> None:
        """Say that something happened."""
        self._notes.append(text)
        if self._live is None and not self._is_quiet:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)
            self._console.file.flush()  # whoever reads a pipe wants to see it now

    def show(self, replay: dict[str, Any], system: dict[str, Any]) -> None:
        """Draw the present state, or say it in a line now and then."""
        if self._live is not None:
            self._live.update(draw(self.title, replay, system, self._notes))
        elif time.monotonic() - self._last_line_s >= LINE_INTERVAL_S:
            self._last_line_s = time.monotonic()
            totals = system.get("totals", {})
            counts = ", ".join(f"{name} {int(totals.get(key, 0))}" for name, key in _COUNTS)
            share = f"replay {float(replay['progress']):6.1%}: " if replay else ""
            self.note(f"{share}{counts}")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The live screen is on while this lasts."""
        if not self._is_live:
            yield
            return
        self._live = Live(console=self._console, refresh_per_second=REFRESHES_PER_S, screen=True)
        try:
            with self._live:
                yield
        finally:
            self._live = None

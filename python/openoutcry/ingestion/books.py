"""Where the feeds of a venue show their books to other processes: a segment in shared memory."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from openoutcry.domain.units import NS_PER_S, TimestampNs
from openoutcry.native import BookPublisher, CoreError, MarketFeed

log = logging.getLogger(__name__)

RETRY_INTERVAL_NS: Final = 5 * NS_PER_S


class PublishedBooks:
    """One venue's books for whoever looks. What goes wrong here is logged, and never stops a feed.

    A segment that cannot be made (no room, a predecessor that still lives) is tried again later; one that
    somebody took away is made anew.
    """

    def __init__(self, folder: Path, venue: str, symbols: Sequence[str], depth: int) -> None:
        self._folder = folder
        self._venue = venue
        self._depth = depth
        self._indices = {symbol: index for index, symbol in enumerate(symbols)}
        self._publisher: BookPublisher | None = None
        self._is_closed = False
        self._last_attempt_ns: int | None = None

    def publish(self, symbol: str, core: MarketFeed, now_ns: TimestampNs) -> None:
        """Show what a feed's core knows now."""
        if self._publisher is None:
            return
        try:
            self._publisher.publish(self._indices[symbol], core, now_ns)
        except (OSError, ValueError, CoreError) as error:
            log.warning("the books of %s are published anew: %s", self._venue, error)
            self._publisher.close()
            self._publisher = None

    def keep(self, monotonic_ns: int) -> None:
        """To be called regularly, in a quiet market too: make the segment, say that its writer lives."""
        if self._is_closed:
            return
        if self._publisher is not None:
            if self._publisher.beat():
                return
            log.warning("%s was taken away; the books are published anew", self._publisher.path)
            self._publisher.close()
            self._publisher = None
        last_ns = self._last_attempt_ns
        if last_ns is not None and monotonic_ns - last_ns < RETRY_INTERVAL_NS:
            return
        self._last_attempt_ns = monotonic_ns
        self._open()

    def _open(self) -> None:
        try:
            self._publisher = BookPublisher(
                folder=self._folder, venue=self._venue, instruments=list(self._indices), depth=self._depth
            )
        except (OSError, ValueError, CoreError) as error:
            log.warning("the books of %s are not published: %s", self._venue, error)

    def close(self) -> None:
        """Remove the segment, and the run's folder with the last one."""
        self._is_closed = True
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
            remove_if_empty(self._folder)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless there is still something in it."""
    try:
        folder.rmdir()
    except OSError:
        log.debug("%s stays", folder)

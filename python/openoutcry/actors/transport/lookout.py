"""Looking out for a moment before going to sleep.

To wake a process on a sleeping processor takes longer than to carry a message: 50 to 70 µs here, on a virtual
machine. An answer often comes sooner than that.
"""

import os
import select
import time
from typing import Final

from openoutcry.actors.transport.link import Incoming

WINDOW_VARIABLE: Final = "OPENOUTCRY_LOOKOUT_US"
WINDOW_US: Final = 50  # spent after each message from another process, and given up to whoever else can run
_NS_PER_US: Final = 1_000


class Lookout:
    """Watches the connections to us for a while, without sleeping."""

    def __init__(self) -> None:
        self._window_ns = int(os.environ.get(WINDOW_VARIABLE, WINDOW_US)) * _NS_PER_US
        self._epoll = select.epoll()
        self._links: dict[int, Incoming] = {}

    def fileno(self) -> int:
        """Its descriptor."""
        return self._epoll.fileno()

    def add(self, link: Incoming) -> None:
        """Watch one more connection."""
        self._links[link.fileno()] = link
        self._epoll.register(link.fileno(), select.EPOLLIN)

    def discard(self, link: Incoming) -> None:
        """A connection is about to close."""
        if self._links.pop(link.fileno(), None) is not None:
            self._epoll.unregister(link.fileno())

    def has_seen(self) -> bool:
        """Whether something came within the window; it has been read then."""
        deadline_ns = time.monotonic_ns() + self._window_ns
        while True:
            seen = [self._links[descriptor] for descriptor, _ in self._epoll.poll(0)]
            readable = [link for link in seen if not link.is_paused]
            for link in readable:
                link.read()
            if readable:
                return True
            if seen or time.monotonic_ns() >= deadline_ns:
                return False
            os.sched_yield()

    def close(self) -> None:
        """Stop watching."""
        self._epoll.close()

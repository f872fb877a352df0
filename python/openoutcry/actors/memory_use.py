"""How much memory an actor's process takes of the machine."""

import time
from typing import Final

import psutil

REFRESH_S: Final = 5.0  # the kernel adds up every page of the process to answer


class MemoryUse:
    """Processes that were forked share what they have not written to: each is charged its share of that."""

    def __init__(self) -> None:
        self._known_bytes = 0
        self._known_at_s = float("-inf")

    def share_bytes(self) -> int:
        """The proportional set size, at most some seconds old."""
        now_s = time.monotonic()
        if now_s - self._known_at_s >= REFRESH_S:
            self._known_at_s = now_s
            self._known_bytes = psutil.Process().memory_full_info().pss
        return self._known_bytes

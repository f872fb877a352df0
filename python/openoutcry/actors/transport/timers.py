"""An actor's wake-ups: in the order in which they are due, as soon as they are due."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any

import thespian.actors as thespian
from thespian.system.timing import ExpirationTimer, timePeriodSeconds


class Wakeups:
    """Calls `deliver(WakeupMessage)` when it is time; equal times keep the order of the requests.

    Thespian's own bases deliver overdue wake-ups backwards, and sort all of them at each request.
    """

    def __init__(self, loop: Any, deliver: Callable[[Any], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._heap: list[tuple[float, int, Any]] = []
        self._numbers = count()
        self._handle: Any = None
        self._handle_due_s = 0.0

    def add(self, period: Any, payload: Any) -> None:
        """Ask for a WakeupMessage after a period (a timedelta, or seconds)."""
        due_s = self._loop.time() + max(0.0, timePeriodSeconds(period))
        heapq.heappush(self._heap, (due_s, next(self._numbers), thespian.WakeupMessage(period, payload)))
        if self._handle is None or due_s < self._handle_due_s:
            self._set()

    def pending(self) -> list[Any]:
        """When each pending wake-up is due, as Thespian's status wants it."""
        now_s = self._loop.time()
        return [ExpirationTimer(max(0.0, due_s - now_s)) for due_s, _, _ in sorted(self._heap)]

    def _set(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle_due_s = self._heap[0][0]
        self._handle = self._loop.call_at(self._handle_due_s, self._ring)

    def _ring(self) -> None:
        self._handle = None
        now_s = self._loop.time()
        while self._heap and self._heap[0][0] <= now_s:
            self._deliver(heapq.heappop(self._heap)[2])
        if self._heap and self._handle is None:
            self._set()

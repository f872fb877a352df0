"""Stops orders when too much goes wrong: CLOSED, OPEN, HALF_OPEN, and at last a halt."""

from collections import deque
from typing import Literal

from openoutcry.domain.units import BASIS_POINTS

BreakerState = Literal["CLOSED", "OPEN", "HALF_OPEN"]


class CircuitBreaker:
    """Counts failures in a sliding window.

    Too many of them open it; open, it allows nothing until the cool-down is over; then one probe is allowed,
    whose success closes it and whose failure opens it again. `max_trips` openings without a success between
    mean that waiting does not help: `is_broken`, and a person must look.
    """

    def __init__(self, *, max_failures: int, window_ns: int, cool_down_ns: int, max_trips: int) -> None:
        self._max_failures, self._window_ns = max_failures, window_ns
        self._cool_down_ns, self._max_trips = cool_down_ns, max_trips
        self._failures: deque[int] = deque(maxlen=max_failures)
        self._opened_ns = 0
        self._trips = 0
        self._state: BreakerState = "CLOSED"
        self._probe_is_out = False

    def state(self, now_ns: int) -> BreakerState:
        """The state at a time; an open breaker turns HALF_OPEN by the passing of time alone."""
        if self._state == "OPEN" and now_ns - self._opened_ns >= self._cool_down_ns:
            self._state, self._probe_is_out = "HALF_OPEN", False
        return self._state

    def allows(self, now_ns: int) -> bool:
        """Whether an order may go out now."""
        state = self.state(now_ns)
        return state == "CLOSED" or (state == "HALF_OPEN" and not self._probe_is_out)

    @property
    def is_broken(self) -> bool:
        """It opened as often as it may."""
        return self._trips >= self._max_trips

    def on_order(self, now_ns: int) -> None:
        """An order goes out; in HALF_OPEN it is the probe."""
        if self.state(now_ns) == "HALF_OPEN":
            self._probe_is_out = True

    def on_success(self, now_ns: int) -> None:
        """The venue took an order."""
        if self.state(now_ns) == "HALF_OPEN":
            self._state = "CLOSED"
            self._failures.clear()
        if self._state == "CLOSED":
            self._trips = 0

    def on_probe_over(self) -> None:
        """The probe ended without the venue's verdict: let another one go out."""
        self._probe_is_out = False

    def on_failure(self, now_ns: int) -> bool:
        """The venue refused an order. True if that opens the breaker."""
        state = self.state(now_ns)
        if state == "OPEN":
            return False
        self._failures.append(now_ns)
        recent = sum(now_ns - failure_ns <= self._window_ns for failure_ns in self._failures)
        if state == "CLOSED" and recent < self._max_failures:
            return False
        self._state, self._opened_ns = "OPEN", now_ns
        self._trips += 1
        self._failures.clear()
        return True


class DrawdownBreaker:
    """Watches equity against its highest value and against the start of the UTC day."""

    def __init__(self, *, max_drawdown_bps: int) -> None:
        self._max_drawdown_bps = max_drawdown_bps
        self._highest_atoms = 0
        self._day = -1
        self._day_start_atoms = 0

    def observe(self, equity_atoms: int, day: int) -> None:
        """Take the equity in quote atoms, and the number of the UTC day."""
        if day != self._day:
            self._day, self._day_start_atoms = day, equity_atoms
        self._highest_atoms = max(self._highest_atoms, equity_atoms)

    def daily_loss_atoms(self, equity_atoms: int) -> int:
        """What the day has lost so far; 0 if it has not."""
        return max(self._day_start_atoms - equity_atoms, 0)

    def drawdown_bps(self, equity_atoms: int) -> int:
        """How far equity is below its highest, rounded up."""
        if self._highest_atoms <= 0:
            return 0
        return -((equity_atoms - self._highest_atoms) * BASIS_POINTS // self._highest_atoms)

    def is_broken(self, equity_atoms: int) -> bool:
        """The drawdown is beyond its limit."""
        return self.drawdown_bps(equity_atoms) > self._max_drawdown_bps

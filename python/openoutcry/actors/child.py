"""What the supervisor knows of one role's actor, and how often that may be started anew."""

from typing import Any, Final

from openoutcry.domain.control import ActorState

RESTARTS_MAX: Final = 5
RESTART_WINDOW_S: Final = 60.0
RESTART_BACKOFF_S: Final = (0.0, 0.25, 1.0, 2.0, 4.0)
HANG_AFTER_S: Final = 10.0  # without a pulse, of which there are two a second
START_TIMEOUT_S: Final = 60.0  # to be configured, heavy imports included


class Child:
    """One role's actor, over its lives."""

    def __init__(self) -> None:
        self.address: Any = None
        self.pid = 0
        self.is_ready = False
        self.is_started = False
        self.is_stopped = False
        self.is_quarantined = False
        self.restarts = 0
        self.hangs = 0
        self.sequence = 0
        self.restart_due_s: float | None = None
        self.abandoned: Any = None  # an earlier life that was out of reach, and may still be one
        self.info: dict[str, str] = {}
        self._alive_at_s = 0.0
        self._restarted_at_s: list[float] = []

    def begin(self, address: Any, now_s: float) -> None:
        """It has been created anew."""
        self.address = address
        self.abandoned = None
        self.pid = 0
        self.is_ready = self.is_started = self.is_stopped = False
        self.sequence = 0
        self.restart_due_s = None
        self._alive_at_s = now_s

    def ready(self, pid: int, info: dict[str, str], now_s: float) -> None:
        """It is configured."""
        self.is_ready = True
        self.pid, self.info = pid, info
        self._alive_at_s = now_s

    def pulse(self, now_s: float) -> None:
        """It takes its turns."""
        self._alive_at_s = now_s

    def exited(self) -> None:
        """Its process is gone."""
        self.address = None
        self.pid = 0
        self.is_ready = False

    def lost(self, now_s: float) -> None:
        """It is out of reach, dead or not, by no fault of its own: its life is over, the next is due."""
        self.abandoned = self.address
        self.exited()
        self.restarts += 1
        self.restart_due_s = now_s

    def hangs_for_s(self, now_s: float) -> float:
        """For how long it should have shown a sign of life; 0 while that is no reason to worry."""
        if self.address is None or self.is_stopped:
            return 0.0
        silent_s = now_s - self._alive_at_s
        return silent_s if silent_s > (HANG_AFTER_S if self.is_ready else START_TIMEOUT_S) else 0.0

    def plan_restart(self, now_s: float) -> bool:
        """Count one more death and set when the next life begins; False if there were too many of late."""
        self._restarted_at_s = [at for at in self._restarted_at_s if now_s - at < RESTART_WINDOW_S]
        deaths = len(self._restarted_at_s)
        if deaths >= RESTARTS_MAX:
            return False
        self._restarted_at_s.append(now_s)
        self.restart_due_s = now_s + RESTART_BACKOFF_S[min(deaths, len(RESTART_BACKOFF_S) - 1)]
        self.restarts += 1
        return True

    @property
    def state(self) -> ActorState:
        """As the supervisor sees it."""
        if self.is_quarantined:
            return "quarantined"
        if self.is_stopped:
            return "stopped"
        if self.address is None:
            return "failed"
        return "running" if self.is_started else "ready" if self.is_ready else "starting"

"""Watching a run from the first connection to the last settled order."""

import time
from collections.abc import Callable
from typing import Any, Final

from openoutcry.actors.system import SystemFailedError
from openoutcry.cli.local_venue import LocalVenue
from openoutcry.cli.progress import Progress
from openoutcry.cli.session import Session

CONNECT_TIMEOUT_S: Final = 60.0
SETTLE_TIMEOUT_S: Final = 45.0
POLL_INTERVAL_S: Final = 0.25
REPLAY_ENDED: Final = "the replay ended"
STOPPED: Final = "stopped by the operator"
_NEWS: Final = (
    ("reconnects", "a lost connection was made anew"),
    ("gaps", "a gap was seen in the book's sequence; it starts anew"),
    ("resyncs", "the book is joined with a new snapshot"),
    ("backfilled_trades", "missed trades were fetched: the candles stay exact"),
    ("actor_restarts", "an actor was restarted"),
)


class Follow:
    """Follows a session, and the replay of its local venue if it has one."""

    def __init__(
        self, venue: LocalVenue | None, session: Session, progress: Progress, interrupted: list[int]
    ) -> None:
        self.system: dict[str, Any] = {}
        self._venue = venue
        self._session = session
        self._progress = progress
        self._interrupted = interrupted
        self._seen: dict[str, float] = {}

    def to_the_end(self) -> str:
        """Start the replay when everybody is connected, and wait for its end; says how it ended.

        Raises:
            SystemFailedError: the actors did not connect, or the replay failed.
        """
        self._wait(self._is_connected, CONNECT_TIMEOUT_S, "the actors to connect to the venue", is_fatal=True)
        if self._venue is not None and not self._interrupted:
            self._venue.start_replay()
        self._progress.note("connected; the market begins")
        with self._progress.opened():
            while not self._interrupted:
                replay = self._look()
                if replay.get("error"):
                    raise SystemFailedError(f"the replay failed: {replay['error']}")
                if replay.get("finished"):
                    self._wait(self._is_settled, SETTLE_TIMEOUT_S, "the last orders to settle")
                    return REPLAY_ENDED
                time.sleep(POLL_INTERVAL_S)
        return STOPPED

    def _look(self) -> dict[str, Any]:
        self._session.check()
        replay = self._venue.status() if self._venue is not None else {}
        self.system = self._session.status() or self.system
        self._note_changes(replay)
        self._progress.show(replay, self.system)
        return replay

    def _wait(
        self,
        condition: Callable[[dict[str, Any]], bool],
        timeout_s: float,
        what: str,
        *,
        is_fatal: bool = False,
    ) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition(self._look()) and not self._interrupted:
            if time.monotonic() > deadline:
                text = f"waited {timeout_s:.0f} s for {what}; see {self._session.paths.log}"
                if is_fatal:
                    raise SystemFailedError(text)
                self._progress.note(text)
                return
            time.sleep(POLL_INTERVAL_S)

    def _is_connected(self, replay: dict[str, Any]) -> bool:
        del replay
        feed, execution = self._feed(), self._detail("execution")
        return feed.get("state") in ("syncing", "live") and execution.get("connection") == "live"

    def _is_settled(self, replay: dict[str, Any]) -> bool:
        feed, execution = self._feed(), self._detail("execution")
        return bool(feed.get("last_trade_id") == replay["last_trade_id"] and execution.get("is_settled"))

    def _feed(self) -> dict[str, Any]:
        feeds: dict[str, Any] = self._detail("ingestion").get("feeds", {})
        return next(iter(feeds.values()), {})

    def _detail(self, role: str) -> dict[str, Any]:
        detail: dict[str, Any] = self.system.get("actors", {}).get(role, {}).get("detail", {})
        return detail

    def _note_changes(self, replay: dict[str, Any]) -> None:
        """Say what was injected, and what came of it."""
        injected = replay.get("faults_injected", [])
        for fault in injected[int(self._seen.get("faults", 0)) :]:
            self._progress.note(f"injected: {fault['kind']} at {float(replay['progress']):.0%} of the replay")
        self._seen["faults"] = len(injected)
        totals = self.system.get("totals", {})
        for key, text in _NEWS:
            if totals.get(key, 0) > self._seen.get(key, 0):
                self._progress.note(text)
            self._seen[key] = totals.get(key, 0)

"""What happened between two looks at a system, in words."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from openoutcry.domain.units import NS_PER_S

_GROWING: Final = re.compile(r" for \d+ s$")  # "no heartbeat for 7 s" is one trouble, however long it lasts


class Events:
    """Remembers the last snapshot, and says once what is new in the next: troubles, restarts, halts, ends."""

    def __init__(self) -> None:
        self._state = ""
        self._halt = ""
        self._troubles: dict[str, str] = {}
        self._restarts: dict[str, int] = {}

    def since(self, snapshot: dict[str, Any]) -> list[str]:
        """What is new, a line each, with the time of day in UTC."""
        moment = datetime.fromtimestamp(snapshot["at_ns"] // NS_PER_S, tz=UTC)
        system = snapshot["system"]
        found = list(self._run(snapshot))
        if system is not None:  # who is not heard of may still be in trouble
            found += [*self._restarted(system["actors"]), *self._troubled(system["troubles"])]
        return [f"{moment:%H:%M:%S}  {text}" for text in found]

    def _run(self, snapshot: dict[str, Any]) -> Iterator[str]:
        state, halt = snapshot["state"], snapshot["halt"]
        if state != self._state:
            yield {
                "running": "the system runs, and is well",
                "unhealthy": "the system is not well",
                "silent": "monitoring does not answer; the run's process lives",
                "killed": "the run was killed: its process is gone without an end",
                "ended": f"the run has ended: {snapshot['outcome']}",
            }[state]
        reason = f"{halt.reason} (by {halt.by})" if halt else ""
        if reason != self._halt:
            yield f"halt armed: {reason}" if reason else "halt lifted"
        self._state, self._halt = state, reason

    def _restarted(self, actors: dict[str, Any]) -> Iterator[str]:
        for role, actor in actors.items():
            now = actor["restarts"]
            if now > self._restarts.setdefault(role, now):  # those before the first look are not news
                yield f"{role}: restarted, {now} in all; now pid {actor['pid']}"
            self._restarts[role] = now

    def _troubled(self, troubles: list[str]) -> Iterator[str]:
        now = {_GROWING.sub("", text): text for text in troubles}
        yield from (text for key, text in now.items() if key not in self._troubles)
        yield from (f"over: {key}" for key in self._troubles if key not in now)
        self._troubles = now

"""The observer: what every actor said last, and what follows for the health of the whole."""

import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs
from openoutcry.monitoring.catalogue import MAX_LABEL_VALUES, Metric, find
from openoutcry.monitoring.latency import LatencyHistogram

STALE_AFTER_NS: Final = 5 * NS_PER_S  # heartbeats come every second
MAX_ROLES: Final = 64
_LOST: Final = frozenset({"failed", "quarantined"})  # nobody restarts it
_OVER: Final = _LOST | {"stopped"}  # no heartbeat is due


class Sample(NamedTuple):
    """One figure of one role, ready to be exported."""

    metric: Metric
    role: str
    label_value: str
    value: float


class _Seen:
    """What is known of one role, over its restarts."""

    def __init__(self, heartbeat: Heartbeat, now_ns: int) -> None:
        self.heartbeat = heartbeat
        self.at_ns = now_ns
        self._before: Counter[str] = Counter()
        self._latency_before: dict[str, LatencyHistogram] = {}

    def update(self, heartbeat: Heartbeat, now_ns: int) -> None:
        """Take a newer heartbeat. A new process counts from nothing, so the old one's counts are kept."""
        if (heartbeat.pid, heartbeat.restarts) != (self.heartbeat.pid, self.heartbeat.restarts):
            self._before.update(self.heartbeat.counters)
            for hop, counts in self.heartbeat.latency_us.items():
                self._latency_before.setdefault(hop, LatencyHistogram()).merge(counts)
        self.heartbeat, self.at_ns = heartbeat, now_ns

    def is_silent(self, now_ns: int) -> bool:
        """Whether a heartbeat is overdue."""
        return now_ns - self.at_ns > STALE_AFTER_NS and self.heartbeat.state not in _OVER

    def counters(self) -> dict[str, float]:
        """Counts over all of the role's processes."""
        total: Counter[str] = Counter(self._before)
        total.update(self.heartbeat.counters)
        return dict(total)

    def latencies(self) -> dict[str, LatencyHistogram]:
        """Latencies over all of the role's processes."""
        merged = {hop: LatencyHistogram(each.counts) for hop, each in self._latency_before.items()}
        for hop, counts in self.heartbeat.latency_us.items():
            merged.setdefault(hop, LatencyHistogram()).merge(counts)
        return merged


class Observer:
    """Keeps the latest heartbeat of each role. It is told the time, and may be asked from any thread.

    `expected` roles that never reported count as missing; `facts` (run id, mode, data) are shown as such.
    """

    def __init__(self, *, expected: Sequence[str] = (), facts: Mapping[str, Any] | None = None) -> None:
        self._expected = tuple(expected)
        self._facts = dict(facts or {})
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def observe(self, heartbeat: Heartbeat, now_ns: TimestampNs) -> None:
        """Take a heartbeat. Roles beyond `MAX_ROLES` are ignored: there are never so many."""
        with self._lock:
            seen = self._seen.get(heartbeat.role)
            if seen is not None:
                seen.update(heartbeat, now_ns)
            elif len(self._seen) < MAX_ROLES:
                self._seen[heartbeat.role] = _Seen(heartbeat, now_ns)

    def troubles(self, now_ns: TimestampNs) -> tuple[str, ...]:
        """What is wrong, in words; empty if every expected role is up."""
        with self._lock:
            found = [f"{role}: no heartbeat yet" for role in self._expected if role not in self._seen]
            for role, seen in self._seen.items():
                if seen.heartbeat.state in _LOST:
                    found.append(f"{role}: {seen.heartbeat.state}")
                elif seen.is_silent(now_ns):
                    found.append(f"{role}: no heartbeat for {(now_ns - seen.at_ns) / NS_PER_S:.0f} s")
        return tuple(found)

    def status(self, now_ns: TimestampNs) -> dict[str, Any]:
        """The state of the system: the facts, is_healthy, troubles, actors, totals, latency_us.

        `totals` are the counters summed over the roles by key, `latency_us` count, p50 and p99 of each hop.
        """
        troubles = self.troubles(now_ns)
        with self._lock:
            totals: Counter[str] = Counter()
            for seen in self._seen.values():
                totals.update({_plain(key): value for key, value in seen.counters().items()})
            return {
                **self._facts,
                "at_ns": now_ns,
                "is_healthy": not troubles,
                "troubles": list(troubles),
                "actors": {role: _actor(seen, now_ns) for role, seen in self._seen.items()},
                "totals": dict(sorted(totals.items())),
                "latency_us": {
                    hop: histogram.quantiles_us()
                    for seen in self._seen.values()
                    for hop, histogram in seen.latencies().items()
                },
            }

    def samples(self, now_ns: TimestampNs) -> list[Sample]:
        """Every figure of the catalogue that is known now."""
        with self._lock:
            return [sample for role, seen in self._seen.items() for sample in _samples(role, seen, now_ns)]

    def latencies(self) -> dict[str, LatencyHistogram]:
        """The latencies of each hop ("source>role")."""
        with self._lock:
            return {hop: each for seen in self._seen.values() for hop, each in seen.latencies().items()}


def _plain(key: str) -> str:
    """A counter's key as the catalogue spells it; unknown ones stay as they are."""
    found = find(key)
    return key if found is None else f"{found[0].key}:{found[1]}" if found[1] else found[0].key


def _actor(seen: _Seen, now_ns: int) -> dict[str, Any]:
    heartbeat = seen.heartbeat
    last_ns = heartbeat.last_message_ns
    return {
        "state": heartbeat.state,
        "pid": heartbeat.pid,
        "restarts": heartbeat.restarts,
        "mailbox": heartbeat.mailbox,
        "rss_bytes": heartbeat.rss_bytes,
        "heartbeat_age_ms": (now_ns - seen.at_ns) // NS_PER_MS,
        "is_silent": seen.is_silent(now_ns),
        "last_message_age_ms": max(now_ns - last_ns, 0) // NS_PER_MS if last_ns else None,
        "counters": seen.counters(),
        "gauges": heartbeat.gauges,
        "unknown_metrics": _unknown(heartbeat),
        "detail": heartbeat.detail,
    }


def _unknown(heartbeat: Heartbeat) -> list[str]:
    return sorted(key for key in {**heartbeat.counters, **heartbeat.gauges} if find(key) is None)


def _samples(role: str, seen: _Seen, now_ns: int) -> Iterator[Sample]:
    heartbeat = seen.heartbeat
    age_ns = now_ns - seen.at_ns
    own: dict[str, float] = {
        "up": not (heartbeat.state in _OVER or seen.is_silent(now_ns)),
        f"actor_state:{heartbeat.state}": 1,
        "heartbeat_age_seconds": age_ns / NS_PER_S,
        "mailbox_messages": heartbeat.mailbox,
        "resident_memory_bytes": heartbeat.rss_bytes,
        "actor_restarts": heartbeat.restarts,
        "unknown_metrics": len(_unknown(heartbeat)),
    }
    values: dict[tuple[Metric, str], float] = {}
    labels: Counter[Metric] = Counter()
    for key, value in {**own, **heartbeat.gauges, **seen.counters()}.items():
        found = find(key)
        if found is None or not math.isfinite(value):
            continue
        if found not in values:
            labels[found[0]] += 1
        if labels[found[0]] <= MAX_LABEL_VALUES:
            values[found] = values.get(found, 0) + value  # two spellings of one key are one figure
    yield from (Sample(metric, role, label_value, value) for (metric, label_value), value in values.items())

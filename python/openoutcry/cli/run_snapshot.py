"""What a run is and says of itself now: the one source of `status` and `top`."""

import http.client
import json
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from openoutcry.assembly.paths import RunPaths, RunRecord, read_record
from openoutcry.memory.halt_latch import HaltLatch

ANSWER_TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
PID_CLOCK_SLACK_S: Final = 2.0  # between the kernel's start time of a process and our stamp

OVER: Final = ("ended", "killed")
IN_ORDER: Final = ("running", "ended")


def take_snapshot(state_dir: Path, run: RunPaths) -> dict[str, Any]:
    """The run's record, the halt, and what the system answers if it runs.

    `state` is `ended`, `running`, `unhealthy`, `silent` (alive, no answer) or `killed` (gone without an end).

    Raises:
        MissingDataError: the run has no record that can be read.
    """
    record = read_record(run)
    system = ask(record.monitoring_url, record.run_id) if not record.ended_ns else None
    return {
        "run_id": record.run_id,
        "at_ns": time.time_ns(),
        "state": _state(record, system),
        "mode": record.mode,
        "started_ns": record.started_ns,
        "ended_ns": record.ended_ns,
        "outcome": record.outcome,
        "halt": HaltLatch(state_dir).read(),
        "monitoring_url": record.monitoring_url,
        "run_dir": run.run_dir,
        "system": system,
        "summary": record.summary,
    }


def _state(record: RunRecord, system: dict[str, Any] | None) -> str:
    if record.ended_ns:
        return "ended"
    if system is not None:
        return "running" if system.get("is_healthy") else "unhealthy"
    return "silent" if _is_alive(record) else "killed"


def _is_alive(record: RunRecord) -> bool:
    """Whether the run's process lives; another one may have its number by now."""
    try:
        created_s: float = psutil.Process(record.pid).create_time()
    except psutil.Error:
        return False
    return created_s <= record.started_ns / 1e9 + PID_CLOCK_SLACK_S


def ask(monitoring_url: str, run_id: str) -> dict[str, Any] | None:
    """What a running system says of itself; None if it does not answer, or another run does."""
    place = urlsplit(monitoring_url)
    if place.scheme != "http" or not place.hostname:
        return None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/status")
        answer = json.loads(connection.getresponse().read(MAX_ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) and answer.get("run_id") == run_id else None

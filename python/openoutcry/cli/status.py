"""What runs now, or how the last run ended."""

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from openoutcry.cli.options import json_option, moment, put_json, run_option, state_dir_option, table

if TYPE_CHECKING:
    from openoutcry.assembly.paths import RunRecord

ANSWER_TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
PID_CLOCK_SLACK_S: Final = 2.0  # between the kernel's start time of a process and our stamp

EXIT_TROUBLE: Final = 1


@click.command()
@run_option
@state_dir_option
@json_option
@click.pass_context
def status(ctx: click.Context, run_name: str | None, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """What runs now, or how the last run ended. Exits with 1 if a run is in trouble or was killed."""
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.memory.halt_latch import HaltLatch  # noqa: PLC0415

    folder = paths.state_dir(state_dir)
    run = paths.find_run(folder, run_name)
    record = paths.read_record(run)
    halt = HaltLatch(folder).read()
    system = _ask(record) if not record.ended_ns else None
    state = _state(record, system)
    answer: dict[str, Any] = {
        "run_id": record.run_id,
        "state": state,
        "mode": record.mode,
        "started_ns": record.started_ns,
        "ended_ns": record.ended_ns,
        "outcome": record.outcome,
        "halt": halt,
        "monitoring_url": record.monitoring_url,
        "run_dir": run.run_dir,
        "system": system,
        "summary": record.summary,
    }
    if as_json:
        put_json(answer)
    else:
        table("", _rows(answer))
    if state not in ("running", "ended"):
        ctx.exit(EXIT_TROUBLE)


def _state(record: "RunRecord", system: dict[str, Any] | None) -> str:
    """`ended`, `running`, `unhealthy`, `silent` (alive, no answer) or `killed` (gone without an end)."""
    if record.ended_ns:
        return "ended"
    if system is not None:
        return "running" if system.get("is_healthy") else "unhealthy"
    return "silent" if _is_alive(record) else "killed"


def _is_alive(record: "RunRecord") -> bool:
    """Whether the run's process lives; another one may have its number by now."""
    import psutil  # noqa: PLC0415

    try:
        created_s: float = psutil.Process(record.pid).create_time()
    except psutil.Error:
        return False
    return created_s <= record.started_ns / 1e9 + PID_CLOCK_SLACK_S


def _ask(record: "RunRecord") -> dict[str, Any] | None:
    """What the running system says of itself; None if it does not answer, or another run does."""
    place = urlsplit(record.monitoring_url)
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
    return answer if isinstance(answer, dict) and answer.get("run_id") == record.run_id else None


def _rows(answer: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("run", answer["run_id"]),
        ("state", answer["state"]),
        ("mode", answer["mode"]),
        ("started", moment(answer["started_ns"])),
    ]
    if answer["ended_ns"]:
        rows += [("ended", moment(answer["ended_ns"])), ("outcome", answer["outcome"])]
    halt = answer["halt"]
    rows.append(("halt", f"armed: {halt.reason} (by {halt.by})" if halt else "none"))
    system = answer["system"]
    if system:
        rows.append(("monitoring", answer["monitoring_url"]))
        rows += [(f"actor {role}", f"{each['state']}, pid {each['pid']}, restarts {each['restarts']}")
                 for role, each in system["actors"].items()]  # fmt: skip
        rows += [("trouble", text) for text in system["troubles"]]
    rows += [
        (name, value) for name, value in answer["summary"].items() if isinstance(value, str | int | float)
    ]
    return [*rows, ("files", answer["run_dir"])]

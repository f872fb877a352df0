"""Where a run is kept: the state folder, the folder of each run, and the record that says what it was."""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import platformdirs

from openoutcry.assembly.settings import Settings
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_S
from openoutcry.memory.halt_latch import HaltLatch
from openoutcry.native import clean_books
from openoutcry.plugins.registry import did_you_mean

APPLICATION: Final = "openoutcry"
STATE_DIR_VARIABLE: Final = "OPENOUTCRY_STATE_DIR"
LATEST: Final = "latest"
PRIVATE_FOLDER_MODE: Final = 0o700

_RUN_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def state_dir(given: Path | None = None) -> Path:
    """The state folder: as given, else `$OPENOUTCRY_STATE_DIR`, else the user's own. It need not exist."""
    if given is not None:
        return given
    named = os.environ.get(STATE_DIR_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path(APPLICATION, appauthor=False)


def halt_latch(settings: Settings) -> HaltLatch:
    """The halt flag of a deployment, in the state folder above all runs. Raises OSError as HaltLatch does."""
    return HaltLatch(settings_state_dir(settings))


def settings_state_dir(settings: Settings) -> Path:
    """The state folder that the settings name, or the one that stands for none."""
    return state_dir(Path(settings.paths.state_dir) if settings.paths.state_dir else None)


def books_root(given: str = "") -> Path:
    """Where runs keep the books that they publish: in memory, this user's own. It need not exist."""
    if given:
        return Path(given)
    memory = Path("/dev/shm")  # noqa: S108  the folder in it is private, which the core checks
    return (memory if memory.is_dir() else Path(tempfile.gettempdir())) / f"{APPLICATION}-{os.getuid()}"


def sweep_books(root: Path) -> list[Path]:
    """Remove what the dead writers of earlier runs left of their books; returns those segments."""
    removed = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):  # not ours, or a new run is just making it
                removed += clean_books(folder)
                folder.rmdir()
    return removed


def new_run_id(now_ns: int) -> str:
    """A run's name: its moment in UTC and four random digits, as `r-20240809-000100-7f3a`."""
    moment = datetime.fromtimestamp(now_ns // NS_PER_S, tz=UTC)
    return f"r-{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is and was: written when it starts, and again when it ends. It holds no secrets.

    `ended_ns` 0 with a dead `pid` is a run that was killed. `instruments` are the grids by symbol, without
    which the journals' ticks and lots have no meaning. `replay_speed` is how many times as fast as it was a
    recorded market was played; 0 if none was, or without a pace.
    """

    run_id: str
    pid: int
    mode: str
    started_ns: int
    ended_ns: int = 0
    deployment_id: str = ""
    config_hash: str = ""
    data_source: str = ""
    data_hash: str = ""
    replay_speed: float = 0.0
    seed: int | None = None
    monitoring_url: str = ""
    outcome: str = ""  # in words, once it has ended
    versions: dict[str, str] = {}
    instruments: dict[str, Instrument] = {}
    settings: dict[str, Any] = {}
    summary: dict[str, Any] = {}


class RunPaths(msgspec.Struct, frozen=True):
    """The files of one run."""

    run_dir: Path

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.run_dir.name

    @property
    def orders_db(self) -> Path:
        """The order journal."""
        return self.run_dir / "orders.sqlite"

    @property
    def decisions_db(self) -> Path:
        """The decision journal."""
        return self.run_dir / "decisions.sqlite"

    @property
    def log(self) -> Path:
        """The log, JSON lines of every process."""
        return self.run_dir / "log.jsonl"

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.run_dir / "report.html"

    @property
    def record(self) -> Path:
        """What the run is, a RunRecord."""
        return self.run_dir / "run.json"


def create_run(state: Path, run_id: str) -> RunPaths:
    """Make a new run's folder, readable by its owner only, and point `latest` at it.

    Raises:
        InvalidInputError: the id is malformed or already taken, or the folder cannot be made.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidInputError(f"run id {run_id!r} cannot be used; give at most 63 of a-z, 0-9 and -")
    runs = state / "runs"
    paths = RunPaths(runs / run_id)
    try:
        state.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        runs.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
        if paths.run_dir.exists():
            raise InvalidInputError(f"there is already a run {run_id!r} in {runs}; give another id")
        paths.run_dir.mkdir(mode=PRIVATE_FOLDER_MODE)
        pointer = runs / f".{LATEST}.{run_id}"
        pointer.symlink_to(run_id)
        pointer.replace(runs / LATEST)
    except OSError as error:
        raise InvalidInputError(
            f"the state folder {state} cannot be written ({error}); give another with --state-dir"
        ) from error
    return paths


def find_run(state: Path, reference: str | None = None) -> RunPaths:
    """A run by its id, an unambiguous beginning of it or the path of its folder; without one, the latest.

    Raises:
        MissingDataError: there has been no run yet.
        InvalidInputError: no run, or several, are called so; names near ones.
    """
    if reference and "/" in reference and (Path(reference) / "run.json").is_file():
        return RunPaths(Path(reference))
    runs = state / "runs"
    names = sorted(path.name for path in runs.iterdir() if _is_run(path)) if runs.is_dir() else []
    if not names:
        raise MissingDataError(
            f"there is no run in {state} yet; start one with `openoutcry demo`, or give --state-dir"
        )
    if reference is None or reference == LATEST:
        latest = (runs / LATEST).resolve().name
        return RunPaths(runs / (latest if latest in names else names[-1]))
    found = [reference] if reference in names else [name for name in names if name.startswith(reference)]
    if len(found) == 1:
        return RunPaths(runs / found[0])
    if found:
        raise InvalidInputError(
            f"{len(found)} runs begin with {reference!r} ({', '.join(found[:5])}, …); give more of it"
        )
    raise InvalidInputError(
        f"there is no run {reference!r} in {runs}; {did_you_mean(reference, names[-20:])}"
    )


def write_record(paths: RunPaths, record: RunRecord) -> None:
    """Write a run's record in one step: a reader sees the old one or the new one, whole.

    Raises:
        InvalidInputError: it cannot be written.
    """
    temporary = paths.run_dir / f".run.{os.getpid()}.json"
    try:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))
        temporary.replace(paths.record)
    except OSError as error:
        raise InvalidInputError(
            f"{paths.record} cannot be written ({error}); check permissions and free space"
        ) from error


def read_record(paths: RunPaths) -> RunRecord:
    """What a run is.

    Raises:
        MissingDataError: it has no record, or one that cannot be understood.
    """
    try:
        return msgspec.json.decode(paths.record.read_bytes(), type=RunRecord)
    except (OSError, msgspec.MsgspecError) as error:
        raise MissingDataError(f"{paths.record} cannot be read ({error}); give another run") from error


def end_record(paths: RunPaths, *, ended_ns: int, outcome: str, summary: Mapping[str, Any]) -> RunRecord:
    """Add to a run's record how it ended. Raises as `read_record` and `write_record`."""
    record = msgspec.structs.replace(
        read_record(paths), ended_ns=ended_ns, outcome=outcome, summary=dict(summary)
    )
    write_record(paths, record)
    return record


def _is_run(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and bool(_RUN_ID.fullmatch(path.name))

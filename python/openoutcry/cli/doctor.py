"""Whether this machine can run openoutcry, and what to do if not."""

import os
import platform
import shutil
import socket
import sqlite3
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import click

from openoutcry.cli.options import json_option, put_json, state_dir_option

PYTHON_MIN: Final = (3, 11)
SQLITE_MIN: Final = (3, 37, 0)  # STRICT tables
FREE_BYTES_FAIL: Final = 100 * 2**20
FREE_BYTES_WARN: Final = 2 * 2**30
CLOCK_MIN_S: Final = 1_735_689_600  # 2025-01-01: a clock before that is not set
CLOCK_PROBE_S: Final = 0.05
CLOCK_SLIP_WARN_S: Final = 0.02
PINNED: Final = (("ccxt", "4.5.90"), ("thespian", "4.0.1"))

Verdict = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """One finding. `remedy` says what to do unless it is ok."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


@click.command()
@state_dir_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Check that this machine can run openoutcry, and say what to do if not. Exits with 1 on a failure."""
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it

    checks = list(examine(paths.state_dir(state_dir)))
    failed = any(check.verdict == "fail" for check in checks)
    if as_json:
        put_json({"ok": not failed, "checks": [check._asdict() for check in checks]})
    else:
        _show(checks)
    if failed:
        ctx.exit(1)


def examine(state_dir: Path) -> Iterator[Check]:
    """Every check in turn. One that breaks is a failure, not the end."""
    on_machine: tuple[Callable[[], Check], ...] = (
        *(python_version, compiled_core, dependencies, ta_lib, ccxt_import),
        *(sqlite_version, clock, loopback_port, published_books, data_source),
    )
    on_state: tuple[Callable[[Path], Check], ...] = (state_permissions, journal_mode, free_disk, halt_state)
    for check in on_machine:
        yield _guarded(check.__name__, check)
    for check_state in on_state:
        yield _guarded(check_state.__name__, lambda check=check_state: check(state_dir))  # type: ignore[misc]


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except Exception as error:  # noqa: BLE001  whatever is broken here is what we look for
        text = f"{type(error).__name__}: {error}"
        return Check(name, "fail", text, "run `make setup`; if it stays, report it with this output")


def python_version() -> Check:
    """Python is new enough."""
    found = platform.python_version()
    if sys.version_info[:2] < PYTHON_MIN:
        return Check(
            "python_version", "fail", found, "use Python 3.11 or newer: make setup PYTHON=python3.11"
        )
    return Check("python_version", "ok", found)


def compiled_core() -> Check:
    """The compiled core loads and is a release build."""
    try:
        from openoutcry import native  # noqa: PLC0415
    except ImportError as error:
        return Check("compiled_core", "fail", str(error), "run `make setup`")
    found = f"{native.VERSION}, {native.BUILD_PROFILE} build"
    if native.BUILD_PROFILE != "release":
        return Check(
            "compiled_core", "warn", found, "slow, for development only; run `make setup` for a release build"
        )
    return Check("compiled_core", "ok", found)


def dependencies() -> Check:
    """What openoutcry pins is what is installed."""
    from importlib.metadata import version  # noqa: PLC0415

    installed = {name: version(name) for name, _ in PINNED}
    found = ", ".join(f"{name} {number}" for name, number in installed.items())
    if installed != dict(PINNED):
        wanted = ", ".join(f"{name} {number}" for name, number in PINNED)
        return Check(
            "dependencies", "fail", found, f"openoutcry was tested with {wanted} only; run `make setup`"
        )
    return Check("dependencies", "ok", found)


def ta_lib() -> Check:
    """TA-Lib computes."""
    import numpy as np  # noqa: PLC0415
    import talib  # noqa: PLC0415

    average = talib.SMA(np.array([1.0, 2.0, 3.0]), timeperiod=3)[-1]
    if average != 2.0:  # noqa: PLR2004  of 1, 2, 3
        return Check("ta_lib", "fail", f"the average of 1, 2, 3 is {average}", "run `make setup`")
    return Check("ta_lib", "ok", talib.__version__)


def ccxt_import() -> Check:
    """The venue client can be imported and knows the venues we use."""
    from openoutcry.exchanges.ccxt_client import open_client  # noqa: PLC0415
    from openoutcry.exchanges.venue_settings import SUPPORTED_VENUES, VenueSettings  # noqa: PLC0415

    for venue in SUPPORTED_VENUES:
        open_client(VenueSettings(venue=venue))
    return Check("ccxt_import", "ok", ", ".join(SUPPORTED_VENUES))


def sqlite_version() -> Check:
    """SQLite knows what the journals use."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        remedy = "use a Python built with SQLite 3.37 or newer"
        return Check("sqlite_version", "fail", sqlite3.sqlite_version, remedy)
    return Check("sqlite_version", "ok", sqlite3.sqlite_version)


def clock() -> Check:
    """The clock is set, and does not run away from the monotonic one."""
    wall, steady = time.time(), time.monotonic()
    if wall < CLOCK_MIN_S:
        return Check(
            "clock",
            "fail",
            f"{wall:.0f} s since 1970",
            "set the clock: venues refuse requests of another time",
        )
    time.sleep(CLOCK_PROBE_S)
    slip_s = (time.time() - wall) - (time.monotonic() - steady)
    if abs(slip_s) > CLOCK_SLIP_WARN_S:
        return Check(
            "clock", "warn", f"slipped {slip_s * 1e3:.1f} ms while we looked", "let ntpd or chrony keep it"
        )
    return Check("clock", "ok", f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(wall))} UTC, steady")


def loopback_port() -> Check:
    """A port can be opened on loopback: the actors and the local exchange need some."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            return Check(
                "loopback_port", "fail", str(error), "let processes listen on 127.0.0.1 (firewall, container)"
            )
        return Check("loopback_port", "ok", f"127.0.0.1:{probe.getsockname()[1]} was free")


def data_source() -> Check:
    """Which recordings a demo would play."""
    from openoutcry.domain.errors import MissingDataError  # noqa: PLC0415
    from openoutcry.exchanges.market_source import DATA_VARIABLE, cache_dir, shared_data_dirs  # noqa: PLC0415
    from openoutcry.exchanges.recording import find_recordings  # noqa: PLC0415

    named = os.environ.get(DATA_VARIABLE)
    for place in [Path(named)] if named else [*shared_data_dirs(), cache_dir()]:
        try:
            held = ", ".join(f"{each.product} {each.symbol}" for each in find_recordings(place))
        except MissingDataError as error:
            if named:
                return Check("data_source", "fail", str(error), f"correct or unset ${DATA_VARIABLE}")
        else:
            return Check("data_source", "ok", f"{place}: {held}")
    remedy = "`openoutcry data fetch` gets a recording; without one the demo plays a synthetic market"
    return Check("data_source", "warn", "no recording", remedy)


def state_permissions(state_dir: Path) -> Check:
    """The state folder can be written, by its owner only."""
    if not state_dir.exists():
        parent = next(each for each in state_dir.absolute().parents if each.exists())
        if not os.access(parent, os.W_OK | os.X_OK):
            remedy = "give another with --state-dir, or make it yourself"
            return Check("state_permissions", "fail", f"{state_dir} cannot be made in {parent}", remedy)
        return Check("state_permissions", "ok", f"{state_dir} (it will be made)")
    if not state_dir.is_dir() or not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"run `chown {os.geteuid()} {state_dir}`, or give another with --state-dir"
        return Check("state_permissions", "fail", f"{state_dir} cannot be written", remedy)
    mode = stat.S_IMODE(state_dir.stat().st_mode)
    if mode & 0o022:
        remedy = f"run `chmod go-w {state_dir}`: whoever writes there can lift the halt"
        return Check("state_permissions", "fail", f"{state_dir} has mode {mode:04o}", remedy)
    if mode & 0o055:
        remedy = f"run `chmod 700 {state_dir}`: others can read what you trade"
        return Check("state_permissions", "warn", f"{state_dir} has mode {mode:04o}", remedy)
    return Check("state_permissions", "ok", f"{state_dir}, mode {mode:04o}")


def journal_mode(state_dir: Path) -> Check:
    """SQLite's write-ahead log works on the state folder's file system (it does not on network ones)."""
    with tempfile.TemporaryDirectory(dir=_existing(state_dir), prefix=".doctor.") as folder:
        connection = sqlite3.connect(Path(folder) / "probe.sqlite")
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("CREATE TABLE probe(value INTEGER) STRICT")
            connection.commit()
        finally:
            connection.close()
    if mode != "wal":
        return Check(
            "journal_mode", "fail", f"mode {mode}", "put the state folder on a local disk with --state-dir"
        )
    return Check("journal_mode", "ok", "write-ahead log")


def free_disk(state_dir: Path) -> Check:
    """There is room for journals."""
    free = shutil.disk_usage(_existing(state_dir)).free
    found = f"{free / 2**30:.1f} GiB free"
    if free < FREE_BYTES_WARN:
        verdict: Verdict = "fail" if free < FREE_BYTES_FAIL else "warn"
        return Check(
            "free_disk", verdict, found, "make room: trading stops when the journal cannot be written"
        )
    return Check("free_disk", "ok", found)


def published_books() -> Check:
    """Books can be published in memory; what dead writers left of theirs is cleared away."""
    from openoutcry.assembly.paths import books_root, sweep_books  # noqa: PLC0415

    root = books_root()
    if not os.access(root if root.exists() else root.parent, os.W_OK | os.X_OK):
        remedy = "make it this user's own, or give another place with books.dir in the settings"
        return Check("published_books", "warn", f"{root} cannot be written", remedy)
    removed = len(sweep_books(root))
    cleared = f" (cleared away {removed} of dead writers)" if removed else ""
    return Check("published_books", "ok", f"{root}{cleared}")


def halt_state(state_dir: Path) -> Check:
    """No halt is armed."""
    from openoutcry.memory.halt_latch import FILE_NAME, FLAG_FILE_NAME, HaltLatch  # noqa: PLC0415

    known = any((state_dir / name).exists() for name in (FILE_NAME, FLAG_FILE_NAME))
    record = HaltLatch(state_dir).read() if known else None
    if record is None:
        return Check("halt_state", "ok", "not halted")
    found = f"halted: {record.reason} (by {record.by})"
    return Check("halt_state", "warn", found, "find out why, then `openoutcry resume`")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.absolute().parents) if each.is_dir())


def _show(checks: list[Check]) -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.text import Text  # noqa: PLC0415

    styles = {"ok": "green", "warn": "yellow", "fail": "bold red"}
    console = Console()
    for check in checks:
        line = Text.assemble((f"{check.verdict:>4}", styles[check.verdict]), f"  {check.name}: {check.found}")
        console.print(line)
        if check.remedy:
            console.print(Text(f"      {check.remedy}", style="dim"))

"""A demo in a process of its own, watched and disturbed from outside, as an operator would."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
WAIT_S = 150.0
POLL_S = 0.05


class Demo:
    """`openoutcry demo` with its own state folder; `command` for another command that runs the system."""

    def __init__(
        self, state: Path, *arguments: str, command: tuple[str, ...] = ("demo",), environment=None
    ) -> None:
        self.state = state
        self.runtime = Path(tempfile.mkdtemp(prefix="oo-"))  # sockets want short paths
        line = [
            sys.executable,
            "-m",
            "openoutcry.cli",
            *command,
            "--json",
            "--state-dir",
            str(state),
            *arguments,
        ]
        self.process = subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"COLUMNS": "200", "OPENOUTCRY_SCENARIO": str(state), "XDG_RUNTIME_DIR": str(self.runtime)}
            | (environment or {}),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        with contextlib.suppress(ValueError):  # they were read and closed
            self.process.communicate()
        shutil.rmtree(self.runtime, ignore_errors=True)

    def finish(self):
        """Wait for the end: (exit code, summary, what it said on stderr)."""
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, json.loads(out) if out.strip() else {}, err

    def left_behind(self):
        """What is left of the run once it has ended: processes, and sockets with their folders."""
        folders = [path.name for path in (self.runtime / "openoutcry").glob("*")]
        return descendants_of_run(self.state) + folders

    def wait_until_gone(self):
        """Wait until nothing is left, however it ended."""
        deadline = time.monotonic() + WAIT_S
        while left := self.left_behind():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(POLL_S)

    def record(self):
        path = self.state / "runs" / "latest" / "run.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def status(self):
        """What the system says of itself; {} while it does not answer."""
        place = urlsplit(self.record().get("monitoring_url", ""))
        if not place.port:
            return {}
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=2)
        try:
            connection.request("GET", "/status")
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()

    def wait_for(self, condition, what):
        """Poll the status until the condition gives something true; returns it."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found = condition(self.status())
            if found:
                return found
            assert self.process.poll() is None, (
                f"it ended while waiting for {what}: {self.process.communicate()}"
            )
            time.sleep(POLL_S)
        raise AssertionError(f"waited {WAIT_S} s for {what}; last status {self.status()}")


def working_order(status):
    """A sliced order takes seconds at this speed, so that a heartbeat sees it under way."""
    return status.get("actors", {}).get("execution", {}).get("detail", {}).get("is_settled") is False


def order_records(run_dir: Path) -> list[tuple[str, bytes]]:
    """The order journal's records, oldest first: kind and JSON."""
    connection = sqlite3.connect(f"file:{run_dir}/orders.sqlite?mode=ro", uri=True)
    try:
        return list(connection.execute("select kind, payload from events order by seq"))
    finally:
        connection.close()


def decisions(run_dir: Path, kind: str) -> dict[str, bytes]:
    """The decision journal's messages of a kind, by id."""
    connection = sqlite3.connect(f"file:{run_dir}/decisions.sqlite?mode=ro", uri=True)
    try:
        return dict(connection.execute("select id, payload from messages where kind = ?", (kind,)))
    finally:
        connection.close()


def descendants_of_run(state: Path) -> list[str]:
    """Command lines of living processes that belong to a state folder's runs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"OPENOUTCRY_SCENARIO={state}".encode() in environment and command:
                found.append(command)
    return found

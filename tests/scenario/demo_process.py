"""A demo in a process of its own, watched and disturbed from outside, as an operator would."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
WAIT_S = 150.0
POLL_S = 0.05


class Demo:
    """`openoutcry demo` with its own state folder; `command` for another command that runs the system."""

    def __init__(self, state: Path, *arguments: str, command: tuple[str, ...] = ("demo",)) -> None:
        self.state = state
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
            env=os.environ | {"COLUMNS": "200"},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()

    def finish(self):
        """Wait for the end: (exit code, summary, what it said on stderr)."""
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, json.loads(out) if out.strip() else {}, err

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

"""Thespian's own tests on one base, in a pytest of their own. To debug a base:

python suite_run.py BASE [what pytest takes, such as -x -k deadLetter or thespian/test/test_wakeup.py]
"""

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

OUR_BASE = "multiprocUnixBase"
STOCK_BASE = "multiprocTCPBase"
SUITE = "thespian/test"
TEST_MAX_S = 60  # the slowest, on stock TCP, takes 21 s
RUN_MAX_S = 600  # stock TCP takes 270 s
END_MAX_S = 60  # a system that lost an actor by force ends 30 s later, on stock TCP too
LOG_SHOWN_CHARS = 5000
MARK = "OPENOUTCRY_THESPIAN_SUITE"  # in the environment of every process of a run

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


def installed_at():
    """The folder that holds the package `thespian`, whose tests are installed with it."""
    return Path(importlib.util.find_spec("thespian").origin).parents[1]


class SuiteRun:
    """A run from its start to the death of its last process; use it in a `with`.

    With a folder it keeps its log and its outcomes there, without one it speaks on the terminal.
    """

    def __init__(self, base, *arguments, folder=None):
        self._folder = folder
        self._mark = str(uuid.uuid4())
        line = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={installed_at()}"]
        line += ["-p", "no:cacheprovider", "-p", "pytest_timeout", f"--timeout={TEST_MAX_S}"]
        line += ["-p", "suite_plugin", f"--system-base={base}", *arguments]
        if not any(argument.startswith(SUITE) for argument in arguments):
            line += [SUITE]
        place = {"cwd": installed_at(), "env": self._environment()}
        if folder is None:
            self._process = subprocess.Popen(line, **place)
        else:
            line += [f"--outcomes={folder / 'outcomes'}"]
            with (folder / "log").open("wb") as log:
                self._process = subprocess.Popen(line, **place, stdout=log, stderr=log)

    def _environment(self):
        # One of their tests fails where Python is told not to buffer.
        settings = ("PYTEST_", "PYTHON", "THESPIAN_")
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
        own = {"PYTHONPATH": str(Path(__file__).parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return theirs | own | {MARK: self._mark}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._kill_all()

    def wait(self, timeout_s=None):
        """Let its pytest end, or end it: its exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def left_behind(self):
        """What is alive so long after the last test: process ids and the tests that began them. Kills it."""
        psutil.wait_procs(self.alive(), timeout=END_MAX_S)
        return sorted((pid, self._test_at(began_s)) for pid, began_s in self._kill_all().items())

    def _kill_all(self):
        killed = {}
        while alive := self.alive():  # again, because it may have forked meanwhile
            killed |= {process.pid: process.create_time() for process in alive}
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(alive, timeout=END_MAX_S)
        return killed

    def _test_at(self, time_s):
        return next((row["test"] for row in self._rows() if row.get("ended_s", 0) > time_s), "no test")

    def alive(self):
        """Its processes, found by their environment: an admin leaves its parent's group."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # ended, or another user's
                if process.environ().get(MARK) == self._mark:
                    found.append(process)
        return found

    def outcomes(self):
        """What became of each test that was to run: its id -> (outcome, why)."""
        rows = self._rows()
        collected = [test for row in rows for test in row.get("collected", ())]
        assert collected, f"no test was found: {(self._folder / 'log').read_text('utf-8')[-LOG_SHOWN_CHARS:]}"
        unfinished = dict.fromkeys(collected, (FAILED, "the run ended before this test did"))
        return unfinished | {row["test"]: (row["outcome"], row["why"]) for row in rows if "test" in row}

    def _rows(self):
        path = self._folder / "outcomes"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


if __name__ == "__main__":
    with SuiteRun(*sys.argv[1:]) as run:
        sys.exit(run.wait())

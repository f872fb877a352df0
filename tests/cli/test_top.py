"""The command `top`: lines for programs, the screen in a real terminal."""

import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import termios

import pytest
from tests.backtesting.recorded_run import write_run
from tests.cli.watched_run import WatchedRun

from openoutcry.memory.halt_latch import HaltLatch

COMMAND = (sys.executable, "-m", "openoutcry.cli", "top")
WAIT_S = 60
LEAVES_SCREEN = b"\x1b[?1049l"
LINES_AND_COLUMNS = (40, 120)


@pytest.fixture
def watched(state):
    run = WatchedRun(state)
    run.beat("risk", pid=4242)
    yield run
    run.close()


@pytest.fixture
def piped(state):
    """Starts `top` with its output in a pipe."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


class Terminal:
    """A command in a terminal of its own, and all that it wrote there."""

    def __init__(self, *arguments):
        self.written = b""
        self._screen, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("4H", *LINES_AND_COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=inside, stdout=inside, stderr=inside, start_new_session=True
        )
        os.close(inside)

    def read_until(self, text):
        """Read on until it writes `text`, or until it ends."""
        while text is None or text not in self.written:
            ready, _, _ = select.select([self._screen], [], [], WAIT_S)
            assert ready, f"{WAIT_S} s without a word; it wrote {self.written[-2000:]}"
            try:
                self.written += os.read(self._screen, 65536)
            except OSError:  # it has ended
                assert text is None, f"it ended without {text}: {self.written[-2000:]}"
                return

    def type(self, text):
        os.write(self._screen, text)

    def terminate(self):
        self._process.terminate()

    def end(self):
        """Wait for its end; returns its exit code."""
        self.read_until(None)
        return self._process.wait(WAIT_S)

    def close(self):
        self._process.kill()
        self._process.wait(WAIT_S)
        os.close(self._screen)


@pytest.fixture
def terminal():
    terminals = []

    def start(*arguments):
        terminals.append(Terminal(*arguments))
        return terminals[-1]

    yield start
    for each in terminals:
        each.close()


# where there is no terminal


def test_without_a_run_it_says_how_to_start_one(oo):
    called = oo("top", "--json")
    assert (called.code, called.error["kind"]) == (4, "MissingDataError")
    assert "openoutcry demo" in called.error["message"]


def test_of_a_run_that_is_over_there_is_one_line_and_the_code_of_status(oo, state):
    write_run(state)
    called = oo("top", "--json")
    assert (called.code, called.result["state"], called.out.count("\n")) == (0, "ended", 1)
    assert called.result | {"at_ns": 0} == oo("status", "--json").result | {"at_ns": 0}


def test_of_a_run_that_was_killed_the_code_is_1(oo, watched):
    record = watched.paths.record
    record.write_text(record.read_text().replace(str(os.getpid()), str(2**22 + 1)))
    watched.close()
    assert (oo("top", "--json").code, oo("top").code, oo("status").code) == (1, 1, 1)


def test_a_line_a_look_until_the_system_ends(piped, watched):
    process = piped("--json", "--interval-ms", "100")
    first = json.loads(process.stdout.readline())
    assert (first["state"], list(first["system"]["actors"])) == ("running", ["risk"])
    watched.beat("memory", state="failed")
    later = next(line for line in map(json.loads, process.stdout) if line["state"] != "running")
    assert (later["state"], later["system"]["troubles"]) == ("unhealthy", ["memory: failed"])
    watched.end()
    *_, last = process.stdout
    assert json.loads(last)["state"] == "ended"
    assert (process.wait(WAIT_S), process.stderr.read()) == (0, "")


def test_a_pipe_gets_lines_and_count_ends_them(piped, watched):
    watched.beat("memory", state="failed")
    process = piped("--count", "3", "--interval-ms", "100")
    out, err = process.communicate(timeout=WAIT_S)
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["state"] for line in lines] == ["unhealthy"] * 3
    assert lines[0]["at_ns"] < lines[1]["at_ns"] < lines[2]["at_ns"]
    assert (process.returncode, err) == (1, "")


def test_a_reader_that_goes_away_ends_it(piped, watched):
    process = piped("--interval-ms", "100")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(WAIT_S) == 1
    assert process.stderr.read() == ""
    process.stdout = None


@pytest.mark.parametrize("arguments", [("--interval-ms", "1"), ("--count", "0"), ("--count", "many")])
def test_wrong_numbers_are_wrong_usage(oo, arguments):
    assert oo("top", *arguments).code == 2


# in a terminal


def test_the_screen_stays_until_q_and_halts_on_the_typed_word(
    state, watched, terminal, tmp_path, monkeypatch
):
    monkeypatch.setenv("OPENOUTCRY_STATE_DIR", str(tmp_path / "another"))
    screen = terminal("r-1", "--state-dir", str(state))
    screen.read_until(b"4242")
    screen.type(b"h")
    screen.read_until(b"Escape leaves")
    screen.type(b"halt\r")
    screen.read_until(b"armed")
    screen.type(b"q")
    assert screen.end() == 0
    assert LEAVES_SCREEN in screen.written
    assert b'"halted"' not in screen.written  # what `halt --json` prints has no place on the screen
    assert HaltLatch(state).read().reason == "by the operator, in top"


def test_a_sigterm_leaves_the_terminal_as_it_was(watched, terminal):
    screen = terminal()
    screen.read_until(b"4242")
    screen.terminate()
    assert screen.end() == 0
    assert LEAVES_SCREEN in screen.written


def test_of_a_run_that_is_over_a_terminal_shows_what_status_does(state, terminal):
    write_run(state)
    screen = terminal()
    assert screen.end() == 0
    assert b"the replay ended" in screen.written
    assert LEAVES_SCREEN not in screen.written


def test_count_is_for_lines(watched, terminal):
    screen = terminal("--count", "2")
    assert screen.end() == 2
    assert b"--json" in screen.written

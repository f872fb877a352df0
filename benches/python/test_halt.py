"""The halt: what asking costs before each order, and how long until another process has seen it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openoutcry.memory.halt_latch import FILE_NAME, FLAG_FILE_NAME, HaltLatch
from openoutcry.native import HaltFlag

ROUNDS = 2_000
DURABLE_ROUNDS = 200

# The other process answers our halt with its own: a round is two armings and two sightings.
ECHO = """
import sys
from pathlib import Path
from openoutcry.memory.halt_latch import FILE_NAME, FLAG_FILE_NAME, HaltLatch
from openoutcry.native import HaltFlag
folders = [Path(each) for each in sys.argv[1:]]
flags = [HaltFlag(flag=each / FLAG_FILE_NAME, record=each / FILE_NAME) for each in folders]
latches = [HaltLatch(each) for each in folders]
(ours, theirs), (_, latch) = flags, latches
while True:
    print("ready", flush=True)
    while not ours.is_armed(): pass
    {arm}
    while ours.is_armed(): pass
    {lift}
"""


class Pair:
    """Two halts, of which another process arms the second as soon as it has seen the first."""

    def __init__(self, folders: list[Path], *, arm: str, lift: str):
        self.latches = [HaltLatch(each) for each in folders]
        self.flags = [HaltFlag(flag=each / FLAG_FILE_NAME, record=each / FILE_NAME) for each in folders]
        command = [sys.executable, "-c", ECHO.format(arm=arm, lift=lift), *map(str, folders)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self):
        """Its own is lifted, and it looks at ours."""
        assert self.process.stdout.readline() == "ready\n"

    def wait_until_answered(self):
        answer = self.flags[1]
        while not answer.is_armed():
            pass

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def pair(tmp_path):
    pairs = []

    def start(**how):
        pairs.append(Pair([tmp_path / "ours", tmp_path / "theirs"], **how))
        return pairs[0]

    yield start
    for each in pairs:
        each.close()


@pytest.mark.benchmark(group="halt: asking before an order")
def test_permit(benchmark, tmp_path):
    benchmark(HaltLatch(tmp_path).permit)


@pytest.mark.benchmark(group="halt: asking before an order")
def test_one_lstat_from_python(benchmark, tmp_path):
    """What the file alone would cost."""
    assert not benchmark(os.path.lexists, str(tmp_path / FILE_NAME))


def answered(benchmark, pair, *, arm, lift, rounds):
    """Each round begins with both halts lifted."""

    def begin():
        lift()
        pair.wait_until_ready()

    def run():
        arm()
        pair.wait_until_answered()

    benchmark.pedantic(run, setup=begin, rounds=rounds)


@pytest.mark.benchmark(group="halt: seen by another process, and its answer seen")
def test_by_the_flag(benchmark, pair):
    both = pair(arm="theirs.arm(1)", lift="theirs.clear(theirs.generation())")
    ours = both.flags[0]
    answered(
        benchmark, both, rounds=ROUNDS, arm=lambda: ours.arm(1), lift=lambda: ours.clear(ours.generation())
    )


@pytest.mark.benchmark(group="halt: seen by another process, and its answer seen")
def test_made_durable_first(benchmark, pair):
    """As `openoutcry halt` does, on both sides: each waits until its file is on the disk."""
    both = pair(arm="latch.arm('r', 'bench', 1)", lift="latch.lift('bench')")
    ours = both.latches[0]
    answered(
        benchmark, both, rounds=DURABLE_ROUNDS,
        arm=lambda: ours.arm("r", "bench", 1), lift=lambda: ours.lift("bench"),
    )  # fmt: skip

"""Whole processes: commands as people type them, imports, memory, and what there is to download.

A process is started for each round, ours and the peers' in turn. Wall time is the figure, because it is what
people wait for; the processor's time (user and system, children included) stands beside it, since others slow
the first and hardly the second. Memory is the kernel's `VmHWM`, told by the process at its end: what `wait4`
tells counts the parent's as well.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
from benches.backtest import inputs
from benches.peer import PYTHON as PEERS_PYTHON
from benches.table import nanoseconds, size
from benches.work import Contender, UnavailableError, Work

ROOT = Path(__file__).parents[2]
OURS = ROOT / "benches/backtest/children.py"
NAUTILUS = ROOT / "benches/peers/nautilus_children.py"
BACKTESTING = ROOT / "benches/peers/backtesting_py.py"
PACKAGE = ROOT / "python/openoutcry"
TRIALS = 200
CROSS = (20, 100)
"""Candles of the two averages; `sma_cross`'s own."""


class FailedError(Exception):
    """A process ended badly; its last words."""


def environment():
    """Ours, with bytecode kept as in an installation: the first round writes it, the least reads it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(ROOT / "benches/results/bytecode")}


class Process(Contender):
    """One process a round; `{state}` in its command becomes a new folder."""

    units = 1

    def __init__(self, *command):
        if command[0] == str(PEERS_PYTHON) and not PEERS_PYTHON.exists():
            raise UnavailableError("no .peers; `make bench-peers` installs it")
        self.command, self.cpu_ns, self.said = command, [], ""

    def started(self):
        """Runs it; what it said, and the wall time it took."""
        with (
            tempfile.TemporaryDirectory(prefix="oo-bench-state-") as state,
            tempfile.TemporaryFile() as words,
        ):
            command = [part.replace("{state}", state) for part in self.command]
            start_ns = time.perf_counter_ns()
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=words, text=True
            )
            said = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            taken_ns = time.perf_counter_ns() - start_ns
            process.stdout.close()
            process.returncode = os.waitstatus_to_exitcode(status)
            words.seek(0)
            last_words = words.read().decode(errors="replace")[-2_000:]
        if process.returncode:
            raise FailedError(f"{' '.join(command)} ended with {process.returncode}: {last_words}")
        self.cpu_ns.append(round((used.ru_utime + used.ru_stime) * 1e9))
        return said, taken_ns

    def round(self):
        self.said, taken_ns = self.started()
        return taken_ns

    def state(self):
        return []

    @property
    def remark(self):
        return f"processor {nanoseconds(min(self.cpu_ns))}{self.facts()}"

    def facts(self):
        return ""


class Telling(Process):
    """A process that measures itself: prints JSON of `figure`, `state` and `remark`; the best is kept."""

    told = None

    def round(self):
        told = json.loads(self.started()[0])
        if not self.told or told["figure"] < self.told["figure"]:
            self.told = told
        return told["figure"]

    def state(self):
        return self.told["state"]

    @property
    def remark(self):
        return self.told["remark"]


class Backtest(Process):
    def facts(self):
        found = json.loads(self.said)
        return f", {found['datasets'][0]['rows']:,} candles"


class Compared(Process):
    def facts(self):
        found = json.loads(self.said)
        return f", {found['bars']:,} candles, {found['trades']:,} trades"


class Download(Contender):
    """A package's files, compressed as a wheel is."""

    units = 1

    def __init__(self, files):
        self.files = files
        self.remark = f"{size(sum(file.stat().st_size for file, _ in files))} on disk"

    def round(self):
        with tempfile.TemporaryFile() as out:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as wheel:
                for file, name in self.files:
                    wheel.write(file, name)
            return out.tell()

    def state(self):
        return []


def files_below(folder):
    found = sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return [(file, file.relative_to(folder.parent)) for file in found]


def our_download(_folder):
    return Download(files_below(PACKAGE))


def nautilus_download(_folder):
    packages = [*PEERS_PYTHON.parents[1].glob("lib/python*/site-packages/nautilus_trader")]
    if not packages:
        raise UnavailableError("no .peers; `make bench-peers` installs it")
    return Download(files_below(packages[0]))


def told(program, python, *what):
    return lambda folder: Telling(str(python), str(program), *what, str(folder))


def ours(*what):
    return told(OURS, sys.executable, *what)


def nautilus(*what):
    return {"nautilus 2.0.0rc6": told(NAUTILUS, PEERS_PYTHON, *what)}


def nothing(_folder):
    """There is nothing to prepare."""


def prepare_quotes(folder):
    np.ascontiguousarray(inputs.quote_rows(inputs.MANY_QUOTES)).tofile(folder / "quotes.bin")


def counted(_folder):
    return [inputs.MANY_QUOTES]


def prepare_candles(folder):
    """The same closes for everybody, and the file as people have it."""
    if not inputs.CANDLES.exists():
        raise UnavailableError(f"no {inputs.CANDLES.name} in ../shared/data")
    from openoutcry.backtesting.history.candles import load_candles

    series, _ = load_candles(inputs.CANDLES)
    columns = (series.open_ticks, series.high_ticks, series.low_ticks, series.close_ticks)
    np.save(folder / "candles.npy", np.column_stack(columns) * float(series.instrument.price_tick))


def command(kind, *arguments):
    data = ("--data", str(inputs.CANDLES), "--state-dir", "{state}", "--json")
    return lambda _folder: kind(sys.executable, "-m", "openoutcry.cli", *arguments, *data)


def backtesting_py(folder):
    return Compared(str(PEERS_PYTHON), str(BACKTESTING), str(folder), *map(str, CROSS))


process = partial(Work, unit="", truth=None)

WORKS = [
    process(
        name="memory",
        title="5 M quotes and a Python function called at each, most memory",
        reach=300e6,
        prepare=prepare_quotes,
        ours=ours("memory"),
        truth=counted,
        peers=nautilus("memory"),
        measure="bytes",
        rounds=1,
    ),
    process(
        name="download",
        title="the package, compressed",
        reach=10e6,
        prepare=nothing,
        ours=our_download,
        peers={"nautilus 2.0.0rc6": nautilus_download},
        measure="bytes",
        rounds=1,
    ),
    process(
        name="import",
        title="importing the backtest on candles",
        reach=80e6,
        prepare=nothing,
        ours=ours("import", "openoutcry.backtesting.runner"),
        peers=nautilus("import"),
    ),
    process(
        name="import_simulator",
        title="importing the simulator",
        reach=80e6,
        prepare=nothing,
        ours=ours("import", "openoutcry.native"),
        peers=nautilus("import"),
    ),
    process(
        name="backtest_command",
        title="`openoutcry backtest sma_cross` on five-minute candles, report included",
        reach=1.5e9,
        prepare=prepare_candles,
        ours=command(Backtest, "backtest", "sma_cross"),
        peers={"backtesting.py 0.6.5": backtesting_py},
    ),
    process(
        name="optimize_command",
        title=f"`openoutcry optimize sma_cross --trials {TRIALS} --walk-forward` on them",
        reach=60e9,
        prepare=prepare_candles,
        ours=command(Process, "optimize", "sma_cross", "--trials", str(TRIALS), "--walk-forward"),
        rounds=1,
    ),
]

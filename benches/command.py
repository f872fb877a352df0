"""What benches beside peers share as commands: works run one after the other, a table and rows written."""

import argparse
import datetime as dt
import json
import platform
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path

from benches.rounds import DisagreementError, Result, run
from benches.work import Work

from benches import table
from openoutcry.native import BUILD_PROFILE

RESULTS = Path(__file__).parent / "results"


def works_of(package: str, modules: tuple[str, ...]) -> dict[str, Work]:
    """By name, in the order of the table."""
    found = [work for module in modules for work in import_module(f"{package}.{module}").WORKS]
    return {work.name: work for work in found}


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def heading(rounds: int, how: str) -> str:
    today = dt.datetime.now(dt.UTC).date()
    return (
        f"{processor()}, Python {platform.python_version()} (peers in their own), {today}. {how}, least of "
        f"{rounds} interleaved rounds"
    )


def main(works: Mapping[str, Work], *, stem: str, how: str, origin: str, about: str) -> int:
    """Measures the works that are named (all by default); 1 if somebody's end is wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m benches.{stem}", description=about)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(works)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="of each contender, in turn")
    options = parser.parse_args()
    if unknown := set(options.works) - set(works):
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    if BUILD_PROFILE != "release":
        raise SystemExit("the core is a debug build; `make setup` builds the release")
    results: list[Result] = []
    for name in options.works or works:
        with tempfile.TemporaryDirectory(prefix="oo-bench-") as folder:
            try:
                results.append(run(works[name], Path(folder), options.rounds, partial(print, flush=True)))
            except DisagreementError as error:
                print(f"FAILED {error}")
                return 1
    text = write(results, f"{heading(options.rounds, how)}; data: {origin}.", stem)
    print(f"\n{text}")
    return 0


def write(results: list[Result], first: str, stem: str, folder: Path = RESULTS) -> str:
    """Writes `stem.json`, a row a work, and `stem.md`, the table; returns the table."""
    text = table.markdown(results, first)
    folder.mkdir(exist_ok=True)
    (folder / f"{stem}.json").write_text(json.dumps(table.rows(results), indent=2) + "\n")
    (folder / f"{stem}.md").write_text(text)
    return text

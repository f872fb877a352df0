"""The core beside its peers: writes `benches/results/core.json` and `core.md`."""

import argparse
import datetime as dt
import json
import platform
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benches.core import inputs, table
from benches.core.rounds import DisagreementError, run

from openoutcry.native import BUILD_PROFILE

RESULTS = Path(__file__).parents[1] / "results"
MODULES = (
    "l2_rows",
    "l2_set_top",
    "l3",
    "depth_frames",
    "trade_frames",
    "detectors",
    "shared_memory",
    "schedules",
)


def works():
    return [work for module in MODULES for work in import_module(f"benches.core.{module}").WORKS]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def heading(rounds: int) -> str:
    today = dt.datetime.now(dt.UTC).date()
    return (
        f"{processor()}, Python {platform.python_version()} (peers in their own), {today}. CPU time of the "
        f"thread, least of {rounds} interleaved rounds; data: {inputs.origin()}."
    )


def main() -> int:
    found = {work.name: work for work in works()}
    parser = argparse.ArgumentParser(prog="python -m benches.core", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(found)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="of each contender, in turn")
    options = parser.parse_args()
    if unknown := set(options.works) - set(found):
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    if BUILD_PROFILE != "release":
        raise SystemExit("the core is a debug build; `make setup` builds the release")
    results = []
    for name in options.works or found:
        with tempfile.TemporaryDirectory(prefix="oo-bench-") as folder:
            try:
                results.append(run(found[name], Path(folder), options.rounds, print))
            except DisagreementError as error:
                print(f"FAILED {error}")
                return 1
    text = table.markdown(results, heading(options.rounds))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "core.json").write_text(json.dumps(table.rows(results), indent=2) + "\n")
    (RESULTS / "core.md").write_text(text)
    print(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

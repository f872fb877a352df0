"""Gate regressions by counted instructions: the engine's workloads beside committed baselines.

Valgrind counts the same instructions on a busy machine as on an idle one, so a difference is the code's. A
count says nothing about caches or branches: times stand in `benches/core`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BASELINES = Path(__file__).with_name("baselines.json")
LIMIT_PERCENT = 3
UPDATE = "make bench-gate ARGS=--update"
COLLECTED = re.compile(r"Collected : (\d+)")


@dataclass(frozen=True)
class Verdict:
    """One workload: what it took, and what it took when the baseline was written."""

    workload: str
    baseline: int | None
    counted: int | None

    @property
    def change(self) -> float | None:
        if not self.baseline or self.counted is None:
            return None
        return self.counted / self.baseline - 1

    @property
    def failure(self) -> str:
        """Why it fails the gate; empty if it passes."""
        if self.baseline is None:
            return "no baseline"
        if self.counted is None:
            return "no such workload any more"
        too_many = self.counted * 100 > self.baseline * (100 + LIMIT_PERCENT)
        return f"more than +{LIMIT_PERCENT} %" if too_many else ""

    @property
    def remark(self) -> str:
        faster = self.change is not None and self.change * 100 < -LIMIT_PERCENT
        return self.failure or ("better: write the baseline anew" if faster else "")


def judge(baseline: dict[str, int], counted: dict[str, int]) -> list[Verdict]:
    names = [*counted, *(name for name in baseline if name not in counted)]
    return [Verdict(name, baseline.get(name), counted.get(name)) for name in names]


def table(verdicts: list[Verdict]) -> str:
    def number(value: int | None) -> str:
        return "-" if value is None else f"{value:,}"

    def line(*cells: str) -> str:
        return "{:<24}{:>16}{:>16}{:>10}  {}".format(*cells).rstrip()

    rows = [line("workload", "baseline", "instructions", "change", "")]
    for each in verdicts:
        change = "-" if each.change is None else f"{each.change:+.2%}"
        rows.append(line(each.workload, number(each.baseline), number(each.counted), change, each.remark))
    return "\n".join(rows)


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """What else than the code may have changed the counts."""
    return [
        f"{what} was {then.get(what, 'unknown')!r} when the baselines were written and is {value!r} now"
        for what, value in now.items()
        if then.get(what) != value
    ]


def output(*command: str) -> str:
    """What it prints; its complaints go where ours go."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def surroundings() -> dict[str, str]:
    """What a count depends on besides the code; memchr and libc choose their code by the CPU's vectors."""
    version = dict(line.partition(": ")[::2] for line in output("rustc", "-vV").splitlines()[1:])
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    return {
        "rustc": version["release"],
        "target": version["host"],
        "vectors": "avx2" if "avx2" in flags else "none known",
    }


def build() -> Path:
    """The workloads' program, in the release profile."""
    command = ["cargo", "build", "--release", "--locked", "--quiet", "-p", "openoutcry-engine"]
    messages = output(*command, "--example", "gate", "--message-format=json")
    built = [json.loads(line) for line in messages.splitlines()]
    return Path(next(each["executable"] for each in built if each.get("executable")))


def count(program: Path, workload: str) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    run = subprocess.run(
        [*command, "--toggle-collect=gate::measured", str(program), workload],
        check=False,
        capture_output=True,
        text=True,
    )
    found = COLLECTED.search(run.stderr)
    if run.returncode or not found or not int(found[1]):
        raise SystemExit(f"bench-gate: {workload} was not counted:\n{run.stderr}")
    return int(found[1])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-gate", description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the baselines anew")
    parser.add_argument("--required", action="store_true", help="fail where valgrind is missing")
    options = parser.parse_args(arguments)
    if not shutil.which("valgrind"):
        required = options.required or options.update
        print(f"bench-gate {'failed' if required else 'skipped'}: no valgrind; `apt-get install valgrind`")
        return int(required)
    program = build()
    counted = {name: count(program, name) for name in output(str(program)).split()}
    now = surroundings()
    if options.update:
        BASELINES.write_text(json.dumps({**now, "instructions": counted}, indent=2) + os.linesep)
        print(f"{BASELINES.relative_to(ROOT)} written")
        return 0
    baselines = json.loads(BASELINES.read_text())
    verdicts = judge(baselines["instructions"], counted)
    print(table(verdicts))
    other = differences(baselines, now)
    for difference in other:
        print(f"note: {difference}")
    failed = [each.workload for each in verdicts if each.failure]
    if failed and other:
        print(f"bench-gate cannot judge: the code need not be the reason. For this machine: `{UPDATE}`.")
        return 0
    if failed:
        print(f"bench-gate failed: {', '.join(failed)}. Where it is meant, `{UPDATE}` and commit the file.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

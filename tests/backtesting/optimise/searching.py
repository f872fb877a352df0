"""A search that is a process of its own: `python -m tests.…searching STATE ENGINE JOBS TRIALS KILLED`."""

import os
import signal
import sys
from pathlib import Path

import msgspec
from tests.backtesting.optimise.markets import market_of, settings_of, walk_of

from openoutcry.backtesting.optimise.optimisation import Request, optimise

REQUEST = Request(
    strategy="sma_cross", ranges=("fast=3:30", "warmup=20:200"), trials=40, windows=3, seed=7, study="test"
)


def main():
    state, engine = Path(sys.argv[1]), sys.argv[2]
    jobs, trials, killed_after = map(int, sys.argv[3:])
    told = []

    def tell(trial, score):
        told.append(trial.number)
        if len(told) == killed_after:
            os.kill(os.getpid(), signal.SIGKILL)

    series = walk_of(11)
    request = msgspec.structs.replace(REQUEST, engine=engine, jobs=jobs, trials=trials)
    found = optimise(request, [market_of(series)], settings_of(), state=state, tell=tell)
    sys.stdout.write(msgspec.json.encode({"told": told, "found": found}).decode())


if __name__ == "__main__":
    main()

"""Backtests beside peers: writes `benches/results/backtest.json` and `backtest.md`."""

import sys

from benches.backtest import inputs

from benches import command

MODULES = ("replay", "quotes", "floor", "processes")


if __name__ == "__main__":
    sys.exit(
        command.main(
            command.works_of("benches.backtest", MODULES),
            stem="backtest",
            how="CPU time of the thread",
            origin=inputs.origin(),
            about=__doc__,
        )
    )

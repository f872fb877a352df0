"""The core beside its peers: writes `benches/results/core.json` and `core.md`."""

import sys

from benches.core import inputs

from benches import command

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


if __name__ == "__main__":
    sys.exit(
        command.main(
            command.works_of("benches.core", MODULES),
            stem="core",
            how="CPU time of the thread",
            origin=inputs.origin(),
            about=__doc__,
        )
    )

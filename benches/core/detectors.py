"""Anomaly detection a tick at a time. Others' detectors are not ours, so that only times are compared."""

import numpy as np
from benches.core import inputs
from benches.core.work import UnavailableError, Work


def prepare(folder):
    np.save(folder / "ticks.npy", inputs.ticks())


def ours(folder):
    raise UnavailableError("the panel is not built")


def truth(folder):
    return []


WORKS = [
    Work(
        name="six_detectors",
        title="six O(1) detectors on 8 features",
        unit="tick",
        reach_ns=250,
        prepare=prepare,
        ours=ours,
        truth=truth,
        peers={
            "river PageHinkley, 1 feature": "river_detectors:PageHinkley",
            "river HalfSpaceTrees": "river_detectors:HalfSpaceTrees",
        },
    )
]

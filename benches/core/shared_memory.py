"""A book of 20 levels in shared memory: written by one process, read by another."""

from benches.core.work import UnavailableError, Work


def prepare(folder):
    pass


def ours(folder):
    raise UnavailableError("openoutcry.native has no BookReader")


def truth(folder):
    return []


WORKS = [
    Work(
        name="shared_memory_read",
        title="shared-memory snapshot of 20 levels, read from Python",
        unit="snapshot",
        reach_ns=1_000,
        prepare=prepare,
        ours=ours,
        truth=truth,
        peers={},
    )
]

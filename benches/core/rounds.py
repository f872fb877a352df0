"""Interleaved rounds: ours and every peer in turn, so that a noisy minute is everybody's."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benches.core.peer import Peer
from benches.core.work import Contender, UnavailableError, Work

OURS = "ours"


class DisagreementError(Exception):
    """Someone's final state is wrong: his time is worth nothing."""


@dataclass(frozen=True)
class Timing:
    """Nanoseconds a unit of the work; the least is the figure, the median shows the noise."""

    least_ns: float
    median_ns: float


@dataclass(frozen=True)
class Result:
    """What a work's rounds gave."""

    work: Work
    timings: Mapping[str, Timing]
    missing: Mapping[str, str] = field(default_factory=dict)
    """Who was not measured, and why."""


def time_rounds(contenders: Mapping[str, Contender | Peer], rounds: int) -> dict[str, Timing]:
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            taken[name].append(contender.round_ns() / contender.units)
    return {name: Timing(min(all_ns), statistics.median(all_ns)) for name, all_ns in taken.items()}


def check_agreement(states: Mapping[str, list[int]]) -> None:
    """Raises DisagreementError unless all states are the same."""
    if len({tuple(state) for state in states.values()}) > 1:
        raise DisagreementError("; ".join(f"{name} has {state}" for name, state in states.items()))


def run(work: Work, folder: Path, rounds: int, say: Callable[[str], None]) -> Result:
    """Prepares the input, lets everybody do the work, and compares what came out."""
    contenders: dict[str, Contender | Peer] = {}
    missing: dict[str, str] = {}
    try:
        work.prepare(folder)
    except UnavailableError as error:
        say(f"{work.name:<22}not measured: {error}")
        return Result(work, {}, {OURS: str(error)})
    makers = {OURS: work.ours, **{name: partial(Peer, where) for name, where in work.peers.items()}}
    try:
        for name, make in makers.items():
            try:
                contenders[name] = make(folder)
            except UnavailableError as error:
                missing[name] = str(error)
        timings = time_rounds(contenders, rounds)
        states = {name: contender.state() for name, contender in contenders.items()}
        states["the plain way"] = work.truth(folder)
    finally:
        for contender in contenders.values():
            if isinstance(contender, Peer):
                contender.close()
    try:
        check_agreement(states)
    except DisagreementError as error:
        raise DisagreementError(f"{work.name}: {error}") from None
    for name, timing in timings.items():
        say(f"{work.name:<22}{name:<34}{timing.least_ns:>12,.1f} ns, median {timing.median_ns:,.1f}")
    for name, reason in missing.items():
        say(f"{work.name:<22}{name:<34}not measured: {reason}")
    return Result(work, timings, missing)

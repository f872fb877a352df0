"""Interleaved rounds: ours and every peer in turn, so that a noisy minute is everybody's."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benches.peer import Peer
from benches.work import Contender, UnavailableError, Work

OURS = "ours"


class DisagreementError(Exception):
    """Someone's final state is wrong: his time is worth nothing."""


@dataclass(frozen=True)
class Timing:
    """Nanoseconds (or bytes) a unit of the work; the least is the figure, the median shows the noise."""

    least: float
    median: float
    remark: str = ""


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
            taken[name].append(contender.round() / contender.units)
    return {
        name: Timing(min(figures), statistics.median(figures), contenders[name].remark)
        for name, figures in taken.items()
    }


def check_agreement(states: Mapping[str, list[int]]) -> None:
    """Raises DisagreementError unless all states are the same."""
    if len({tuple(state) for state in states.values()}) > 1:
        raise DisagreementError("; ".join(f"{name} has {state}" for name, state in states.items()))


def run(work: Work, folder: Path, rounds: int, say: Callable[[str], None]) -> Result:
    """Prepares the input, lets everybody do the work, and compares what came out."""
    try:
        work.prepare(folder)
    except UnavailableError as error:
        say(f"{work.name:<22}not measured: {error}")
        return Result(work, {}, {OURS: str(error)})
    contenders, missing = make_contenders(work, folder)
    try:
        timings = time_rounds(contenders, min(rounds, work.rounds or rounds))
        states = {name: contender.state() for name, contender in contenders.items()}
    finally:
        close(contenders)
    if work.truth:
        states["the plain way"] = work.truth(folder)
    try:
        check_agreement(states)
    except DisagreementError as error:
        raise DisagreementError(f"{work.name}: {error}") from None
    for name, timing in timings.items():
        figure = f"{timing.least:>12,.1f} {work.measure}, median {timing.median:,.1f}"
        say(f"{work.name:<22}{name:<34}{figure}{f' ({timing.remark})' if timing.remark else ''}")
    for name, reason in missing.items():
        say(f"{work.name:<22}{name:<34}not measured: {reason}")
    return Result(work, timings, missing)


def make_contenders(work: Work, folder: Path) -> tuple[dict[str, Contender | Peer], dict[str, str]]:
    """Those who can do the work, and why the others cannot."""
    makers = {OURS: work.ours}
    for name, where in work.peers.items():
        makers[name] = partial(Peer, where) if isinstance(where, str) else where
    contenders: dict[str, Contender | Peer] = {}
    missing: dict[str, str] = {}
    try:
        for name, make in makers.items():
            try:
                contenders[name] = make(folder)
            except UnavailableError as error:
                missing[name] = str(error)
    except BaseException:
        close(contenders)
        raise
    return contenders, missing


def close(contenders: Mapping[str, Contender | Peer]) -> None:
    for contender in contenders.values():
        if isinstance(contender, Peer):
            contender.close()

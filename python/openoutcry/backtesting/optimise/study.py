"""A study: so many trials of a strategy on some candles, interrupted and taken up as often as you like."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.assembly.settings import config_hash
from openoutcry.backtesting.optimise.engine import Engine
from openoutcry.backtesting.optimise.evaluation import Problem
from openoutcry.backtesting.optimise.objective import Objective, score
from openoutcry.backtesting.optimise.proposals import BATCH, propose, stage_of
from openoutcry.backtesting.optimise.space import Space
from openoutcry.backtesting.optimise.study_store import StudyStore
from openoutcry.backtesting.optimise.trial import Outcome, Parameters, Trial
from openoutcry.backtesting.run_store import RunStore, canonical
from openoutcry.backtesting.statistics.cross_validation import Split
from openoutcry.domain.errors import InvalidInputError
from openoutcry.strategies.strategy import Strategy

NAME_DIGITS: Final = 8

Tell = Callable[[Trial], None]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is searched, in which windows, and how. `splits` are rows of the trials' returns."""

    problem: Problem
    space: Space
    splits: Sequence[Split]
    objective: Objective
    seed: int
    source_sha256: str

    @property
    def identity(self) -> str:
        """All that decides what the trials are and come to, as JSON; the number of trials does not."""
        problem = self.problem
        windows = [[int(rows[end]) for rows in split for end in (0, -1)] for split in self.splits]
        return canonical(
            {
                "strategy": problem.strategy,
                "strategy source": self.source_sha256,
                "parameters": [msgspec.to_builtins(self.space.dimensions), problem.fixed],
                "data": [dataset.sha256 for dataset in problem.datasets],
                "span": [problem.datasets[0].first_ns, problem.datasets[0].last_ns],
                "funding": ["" if each is None else each.sha256 for each in problem.fundings],
                "settings": config_hash(problem.settings),
                "windows": [problem.period_ns, windows],
                "objective": self.objective,
                "seed": self.seed,
                "way of running": "deciders" if problem.is_exact else "quick",
            }
        )

    @property
    def name(self) -> str:
        """The study's name, if the user gives none: the same command means the same study."""
        digest = hashlib.sha256(self.identity.encode()).hexdigest()[:NAME_DIGITS]
        return f"{self.problem.strategy}-{digest}"


def source_sha256(strategy: Strategy) -> str:
    """The hash of the file that a strategy is written in, or empty: changed code is a new study."""
    try:
        path = inspect.getsourcefile(type(strategy))
    except TypeError:
        return ""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path and Path(path).is_file() else ""


def search(
    plan: Plan, trials: int, *, engine: Engine, studies: StudyStore, runs: RunStore, tell: Tell
) -> list[Trial]:
    """Bring a study to so many trials and return them; `tell` is called with each, first with those known.

    Each is kept as soon as it is known, and counted in the run store. The same parameters run once.

    Raises:
        InvalidInputError: the study's name stands for another one, or the strategy refused all parameters.
        OpenOutcryError: a trial failed.
    """
    study = plan.problem.study
    done = {trial.number: trial for trial in studies.begin(study, plan.identity)}
    for number in sorted(done):
        if number < trials:
            tell(done[number])
    known = {canonical(trial.parameters): trial.outcome for trial in done.values()}
    for batch in range(-(-trials // BATCH)):
        numbers = range(batch * BATCH, min((batch + 1) * BATCH, trials))
        if not all(number in done for number in numbers):
            earlier = [done[number] for number in range(batch * BATCH)]
            proposed = propose(
                batch, plan.space, earlier, splits=plan.splits, objective=plan.objective, seed=plan.seed
            )
            missing = {number: proposed[number - numbers[0]] for number in numbers if number not in done}
            for trial in _run(missing, known, engine):
                if trial.outcome.row is not None:
                    runs.add([trial.outcome.row])
                studies.add(study, trial)  # after it, so that no trial that is known is not counted
                done[trial.number] = trial
                tell(trial)
    found = [done[number] for number in range(trials)]
    if all(trial.is_refused for trial in found):
        raise InvalidInputError(f"no trial could be run: {found[0].outcome.refused}")
    return found


def _run(missing: dict[int, Parameters], known: dict[str, Outcome], engine: Engine) -> Iterator[Trial]:
    """Trials in order, each as soon as it is known; parameters that were run before are not run again."""
    new = {canonical(parameters): parameters for parameters in missing.values()}
    fresh = {key: parameters for key, parameters in new.items() if key not in known}
    outcomes = zip(fresh, engine.run(list(fresh.values())), strict=True)
    for number, parameters in missing.items():
        key = canonical(parameters)
        while key not in known:
            finished, outcome = next(outcomes)
            known[finished] = outcome
        yield Trial(number=number, parameters=parameters, outcome=known[key])


def choose(plan: Plan, trials: Sequence[Trial], window: int) -> Trial:
    """The best in a window's training, of the trials that were proposed without looking beyond it.

    The earliest of equals. A strategy that refused them all up to that window is an error.

    Raises:
        InvalidInputError: none of those trials could be run.
    """
    fit = [
        trial
        for trial in trials
        if stage_of(trial.number, len(plan.splits)) <= window and not trial.is_refused
    ]
    if not fit:
        raise InvalidInputError(
            "the strategy refused every trial before the first window; give narrower ranges with --param"
        )
    train = plan.splits[window].train
    return max(fit, key=lambda trial: (score(trial.returns[train], plan.objective), -trial.number))

"""Which parameters to try next: Optuna's Tree-structured Parzen Estimator, asked so that it can be repeated.

Trials are proposed in batches of a fixed size. What a batch proposes depends on the seed, its number and the
trials of earlier batches, and so not on how many processes work, nor on where an interrupted study goes on.

In a walk-forward, batches take turns at the windows: batch b is of stage b mod windows. A stage is told only
trials of its own and earlier stages, scored on its window's training rows. So nothing that a window may
choose from was found with the help of what comes after its training. Source of TPE: Bergstra et al. (2011),
"Algorithms for Hyper-Parameter Optimization", NIPS 24.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from openoutcry.backtesting.optimise.objective import Objective, score
from openoutcry.backtesting.optimise.space import Dimension, Space
from openoutcry.backtesting.optimise.trial import Parameters, Trial
from openoutcry.backtesting.result import Integers
from openoutcry.backtesting.statistics.cross_validation import Split

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

BATCH: Final = 10  # trials


def stage_of(number: int, windows: int) -> int:
    """The window for whose training a trial was proposed, counted from 0."""
    return number // BATCH % windows


def propose(
    batch: int,
    space: Space,
    earlier: Sequence[Trial],
    *,
    splits: Sequence[Split],
    objective: Objective,
    seed: int,
) -> list[Parameters]:
    """The parameters of a batch of trials, in their order. `earlier` are all trials of the batches before."""
    import optuna  # noqa: PLC0415  slow to import

    stage = batch % len(splits)
    train = splits[stage].train
    distributions = {each.name: _distribution(each) for each in space.dimensions}
    told = [
        _told(trial, train, objective, distributions)
        for trial in earlier
        if trial.number < batch * BATCH and stage_of(trial.number, len(splits)) <= stage
    ]
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        number = int(np.random.SeedSequence([seed, batch]).generate_state(1)[0])
        # The liar keeps the trials of a batch apart: each counts as bad for those proposed after it.
        sampler = optuna.samplers.TPESampler(seed=number, constant_liar=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(told)
        proposed = [study.ask(distributions).params for _ in range(BATCH)]
    finally:
        optuna.logging.set_verbosity(verbosity)
    if batch == 0 and space.start is not None:
        proposed[0] = space.start
    return proposed


def _told(
    trial: Trial, train: Integers, objective: Objective, distributions: "dict[str, BaseDistribution]"
) -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial  # noqa: PLC0415

    if trial.is_refused:
        return create_trial(state=TrialState.PRUNED, params=trial.parameters, distributions=distributions)
    value = score(trial.returns[train], objective)
    return create_trial(value=value, params=trial.parameters, distributions=distributions)


def _distribution(dimension: Dimension) -> "BaseDistribution":
    from optuna import distributions  # noqa: PLC0415

    if dimension.kind == "choice":
        return distributions.CategoricalDistribution(dimension.choices)
    if dimension.kind == "integer":
        step = int(dimension.step or 1)
        low, high = int(dimension.low), int(dimension.high)
        return distributions.IntDistribution(low, high, log=dimension.is_logarithmic, step=step)
    low_real, high_real = float(dimension.low), float(dimension.high)
    return distributions.FloatDistribution(
        low_real, high_real, log=dimension.is_logarithmic, step=dimension.step
    )

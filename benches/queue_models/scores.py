"""What a queue model gets wrong: fill rate, false and missed fills, time to fill, calibration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from benches.queue_models.replay import NS_PER_S, TOUCH, Integers, Phantoms

TRUTH = "truth"
CAUTIOUS = "risk-averse"
# Phantoms of one spell share their market: they are drawn together. Twice the longest horizon.
BLOCK_NS = 600 * NS_PER_S
RESAMPLES = 2_000
BOOTSTRAP_SEED = 20_120_621
INTERVAL = (2.5, 97.5)
QUEUE_GROUPS = 10
PERCENT = 100.0

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One model at one horizon; rates in per cent of all phantoms, times in seconds.

    `bias` is the model's fill rate less the true one, in percentage points, with its 95 % interval;
    `queue_bias` the same among the phantoms whose place in the queue decided. `brier` is of the probability
    that a phantom of its depth and queue is filled, as the model has it; `brier_floor` as it truly is.
    `median_error_s` and `p90_error_s` compare the times to fill of what each fills itself.
    """

    model: str
    horizon_s: int
    phantoms: int
    truth: float
    filled: float
    bias: float
    bias_low: float
    bias_high: float
    queue_phantoms: int
    queue_truth: float
    queue_bias: float
    queue_low: float
    queue_high: float
    false_fills: float
    missed_fills: float
    median_error_s: float
    p90_error_s: float
    brier: float
    brier_floor: float
    whole_bias: float | None


def within(times_ns: Integers, horizon_s: int) -> Flags:
    """Which are filled by the horizon."""
    return (times_ns >= 0) & (times_ns <= horizon_s * NS_PER_S)


def groups(phantoms: Phantoms) -> Integers:
    """Phantoms of the same depth and a similar queue ahead have the same number."""
    cuts = np.unique(np.quantile(phantoms.ahead, np.linspace(0, 1, QUEUE_GROUPS + 1)[1:-1]))
    queue = np.searchsorted(cuts, phantoms.ahead)
    return np.unique(phantoms.depth * (len(cuts) + 1) + queue, return_inverse=True)[1]


def brier(forecast: Flags, truth: Flags, group: Integers) -> float:
    """Mean squared error of each group's share of `forecast`, as a probability, against what came."""
    share = np.bincount(group, forecast) / np.bincount(group)
    return float(np.mean((share[group] - truth) ** 2))


def block_interval(differences: Numbers, chosen: Flags, at_ns: Integers) -> tuple[float, float]:
    """95 % interval of the mean of what is chosen, by a seeded bootstrap of blocks of time."""
    blocks = np.unique(at_ns // BLOCK_NS, return_inverse=True)[1]
    sums, counts = np.bincount(blocks, differences * chosen), np.bincount(blocks, chosen)
    drawn = np.random.default_rng(BOOTSTRAP_SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    counted = counts[drawn].sum(axis=1)
    means = sums[drawn].sum(axis=1)[counted > 0] / counted[counted > 0]
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)


def quantile_error(model_ns: Integers, truth_ns: Integers, level: float) -> float:
    """The model's quantile of the time to fill less the true one, in seconds; NaN if one fills nothing."""
    if not len(model_ns) or not len(truth_ns):
        return float("nan")
    return float(np.quantile(model_ns, level) - np.quantile(truth_ns, level)) / NS_PER_S


def score(phantoms: Phantoms, model: str, horizon_s: int) -> Score:
    """Judge one model at one horizon."""
    truth_ns, model_ns = phantoms.first_ns[TRUTH], phantoms.first_ns[model]
    truth, filled = within(truth_ns, horizon_s), within(model_ns, horizon_s)
    # The earliest that anything came to the price decides whether the queue mattered by the horizon.
    queued = phantoms.came_at_price & within(phantoms.first_ns[TOUCH], horizon_s)
    everybody = np.ones(len(phantoms), dtype=np.bool_)
    differences = (filled.astype(float) - truth) * PERCENT
    low, high = block_interval(differences, everybody, phantoms.at_ns)
    queue_low, queue_high = block_interval(differences, queued, phantoms.at_ns)
    group = groups(phantoms)
    whole = phantoms.whole_ns.get(model)
    whole_truth = within(phantoms.whole_ns[TRUTH], horizon_s)
    return Score(
        model=model,
        horizon_s=horizon_s,
        phantoms=len(phantoms),
        truth=PERCENT * truth.mean(),
        filled=PERCENT * filled.mean(),
        bias=float(differences.mean()),
        bias_low=low,
        bias_high=high,
        queue_phantoms=int(queued.sum()),
        queue_truth=PERCENT * truth[queued].mean(),
        queue_bias=float(differences[queued].mean()),
        queue_low=queue_low,
        queue_high=queue_high,
        false_fills=PERCENT * (filled & ~truth).mean(),
        missed_fills=PERCENT * (~filled & truth).mean(),
        median_error_s=quantile_error(model_ns[filled], truth_ns[truth], 0.5),
        p90_error_s=quantile_error(model_ns[filled], truth_ns[truth], 0.9),
        brier=brier(filled, truth, group),
        brier_floor=brier(truth, truth, group),
        whole_bias=None
        if whole is None
        else PERCENT * (within(whole, horizon_s).mean() - whole_truth.mean()),
    )


@dataclass(frozen=True)
class Fitted:
    """A family's exponent that biases the fill rate least, over all horizons together."""

    model: str
    loss: float
    "Root of the mean squared bias over the horizons, in percentage points."


def loss(phantoms: Phantoms, model: str, horizons_s: Iterable[int]) -> float:
    """Root of the mean squared bias of the fill rate over the horizons, in percentage points."""

    def bias(horizon_s: int) -> float:
        truth = within(phantoms.first_ns[TRUTH], horizon_s).mean()
        return PERCENT * float(within(phantoms.first_ns[model], horizon_s).mean() - truth)

    return float(np.sqrt(np.mean([bias(horizon_s) ** 2 for horizon_s in horizons_s])))


def fit(phantoms: Phantoms, candidates: Sequence[str], horizons_s: Sequence[int]) -> Fitted:
    """The candidate with the least loss; the first of equals."""
    losses = [loss(phantoms, model, horizons_s) for model in candidates]
    best = int(np.argmin(losses))
    return Fitted(candidates[best], losses[best])


def reliability(phantoms: Phantoms, models: Iterable[str], horizon_s: int) -> list[dict[str, float]]:
    """True and simulated fill rates in per cent, by the size of the queue that was joined."""
    edges = [0, *np.unique(np.quantile(phantoms.ahead, np.linspace(0, 1, QUEUE_GROUPS + 1)[1:]))]
    rows = []
    for low, high in pairwise(edges):
        chosen = (phantoms.ahead > low) & (phantoms.ahead <= high)
        rates = {
            name: PERCENT * float(within(phantoms.first_ns[name], horizon_s)[chosen].mean())
            for name in (TRUTH, *models)
            if chosen.any()
        }
        rows.append(
            {"ahead_above": float(low), "ahead_to": float(high), "phantoms": int(chosen.sum()), **rates}
        )
    return rows

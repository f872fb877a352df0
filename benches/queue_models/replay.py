"""Runs the engine's example `queue_models`, and reads what it writes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[2]
NS_PER_S = 1_000_000_000
DAY = "GOOG_2012-06-21_34200000_57600000"
NEVER = -1
PLACE_COLUMNS = ("at_ns", "side", "depth", "price", "size", "ahead", "has_left_view", "cause", "touch")
ORDER_COLUMNS = 4
WITHDRAWN, TRADED = 0, 1
AT_PRICE = 1

Integers = npt.NDArray[np.int64]
TOUCH = "touch"
"""No queue at all: whatever comes to the price fills the order."""


@dataclass(frozen=True)
class Plan:
    """Which phantoms; moments in seconds since midnight."""

    seed: int
    count: int
    from_s: int
    to_s: int
    stay_s: int
    depth_every_ms: int = 0

    def arguments(self) -> list[str]:
        """As the example takes them."""
        seconds = [number * NS_PER_S for number in (self.from_s, self.to_s, self.stay_s)]
        return [str(number) for number in (self.seed, self.count, *seconds, self.depth_every_ms * 1_000_000)]


@dataclass(frozen=True)
class Phantoms:
    """Phantom orders by column; times of fills are nanoseconds after joining, -1 for never.

    `first_ns` and `whole_ns` have the times of the first and the last share: of the truth under "truth", and
    of each model. `ahead` are the shares before it when it joined; `came_at_price`: what first came to its
    price was a trade at that price, so that its place in the queue decided.
    """

    at_ns: Integers
    depth: Integers
    ahead: Integers
    has_left_view: npt.NDArray[np.bool_]
    cause: Integers
    came_at_price: npt.NDArray[np.bool_]
    first_ns: dict[str, Integers]
    whole_ns: dict[str, Integers]

    def __len__(self) -> int:
        return len(self.at_ns)


def run(what: str, data: Path, plan: Plan, models: list[str]) -> Integers:
    """What the example writes, in one row."""
    files = [str(data / f"{DAY}_{kind}_10.csv.zst") for kind in ("message", "orderbook")]
    build = ["cargo", "run", "--quiet", "--locked", "-p", "openoutcry-engine"]
    command = [*build, "--example", "queue_models", "--", what, *files, *plan.arguments(), *models]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return np.frombuffer(done.stdout, dtype="<i8")


def phantoms(data: Path, plan: Plan, models: list[str]) -> Phantoms:
    """Replay the day with phantoms in it."""
    return parse(run("phantoms", data, plan, models), models)


def parse(numbers: Integers, models: list[str]) -> Phantoms:
    """The example's rows by column."""
    width = len(PLACE_COLUMNS) + 1 + 2 * (1 + len(models))
    rows = numbers.reshape(-1, width)
    columns = dict(zip(PLACE_COLUMNS, rows.T, strict=False))
    at_ns = columns["at_ns"]

    def after(times_ns: Integers) -> Integers:
        return np.where(times_ns == NEVER, NEVER, times_ns - at_ns)

    fates = rows[:, len(PLACE_COLUMNS) + 1 :]
    touched_ns = after(rows[:, len(PLACE_COLUMNS)])
    names = ["truth", *models]
    return Phantoms(
        at_ns=at_ns,
        depth=columns["depth"],
        ahead=columns["ahead"],
        has_left_view=columns["has_left_view"] == 1,
        cause=columns["cause"],
        came_at_price=columns["touch"] == AT_PRICE,
        first_ns={name: after(fates[:, 2 * at]) for at, name in enumerate(names)} | {TOUCH: touched_ns},
        whole_ns={name: after(fates[:, 2 * at + 1]) for at, name in enumerate(names)},
    )


def agreement(data: Path, plan: Plan) -> dict[str, int]:
    """How often the phantoms' rule says of real orders what is recorded of them, at the very message."""
    rows = run("orders", data, plan, []).reshape(-1, ORDER_COLUMNS)
    _, end, ended, reached = rows.T
    traded, withdrawn = end == TRADED, end == WITHDRAWN
    return {
        "traded": int(traded.sum()),
        "traded_agree": int((traded & (reached == ended)).sum()),
        "withdrawn": int(withdrawn.sum()),
        "withdrawn_agree": int((withdrawn & (reached == NEVER)).sum()),
        "unknown": int((~traded & ~withdrawn).sum()),
    }

"""Judges the queue models by phantom orders in a day of orders by id: `python -m benches.queue_models`.

At seeded moments of LOBSTER's GOOG sample a phantom order of 1 to 100 shares joins the best bid or ask, or
one of the two levels behind. Who is before it is known order by order, so it is known when it would have been
filled. The same events as sizes of levels and trades tell each queue model what it believes. Exponents are
fitted on the first half of the day; the table is made by the second.
"""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import click
from benches.queue_models.replay import ROOT, TOUCH, Phantoms, Plan, agreement, phantoms
from benches.queue_models.scores import CAUTIOUS, fit, reliability, score
from benches.queue_models.table import markdown
from rich.console import Console
from rich.progress import track

RESULTS = ROOT / "benches" / "results"
SHARED_DATA = ROOT.parent / "shared" / "data"
HORIZONS_S = (10, 60, 300)
FAMILIES = ("power", "power2", "power3")
EXPONENTS = ("0.1", "0.2", "0.3", "0.5", "0.7", "1", "1.5", "2", "3", "4", "6", "8", "12", "20")
# With n = 1 the three families are the same.
NAMED = (CAUTIOUS, "power:1", "power:2", "power:3", "power2:2", "power3:3", "log", "log2")
# From open to close is 34,200 to 57,600 s. A phantom of the first half is over before the second begins.
FIRST_HALF_S = (34_200, 45_600)
SECOND_HALF_S = (45_900, 57_300)
# As often as Binance tells its depth.
SLOW_DEPTH_MS = 100
DEFAULT_COUNT = 40_000
DEFAULT_SEED = 1


def judged_models() -> list[str]:
    """Those with a name of their own, and the families' exponents to fit."""
    grid = [f"{family}:{exponent}" for family in FAMILIES for exponent in EXPONENTS]
    return list(dict.fromkeys([*NAMED, *grid]))


def half(data: Path, span_s: tuple[int, int], seed: int, count: int, depth_every_ms: int) -> Phantoms:
    """Phantoms that join within a span of time."""
    plan = Plan(seed, count, *span_s, stay_s=HORIZONS_S[-1], depth_every_ms=depth_every_ms)
    return phantoms(data, plan, judged_models())


def judge(data: Path, seed: int, count: int, depth_every_ms: int) -> dict:
    """Fit on the first half of the day, judge on the second."""
    first = half(data, FIRST_HALF_S, seed, count, depth_every_ms)
    second = half(data, SECOND_HALF_S, seed + 1, count, depth_every_ms)
    fitted = {
        family: fit(first, [f"{family}:{exponent}" for exponent in EXPONENTS], HORIZONS_S)
        for family in FAMILIES
    }
    best = min(fitted.values(), key=lambda each: each.loss).model
    shown = list(dict.fromkeys([TOUCH, *NAMED, *(each.model for each in fitted.values())]))
    scores = [score(second, model, horizon_s) for horizon_s in HORIZONS_S for model in shown]
    by_key = {(each.model, each.horizon_s): each for each in scores}
    intervals = [
        {
            "horizon_s": horizon_s,
            "low": by_key[CAUTIOUS, horizon_s].filled,
            "high": by_key[best, horizon_s].filled,
            "truth": by_key[best, horizon_s].truth,
        }
        for horizon_s in HORIZONS_S
    ]
    return {
        "depth_every_ms": depth_every_ms,
        "phantoms": {"fit": len(first), "judge": len(second)},
        "left_view": float(second.has_left_view.mean()),
        "causes": [int((second.cause == code).sum()) for code in range(4)],
        "fitted": {family: asdict(each) for family, each in fitted.items()},
        "best": best,
        "intervals": intervals,
        "scores": [asdict(each) for each in scores],
        "reliability_60_s": reliability(second, [CAUTIOUS, best, TOUCH], HORIZONS_S[1]),
    }


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=SHARED_DATA, help="The recordings' folder.")
@click.option(
    "--count", type=click.IntRange(100), default=DEFAULT_COUNT, show_default=True, help="A half day."
)
@click.option("--seed", type=click.IntRange(0), default=DEFAULT_SEED, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(data: Path, count: int, seed: int, *, as_json: bool) -> None:
    """See the module."""
    folder = data / "lobster_l3_2012"
    if not folder.is_dir():
        raise click.ClickException(f"no lobster_l3_2012 in {data}; say where the recordings are with --data")
    whole_day = Plan(seed, 0, FIRST_HALF_S[0], SECOND_HALF_S[1] + HORIZONS_S[-1], stay_s=HORIZONS_S[-1])
    try:
        real = agreement(folder, whole_day)
        speeds = track([0, SLOW_DEPTH_MS], "depth", console=Console(stderr=True))
        runs = [judge(folder, seed, count, depth_every_ms) for depth_every_ms in speeds]
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        raise click.ClickException(f"the replay failed: {error}; `make setup` says what it needs") from error
    report = {"seed": seed, "count": count, "real_orders": real, "runs": runs}
    as_text, table = json.dumps(report, indent=1) + "\n", markdown(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "queue_models.json").write_text(as_text)
    (RESULTS / "queue_models.md").write_text(table)
    click.echo(as_text if as_json else table, nl=False)


if __name__ == "__main__":
    main()

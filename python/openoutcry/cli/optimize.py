"""Search a strategy's parameters, and see what is left of the best on data that it has not seen."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openoutcry.cli.options import json_option, put_json, state_dir_option

if TYPE_CHECKING:
    from openoutcry.assembly.settings import Settings
    from openoutcry.domain.instrument import Instrument

OBJECTIVES: Final = ("sharpe", "net", "sortino", "calmar")
ENGINES: Final = ("local", "ray")
WINDOWS: Final = 5


@click.command()
@click.argument("strategy")
@click.option(
    "--data", required=True, metavar="FILE", type=click.Path(path_type=Path), help="Candles to search on."
)
@click.option(
    "--trials", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many in all."
)
@click.option("--walk-forward", is_flag=True, help="Choose and judge in windows that follow each other.")
@click.option(
    "--windows",
    type=click.IntRange(2, 100),
    help=f"How many windows a walk-forward has  [default: {WINDOWS}].",
)
@click.option("--anchored", is_flag=True, help="Train on all of the past, and not on as much each time.")
@click.option(
    "--param",
    "ranges",
    multiple=True,
    metavar="NAME=RANGE",
    help="Search fast=5:50, fast=5:50:5 or fast=5,10,20; fix fast=10. Others: as the strategy declares.",
)
@click.option("--objective", type=click.Choice(OBJECTIVES), default="sharpe", show_default=True)
@click.option("--jobs", type=click.IntRange(1, 1_024), help="Processes  [default: one a core].")
@click.option("--engine", type=click.Choice(ENGINES), default="local", show_default=True)
@click.option("--exact", is_flag=True, help="Run every trial through orders and risk, which takes long.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--study", default="", metavar="NAME", help="The study to go on with  [default: by what is searched]."
)
@click.option(
    "--cash", type=click.IntRange(1), default=100_000, show_default=True, help="In the quote asset."
)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings; without, a backtest's own."
)
@state_dir_option
@json_option
def optimize(data: Path, config: Path | None, state_dir: Path | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  click's call
    """Search the parameters of STRATEGY, and judge the best out of sample.

    What was interrupted goes on with the same command. The parameters that are found were chosen without
    the data that they are judged by: without --walk-forward these are the last 30 %.
    """
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.history.candles import load_candles  # noqa: PLC0415
    from openoutcry.backtesting.optimise.optimisation import Request, optimise  # noqa: PLC0415
    from openoutcry.cli.search_progress import SearchProgress  # noqa: PLC0415
    from openoutcry.cli.search_result import show  # noqa: PLC0415

    if options["windows"] and not options["walk_forward"]:
        raise click.UsageError("--windows is of a --walk-forward; give both")
    series, dataset = load_candles(data)
    settings = _settings(config, series.instrument, options["cash"])
    request = Request(
        strategy=options["strategy"],
        ranges=options["ranges"],
        trials=options["trials"],
        windows=(options["windows"] or WINDOWS) if options["walk_forward"] else 1,
        is_anchored=options["anchored"],
        objective=options["objective"],
        seed=options["seed"],
        study=options["study"],
        jobs=options["jobs"] or _cores(),
        engine=options["engine"],
        is_exact=options["exact"],
    )
    with SearchProgress(request.trials, request.objective, is_shown=not as_json) as progress:
        found = optimise(
            request, series, dataset, settings, state=paths.state_dir(state_dir), tell=progress.tell
        )
    if as_json:
        put_json(found)
    else:
        show(found, data)


def _settings(config: Path | None, instrument: "Instrument", cash: int) -> "Settings":
    from openoutcry.assembly.backtest_settings import DEFAULT_FEES_PPM, backtest_defaults  # noqa: PLC0415
    from openoutcry.assembly.settings import load_settings  # noqa: PLC0415
    from openoutcry.domain.units import ATOMS_PER_UNIT  # noqa: PLC0415

    if config is not None:
        return load_settings(config, {"mode": "backtest", "symbols": [instrument.symbol]})
    taker_ppm, maker_ppm = DEFAULT_FEES_PPM[instrument.kind]
    cash_atoms = cash * ATOMS_PER_UNIT
    costs = {
        "backtest.cash_atoms": cash_atoms,
        "backtest.taker_fee_ppm": taker_ppm,
        "backtest.maker_fee_ppm": maker_ppm,
    }
    return load_settings(None, {**backtest_defaults(instrument, cash_atoms, taker_ppm), **costs})


def _cores() -> int:
    import os  # noqa: PLC0415

    return len(os.sched_getaffinity(0))

"""Search a strategy's parameters, and see what is left of the best on data that it has not seen."""

import shlex
from pathlib import Path
from typing import Any, Final

import click

from openoutcry.cli.options import json_option, put_json, state_dir_option

OBJECTIVES: Final = ("sharpe", "net", "sortino", "calmar")
ENGINES: Final = ("local", "ray")


@click.command()
@click.argument("strategy")
@click.option(
    "--data", required=True, multiple=True, metavar="DATA", type=click.Path(path_type=Path),
    help="Candles to search on: a file, a folder, or venue:symbol:kind of the catalogue. Of each symbol that "
    "the strategy looks at.",
)  # fmt: skip
@click.option("--symbol", metavar="SYMBOL", help="Which one, if a folder holds several.")
@click.option(
    "--trials", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many in all."
)
@click.option("--walk-forward", is_flag=True, help="Choose and judge in windows that follow each other.")
@click.option(
    "--windows",
    type=click.IntRange(2, 100),
    help="How many windows a walk-forward has  [default: 5].",
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
@click.option("--from", "start", metavar="TIME", help="As 2024-01-31 or 2024-01-31T12:00, in UTC.")
@click.option("--to", "end", metavar="TIME", help="Up to here, in UTC.")
@click.option("--cash", metavar="AMOUNT", help="Of the quote asset  [default: 100000].")
@click.option("--fee-bps", metavar="TAKER/MAKER", help="In basis points  [default: the venue's usual ones].")
@click.option("--half-spread-bps", metavar="BPS", help="What a taker pays beyond the price  [default: 0].")
@click.option("--funding", multiple=True, metavar="[SYMBOL=]FILE", help="Of a contract; may be repeated.")
@click.option("--config", type=click.Path(path_type=Path), metavar="TOML", help="The settings.")
@state_dir_option
@json_option
def optimize(state_dir: Path | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  click's call
    """Search the parameters of STRATEGY, and judge the best out of sample.

    What was interrupted goes on with the same command. The parameters that are found were chosen without
    the data that they are judged by: without --walk-forward these are the last 30 %.
    """
    from msgspec.structs import replace  # noqa: PLC0415  --help needs none of it

    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.optimise.optimisation import optimise  # noqa: PLC0415
    from openoutcry.cli.optimize_run import market_of, request_of  # noqa: PLC0415
    from openoutcry.cli.search_progress import SearchProgress  # noqa: PLC0415
    from openoutcry.cli.search_result import show  # noqa: PLC0415

    if options["windows"] and not options["walk_forward"]:
        raise click.UsageError("--windows is of a --walk-forward; give both")
    request, market = request_of(options), market_of(options)
    with SearchProgress(request.trials, request.objective, is_shown=not as_json) as progress:
        found = optimise(
            request,
            market.markets,
            market.settings,
            state=paths.state_dir(state_dir),
            tell=progress.tell,
        )
    if options["config"] is not None:
        found = replace(found, command=f"{found.command} --config {shlex.quote(str(options['config']))}")
    if as_json:
        put_json(found)
    else:
        show(found)

"""The whole system on one machine: a local exchange replays a market, the actors trade on it."""

from pathlib import Path
from typing import Any

import click

from openoutcry.cli.options import check_one_source, json_option, put_json, state_dir_option

DEFAULT_SPEED = 15.0
FAULTS = ("drop@0.3", "gap@0.6")


@click.command()
@click.option(
    "--speed", type=click.FloatRange(min=0), default=DEFAULT_SPEED, show_default=True,
    help="Times as fast as the market was; 0: as fast as it goes.",
)  # fmt: skip
@click.option(
    "--duration", type=click.IntRange(min=1), metavar="SECONDS", help="Of the market's time  [default: all]."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random."
)
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="PATH", help="A recording, or a folder of recordings."
)
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="TOML", help="Settings on top of the demo's."
)
@click.option("--headless", is_flag=True, help="No live screen; a line now and then.")
@click.option("--synthetic", is_flag=True, help="The synthetic market, even where a recording is at hand.")
@state_dir_option
@json_option
@click.pass_context
def demo(ctx: click.Context, /, *, as_json: bool, **options: Any) -> None:
    """Replay a market into a local exchange and let the whole system trade on it, on paper.

    One lost connection and one gap in the book are injected on the way, so that their recovery is seen. Exits
    with 1 if an order stayed unaccounted for or a fault was not recovered.
    """
    check_one_source(options["data"], synthetic=options["synthetic"])
    from openoutcry.cli.trading_run import RunOptions, put_summary, trade  # noqa: PLC0415  --help needs none of it

    summary = trade(RunOptions(is_quiet=as_json, faults=FAULTS, **options))
    if as_json:
        put_json(summary)
    else:
        put_summary(summary)
    if summary["problems"]:
        ctx.exit(1)

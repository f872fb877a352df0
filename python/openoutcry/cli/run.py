"""Trading, until it is told to stop."""

from pathlib import Path
from typing import Any

import click

from openoutcry.cli.options import check_one_source, json_option, put_json, state_dir_option


@click.command()
@click.option("--paper", "is_paper", is_flag=True, help="On this host: the local exchange, no real money.")
@click.option(
    "--live", "is_live", is_flag=True, help="At the venue, with real money; mode must be `live` too."
)
@click.option("--config", type=click.Path(path_type=Path), metavar="TOML", help="The settings.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="PATH", help="What the local exchange replays."
)
@click.option("--speed", type=click.FloatRange(min=0), default=1.0, show_default=True, help="Of the replay.")
@click.option(
    "--duration", type=click.IntRange(min=1), metavar="SECONDS", help="Of the replay's market time."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random."
)
@click.option("--headless", is_flag=True, help="No live screen; a line now and then.")
@click.option("--synthetic", is_flag=True, help="The synthetic market, even where a recording is at hand.")
@state_dir_option
@json_option
@click.pass_context
def run(ctx: click.Context, /, *, is_paper: bool, as_json: bool, **options: Any) -> None:
    """Trade until SIGINT or SIGTERM, or until the replay ends.

    With --paper and no addresses in the settings, a local exchange is started and replays a recording or the
    synthetic market. With --live, real orders go to the venue, after a typed confirmation. Exits with 1 if
    an order stayed unaccounted for.
    """
    is_live = options["is_live"]
    if is_paper == is_live:
        raise click.UsageError("give either --paper or --live")
    check_one_source(options["data"], synthetic=options["synthetic"])
    if is_live:
        from openoutcry.assembly.settings import check_orders_go, load_settings  # noqa: PLC0415  as below
        from openoutcry.cli.session import state_path  # noqa: PLC0415

        check_orders_go(load_settings(options["config"], state_path(options["state_dir"])), live=True)
    if is_live and click.prompt("Real orders with real money will be sent. Type `live` to go on") != "live":
        raise click.Abort
    from openoutcry.cli.trading_run import RunOptions, put_summary, trade  # noqa: PLC0415  --help needs none of it

    summary = trade(RunOptions(is_quiet=as_json, **options))
    if as_json:
        put_json(summary)
    else:
        put_summary(summary)
    if summary["problems"]:
        ctx.exit(1)

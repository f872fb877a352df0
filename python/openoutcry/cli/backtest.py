"""A strategy over history."""

import gc
from pathlib import Path
from typing import Any, Final

import click

from openoutcry.cli.options import json_option, state_dir_option

GC_ALLOCATIONS: Final = 100_000  # between two looks of the garbage collector


@click.command()
@click.argument("strategy")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, multiple=True, metavar="DATA",
    help="Candles, market events or a recording of frames: a file, a folder, or venue:symbol:kind of the "
    "catalogue. For several symbols repeat it; the first is the strategy's own.",
)  # fmt: skip
@click.option("--symbol", metavar="SYMBOL", help="Which one, if a folder holds several.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--from", "start", metavar="TIME", help="As 2024-01-31 or 2024-01-31T12:00, in UTC.")
@click.option("--to", "end", metavar="TIME", help="Up to here, in UTC.")
@click.option(
    "--cash", metavar="AMOUNT", help="Of the quote asset  [default: 100000; 10 coins where these settle]."
)
@click.option("--fee-bps", metavar="TAKER/MAKER", help="In basis points  [default: Binance's usual ones].")
@click.option("--half-spread-bps", metavar="BPS", help="What a taker pays beyond the price  [default: 0].")
@click.option(
    "--funding", multiple=True, metavar="[SYMBOL=]FILE",
    help="Of a contract; may be repeated. Without SYMBOL the file's name says whose it is, else the order.",
)  # fmt: skip
@click.option("--config", type=click.Path(path_type=Path), metavar="TOML", help="The settings.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True),
    help="Of recordings: the settings' durations are those of a replay so fast  [default: 1].",
)  # fmt: skip
@click.option(
    "--duration", type=click.IntRange(min=1), metavar="SECONDS", help="Of recordings  [default: all]."
)
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random  [default: 0].")
@state_dir_option
@json_option
def backtest(state_dir: Path | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  click's call
    """Trade STRATEGY over history, with the same strategy, risk and execution as live.

    Over candles orders get the worst price that the candle allows; over market events (books, orders, quotes)
    the simulator matches them, with queues, latencies and partial fills, and makers like market_maker quote.
    Several symbols (as pairs needs) are traded from one account, in the time that all data have in common.

    Over candles and without --config the strategy is judged alone: the whole cash may be invested and risk
    hardly limits it. Over a recording the settings are those of `run --paper` and `demo`, with the live feed,
    the classifiers and the local exchange's venue, and the same orders follow but for the latency.
    The result is kept in the state folder with its report; `report` and `compare` take its id.
    """
    gc.set_threshold(GC_ALLOCATIONS)  # what a backtest makes it keeps: looking for cycles in it is in vain
    from openoutcry.backtesting.saved_runs import keep  # noqa: PLC0415  --help needs none of it
    from openoutcry.cli.backtest_run import Request, run_backtest  # noqa: PLC0415
    from openoutcry.cli.report import put_backtest  # noqa: PLC0415

    first, *others = options.pop("data")
    request = Request(data=first, others=others, **options)
    result = run_backtest(request, shows_progress=not as_json)
    put_backtest(*keep(result, state_dir), as_json=as_json)

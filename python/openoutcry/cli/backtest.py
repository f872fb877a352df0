"""A strategy over history."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openoutcry.cli.options import json_option, put_json

if TYPE_CHECKING:
    from openoutcry.backtesting.result import BacktestResult


@click.command()
@click.argument("strategy")
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Candles.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--from", "start", metavar="TIME", help="As 2024-01-31 or 2024-01-31T12:00, in UTC.")
@click.option("--to", "end", metavar="TIME", help="Up to here, in UTC.")
@click.option("--cash", metavar="AMOUNT", help="Of the quote asset  [default: 100000].")
@click.option("--fee-bps", metavar="TAKER/MAKER", help="In basis points  [default: the venue's usual ones].")
@click.option("--half-spread-bps", metavar="BPS", help="What a taker pays beyond the price  [default: 0].")
@click.option("--funding", type=click.Path(path_type=Path), metavar="FILE", help="Of a contract.")
@click.option("--config", type=click.Path(path_type=Path), metavar="TOML", help="The settings.")
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random  [default: 0].")
@json_option
def backtest(as_json: bool, **options: Any) -> None:  # noqa: FBT001  click's call
    """Trade STRATEGY over the candles in FILE, with the same strategy, risk and execution as live.

    Without --config the strategy is judged alone: the whole cash may be invested and risk hardly limits it.
    """
    from openoutcry.cli.backtest_run import (  # noqa: PLC0415  --help needs none of it
        Request,
        run_backtest,
        summary_of,
    )

    result = run_backtest(Request(**options), shows_progress=not as_json)
    if as_json:
        put_json(summary_of(result))
    else:
        show(result)


def show(result: "BacktestResult") -> None:
    """Sum a backtest up, for people."""
    from openoutcry.cli.backtest_run import summary_of  # noqa: PLC0415  as above
    from openoutcry.cli.options import table  # noqa: PLC0415

    rows: list[tuple[str, object]] = []
    for name, value in summary_of(result).items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items())  # noqa: PLW2901  as text
        elif isinstance(value, list):
            value = "\n".join(map(str, value))  # noqa: PLW2901
        if value not in ("", None):
            rows.append((name.replace("_", " "), value))
    table(f"{result.strategy} on {result.symbol}", rows)

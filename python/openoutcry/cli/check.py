"""Does a strategy or a classifier know the future?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from openoutcry.cli.options import json_option, moment, put_json

if TYPE_CHECKING:
    from openoutcry.backtesting.lookahead import LookaheadReport

EXIT_UNFIT: Final = 1


@click.command()
@click.argument("subject", metavar="STRATEGY")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DATA",
    help="Candles: a file, a folder, or venue:symbol:kind of the catalogue  [default: synthetic].",
)  # fmt: skip
@click.option("--symbol", default="", metavar="SYMBOL", help="Which one, if a folder holds several.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is made up.")
@json_option
@click.pass_context
def check(ctx: click.Context, /, subject: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001  click's call
    """Check that STRATEGY, or a classifier, knows nothing but the candles that it is shown.

    STRATEGY is a registered name, file.py, file.py:Class or package.module:Class. Its answers must not change
    when later candles become known, when it is asked again, or when all times are moved; `exposures` must say
    what `observe` says; and the ends of its parameters' ranges must work, or be refused in words.
    """
    from openoutcry.cli.check_run import run_check  # noqa: PLC0415  --help needs none of it

    report = run_check(subject, **options, shows_progress=not as_json)
    if as_json:
        put_json({"ok": report.is_fit, "verdict": report.verdict, "report": report})
    else:
        _show(report)
    if not report.is_fit:
        ctx.exit(EXIT_UNFIT)


def _show(report: "LookaheadReport") -> None:
    click.echo(f"{report.subject} {report.name}: {report.verdict}")
    whole = ", `exposures` compared row by row" if report.has_exposures else ""
    ends = f", {report.parameter_ends} ends of parameters' ranges tried" if report.parameter_ends else ""
    click.echo(f"  asked about {report.asked} of {report.rows} candles{whole}{ends}")
    for bias in report.biases:
        where = f" at candle {bias.row} ({moment(bias.close_ns)})" if bias.row >= 0 else ""
        click.echo(f"  {bias.kind}{where}: {bias.detail}")
        click.echo(f"    remedy: {bias.remedy}")

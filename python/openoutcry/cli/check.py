"""Does a strategy know more than it could?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openoutcry.cli.options import json_option, moment, param_option, parse_parameters, put_json

if TYPE_CHECKING:
    from openoutcry.backtesting.verdicts import CheckReport, Verdict

EXIT_BROKEN: Final = 1


@click.command()
@click.argument("subject", metavar="STRATEGY")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="Candles  [default: synthetic ones]."
)
@param_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is made up.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    *,
    subject: str,
    data: Path | None,
    params: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Check STRATEGY, or a classifier: a name, file.py, file.py:Class or package.module:Class.

    What it says at a candle must be the same whether the history ends there or goes on, whenever and however
    often it is asked, at the ends of its parameters' ranges too. Exits with 1 if it is not.
    """
    from openoutcry.backtesting.lookahead import check_lookahead  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.subject import subject_of  # noqa: PLC0415
    from openoutcry.cli.progress_bar import progress_bar  # noqa: PLC0415
    from openoutcry.plugins.loader import Plugins  # noqa: PLC0415

    plugins = Plugins()
    plugins.load_installed()
    checked = subject_of(subject, parse_parameters(params), plugins)
    candles = None
    if data is not None:
        from openoutcry.backtesting.candle_backtest import frozen_columns  # noqa: PLC0415
        from openoutcry.backtesting.history.candles import load_candles  # noqa: PLC0415

        candles = frozen_columns(load_candles(data)[0])
    with progress_bar("answers", is_shown=not as_json and sys.stderr.isatty()) as tell:
        report = check_lookahead(checked, candles, seed=seed, progress=tell)
    if as_json:
        put_json({"ok": report.ok, "data": data, "seed": seed, "report": report})
    else:
        _show(report, str(data or f"synthetic candles of seed {seed}"))
    if not report.ok:
        ctx.exit(EXIT_BROKEN)


def _show(report: "CheckReport", data: str) -> None:
    state = "in order" if report.ok else "BROKEN"
    click.echo(f"{report.kind} {report.subject}: {state}")
    click.echo(f"  asked at {report.rows} of {report.candles} candles ({data})")
    if report.invented:
        click.echo(f"  made up for it: {', '.join(report.invented)}")
    for verdict in report.verdicts:
        for line in _lines(verdict):
            click.echo(f"  {line}")


def _lines(verdict: "Verdict") -> list[str]:
    state = "in order" if verdict.ok else "BROKEN"
    if not verdict.detail:
        return [f"{verdict.name:<20} {state}"]
    place = "" if verdict.row is None else f"row {verdict.row}"
    if verdict.at_ns is not None:
        place += f" ({moment(verdict.at_ns)})"
    return [
        f"{verdict.name:<20} {state}{': ' if place else ''}{place}: {verdict.detail}",
        f"{'':<20} {verdict.remedy}",
    ]

"""Sum up a run or a backtest."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from openoutcry.cli.options import json_option, put_json, state_dir_option, table

if TYPE_CHECKING:
    from openoutcry.backtesting.judgement import Judgement
    from openoutcry.backtesting.result import BacktestResult


@click.command()
@click.argument("run", required=False)
@state_dir_option
@json_option
def report(run: str | None, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Sum up RUN (an id, its beginning or a folder; by default the latest of all) and write its HTML report.

    RUN may be a run, or a backtest, whose id begins with b-.
    """
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.report.run import write_report  # noqa: PLC0415
    from openoutcry.backtesting.saved_runs import find_backtest, latest_backtest  # noqa: PLC0415
    from openoutcry.backtesting.summary import headline, summarise  # noqa: PLC0415

    latest = None if run else latest_backtest(state_dir)
    backtest = find_backtest(str(latest) if latest else run, state_dir)
    if backtest is not None:
        _report_backtest(*backtest, state_dir, as_json=as_json)
        return
    found = paths.find_run(paths.state_dir(state_dir), run)
    summary = summarise(found.run_dir)
    path = write_report(found.run_dir, summary)
    if as_json:
        put_json({**summary, "report_path": path})
        return
    table(f"run {found.run_id}", [*headline(summary), ("report", path)])


def _report_backtest(
    folder: Path, result: "BacktestResult", state_dir: Path | None, *, as_json: bool
) -> None:
    from openoutcry.backtesting.saved_runs import judged_again, write_report_of  # noqa: PLC0415  as above

    judgement = judged_again(result, state_dir)
    put_backtest(judgement, write_report_of(folder, judgement), as_json=as_json)


def put_backtest(judgement: "Judgement", report_path: Path, *, as_json: bool) -> None:
    """Print a judged backtest, for programs or for people."""
    if as_json:
        from openoutcry.backtesting.result_json import as_json as told_as_json  # noqa: PLC0415  as above

        told = told_as_json(judgement)
        put_json({**told, "report_path": report_path})
        return
    from openoutcry.backtesting.terminal import show  # noqa: PLC0415

    show(judgement, report=report_path)

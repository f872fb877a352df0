"""Sum up a run."""

from pathlib import Path

import click

from openoutcry.cli.options import json_option, put_json, state_dir_option, table


@click.command()
@click.argument("run", required=False)
@state_dir_option
@json_option
def report(run: str | None, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Sum up RUN (an id, its beginning or a folder; by default the latest) and write its HTML report."""
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.backtesting.report.run import write_report  # noqa: PLC0415
    from openoutcry.backtesting.summary import headline, summarise  # noqa: PLC0415

    found = paths.find_run(paths.state_dir(state_dir), run)
    summary = summarise(found.run_dir)
    path = write_report(found.run_dir, summary)
    if as_json:
        put_json({**summary, "report_path": path})
        return
    table(f"run {found.run_id}", [*headline(summary), ("report", path)])

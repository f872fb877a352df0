"""What runs now, or how the last run ended."""

from pathlib import Path
from typing import Any, Final

import click

from openoutcry.cli.options import json_option, moment, put_json, run_option, state_dir_option, table

EXIT_TROUBLE: Final = 1


@click.command()
@run_option
@state_dir_option
@json_option
@click.pass_context
def status(ctx: click.Context, run_name: str | None, state_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """What runs now, or how the last run ended. Exits with 1 if a run is in trouble or was killed."""
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.cli.run_snapshot import take_snapshot  # noqa: PLC0415

    folder = paths.state_dir(state_dir)
    snapshot = take_snapshot(folder, paths.find_run(folder, run_name))
    if as_json:
        put_json(snapshot)
    else:
        show(snapshot)
    ctx.exit(exit_code(snapshot))


def exit_code(snapshot: dict[str, Any]) -> int:
    """0 if the run goes or ended as it should."""
    from openoutcry.cli.run_snapshot import IN_ORDER  # noqa: PLC0415  as above

    return 0 if snapshot["state"] in IN_ORDER else EXIT_TROUBLE


def show(snapshot: dict[str, Any]) -> None:
    """Print a snapshot for people: the run, its actors if it goes on, and what is wrong."""
    system = snapshot["system"]
    rows = _run(snapshot)
    if system:
        table("", rows)
        _show_actors(system)
        rows = [("trouble", text) for text in system["troubles"]]
    rows += [
        (name, value) for name, value in snapshot["summary"].items() if isinstance(value, str | int | float)
    ]
    table("", [*rows, ("files", snapshot["run_dir"])])


def _run(snapshot: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("run", snapshot["run_id"]),
        ("state", snapshot["state"]),
        ("mode", snapshot["mode"]),
        ("started", moment(snapshot["started_ns"])),
    ]
    if snapshot["ended_ns"]:
        rows += [("ended", moment(snapshot["ended_ns"])), ("outcome", snapshot["outcome"])]
    halt = snapshot["halt"]
    rows.append(("halt", f"armed: {halt.reason} (by {halt.by})" if halt else "none"))
    if snapshot["system"]:
        rows.append(("monitoring", snapshot["monitoring_url"]))
    return rows


def _show_actors(system: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.table import Table  # noqa: PLC0415

    from openoutcry.cli.system_rows import ACTOR_COLUMNS, actor_rows  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ACTOR_COLUMNS:
        shown.add_column(column.cell(column.title), no_wrap=True)
    for row in actor_rows(system):
        shown.add_row(*row)
    console = Console()
    console.print()
    console.print(shown)
    console.print()

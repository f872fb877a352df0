"""The running system, live."""

import itertools
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from openoutcry.cli.halt import halt
from openoutcry.cli.options import json_option, state_dir_option
from openoutcry.cli.status import exit_code, show

MIN_INTERVAL_MS: Final = 100
MAX_INTERVAL_MS: Final = 60_000
MS_PER_S: Final = 1000

Look = Callable[[], dict[str, Any]]


@click.command()
@click.argument("run", required=False)
@state_dir_option
@click.option(
    "--interval-ms",
    type=click.IntRange(MIN_INTERVAL_MS, MAX_INTERVAL_MS),
    default=500,
    show_default=True,
    help="Between two looks.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Of JSON lines; then it ends.")
@json_option
@click.pass_context
def top(
    ctx: click.Context,
    /,
    *,
    run: str | None,
    state_dir: Path | None,
    interval_ms: int,
    count: int | None,
    as_json: bool,
) -> None:
    """Watch RUN (an id, its beginning or a folder; by default the latest) while it goes on.

    With --json, or where there is no terminal, each look is one line of JSON, as `openoutcry status --json`
    has it, until the system ends. Of a run that is over it shows what `openoutcry status` does.
    """
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.cli.run_snapshot import OVER, take_snapshot  # noqa: PLC0415

    is_screen = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if is_screen and count is not None:
        raise click.UsageError("--count is for lines; give --json too")
    folder = paths.state_dir(state_dir)
    look = partial(take_snapshot, folder, paths.find_run(folder, run))
    interval_s = interval_ms / MS_PER_S
    if not is_screen:
        ctx.exit(_put_lines(look, interval_s, count))
    snapshot = look()
    if snapshot["state"] in OVER:
        show(snapshot)
        ctx.exit(exit_code(snapshot))
    _show_screen(look, interval_s, partial(ctx.invoke, halt, state_dir=folder, as_json=True))


def _put_lines(look: Look, interval_s: float, count: int | None) -> int:
    """A line for each look; returns the exit code that the last one deserves."""
    import msgspec  # noqa: PLC0415  as above

    from openoutcry.cli.run_snapshot import OVER  # noqa: PLC0415

    for number in itertools.count(1):
        snapshot = look()
        click.echo(msgspec.json.encode(snapshot, enc_hook=str))
        if snapshot["state"] in OVER or number == count:
            break
        time.sleep(interval_s)
    return exit_code(snapshot)


def _show_screen(look: Look, interval_s: float, arm: Callable[..., Any]) -> None:
    from openoutcry.cli.top_screen import TopScreen  # noqa: PLC0415  textual is slow to import

    error = TopScreen(look, interval_s, lambda reason: arm(reason=reason)).run()
    if error is not None:
        raise error

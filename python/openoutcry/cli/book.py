"""The order book of the running system, read from shared memory."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from openoutcry.cli.options import json_option, run_option, state_dir_option

MIN_INTERVAL_MS: Final = 50
MAX_INTERVAL_MS: Final = 60_000
MS_PER_S: Final = 1000
EXIT_TROUBLE: Final = 1

Look = Callable[[], dict[str, Any]]


@click.command()
@click.argument("symbol", required=False)
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option("--levels", type=click.IntRange(1), default=10, show_default=True, help="A side.")
@click.option(
    "--interval-ms",
    type=click.IntRange(MIN_INTERVAL_MS, MAX_INTERVAL_MS),
    default=250,
    show_default=True,
    help="Between two looks.",
)
@run_option
@state_dir_option
@json_option
@click.pass_context
def book(
    ctx: click.Context,
    /,
    *,
    symbol: str | None,
    once: bool,
    levels: int,
    interval_ms: int,
    run_name: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Watch the order book of SYMBOL (as BTC/USDT; by default the run's first): what the feed sees, now.

    It is read from shared memory and costs the running system nothing. With --json, or where there is no
    terminal, each look is one line of JSON, until the system ends. Exits with 1 if the book shown is not to
    be trusted: not valid, without an update for longer than the setting feed.depth_stale_ms, or of a writer
    that is silent or dead.
    """
    from openoutcry.assembly import paths  # noqa: PLC0415  --help needs none of it
    from openoutcry.cli.book_look import BookLook  # noqa: PLC0415  as above

    look = BookLook(paths.find_run(paths.state_dir(state_dir), run_name), symbol, levels)
    is_screen = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if is_screen:
        last = _show_screen(look, interval_ms / MS_PER_S, once=once)
    else:
        last = _put_lines(look, interval_ms / MS_PER_S, once=once)
    ctx.exit(0 if last["is_trusted"] else EXIT_TROUBLE)


def _put_lines(look: Look, interval_s: float, *, once: bool) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415  as above

    while True:
        seen = look()
        click.echo(msgspec.json.encode(seen))
        if once or seen["is_over"]:
            return seen
        time.sleep(interval_s)


def _show_screen(look: Look, interval_s: float, *, once: bool) -> dict[str, Any]:
    from rich.console import Console  # noqa: PLC0415  slow to import
    from rich.live import Live  # noqa: PLC0415

    from openoutcry.cli.book_look import draw  # noqa: PLC0415  as above

    console = Console()
    seen = look()
    if once or seen["is_over"]:
        console.print(draw(seen))
        return seen
    with Live(draw(seen), console=console, auto_refresh=False) as live:
        while not seen["is_over"]:
            time.sleep(interval_s)
            seen = look()
            live.update(draw(seen), refresh=True)
    return seen

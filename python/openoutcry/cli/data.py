"""Market data: is it fit for use, and where to get some."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openoutcry.cli.options import json_option, moment, put_json

if TYPE_CHECKING:
    from openoutcry.exchanges.data_check import RecordingReport

EXIT_UNFIT: Final = 1
EXAMPLES_SHOWN: Final = 3


@click.group()
def data() -> None:
    """Check or fetch market data."""


@data.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def check(ctx: click.Context, path: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """Read the recordings in PATH from end to end and say what is wrong with them.

    PATH is a file or a folder; without it, what a demo would play is checked. Exits with 1 if a recording is
    unfit for use.
    """
    from openoutcry.exchanges.data_check import check_data  # noqa: PLC0415  --help needs none of it

    reports = check_data(path or _default_place())
    unfit = [report for report in reports if not report.is_usable]
    if as_json:
        put_json({"ok": not unfit, "recordings": reports})
    else:
        for report in reports:
            _show(report)
    if unfit:
        ctx.exit(EXIT_UNFIT)


@data.command()
@json_option
def fetch(as_json: bool) -> None:  # noqa: FBT001  click's call
    """Fetch a public recording (Binance spot BTCUSDT, August 2024) and check its hash; once is enough."""
    from openoutcry.exchanges.data_check import (  # noqa: PLC0415  --help needs none of it
        PUBLIC_RECORDING_SHA256,
        PUBLIC_RECORDING_URL,
        fetch_data,
    )

    path = fetch_data()
    if as_json:
        put_json({"path": path, "url": PUBLIC_RECORDING_URL, "sha256": PUBLIC_RECORDING_SHA256})
    else:
        click.echo(f"{path} (sha256 {PUBLIC_RECORDING_SHA256[:12]}… as expected)")


def _default_place() -> Path:
    """Where a demo would look first."""
    import os  # noqa: PLC0415

    from openoutcry.domain.errors import MissingDataError  # noqa: PLC0415
    from openoutcry.exchanges.market_source import DATA_VARIABLE, cache_dir, shared_data_dirs  # noqa: PLC0415

    named = os.environ.get(DATA_VARIABLE)
    places = [Path(named)] if named else [*shared_data_dirs(), cache_dir()]
    found = next((place for place in places if named or place.is_dir()), None)
    if found is None:
        raise MissingDataError("there is no recording; give a PATH, or get one with `openoutcry data fetch`")
    return found


def _show(report: "RecordingReport") -> None:
    frames = ", ".join(f"{count} {kind}" for kind, count in report.frames.items())
    click.echo(f"{report.product} {report.symbol}: {'fit for use' if report.is_usable else 'UNFIT'}")
    click.echo(f"  {', '.join(report.files)}")
    click.echo(f"  {report.lines} lines ({frames}), sha256 {report.sha256}")
    click.echo(f"  {moment(report.first_received_ns)} to {moment(report.last_received_ns)}")
    if not report.is_book_checked:
        click.echo("  the book was not built: no grid is known for this instrument")
    for finding in report.findings:
        click.echo(f"  {finding.severity}: {finding.kind}, {finding.count} times")
        for example in finding.examples[:EXAMPLES_SHOWN]:
            click.echo(f"    {example}")

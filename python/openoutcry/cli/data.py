"""Market data: is it fit for use, and where to get some."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from openoutcry.cli.options import Function, json_option, moment, put_json

if TYPE_CHECKING:
    from openoutcry.backtesting.history.manifest import Manifest
    from openoutcry.exchanges.data_check import RecordingReport

EXIT_UNFIT: Final = 1
EXAMPLES_SHOWN: Final = 3


def source_options(command: Function) -> Function:
    """What files may not say of themselves."""
    for name, text in (
        ("--step", "Size step, as 0.001."),
        ("--tick", "Price tick, as 0.01."),
        ("--interval", "Interval of candles, as 5m."),
        ("--venue", "Venue, as binance-spot."),
        ("--symbol", "The venue's symbol, as BTCUSDT."),
    ):
        command = click.option(name, default="", help=f"{text}  [default: as the data says]")(command)
    return command


def catalogue_option(command: Function) -> Function:
    """`--catalogue`: where history is kept."""
    return click.option(
        "--catalogue",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of stored history  [default: history in the state folder].",
    )(command)


@click.group()
def data() -> None:
    """Check, fetch or store market data."""


@data.command()
@click.argument("path", required=False)
@source_options
@catalogue_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    /,
    path: str | None,
    catalogue: Path | None,
    as_json: bool,  # noqa: FBT001  click's call
    **facts: str,
) -> None:
    """Read the history in PATH from end to end and say what is wrong with it.

    PATH is a file, a folder, or a dataset of the catalogue, venue:symbol:kind. Files are recordings, candles
    (Parquet, CSV, ccxt's JSON), Binance's and Tardis' dumps, or LOBSTER's messages. Of a folder with
    recordings these are checked; without a PATH, what a demo would play is. Exits with 1 if something is
    unfit for use.
    """
    from openoutcry.cli import data_history  # noqa: PLC0415  --help needs none of it
    from openoutcry.exchanges.data_check import check_data  # noqa: PLC0415

    place = path or str(_default_place())
    recordings: list[RecordingReport] = []
    if _is_recorded(place):
        recordings = check_data(Path(place))
    datasets = [] if recordings else data_history.check_history(place, facts, catalogue, is_quiet=as_json)
    unfit = [report for report in recordings if not report.is_usable]
    unfit_sets = [each for each in datasets if any(one.severity == "error" for one in each.findings)]
    if as_json:
        put_json({"ok": not (unfit or unfit_sets), "recordings": recordings, "datasets": datasets})
    else:
        for report in recordings:
            _show(report)
        for dataset in datasets:
            data_history.show_dataset(dataset)
    if unfit or unfit_sets:
        ctx.exit(EXIT_UNFIT)


@data.command(name="import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@source_options
@catalogue_option
@click.option("--replace", is_flag=True, help="Replace days that are stored with other content.")
@json_option
def import_(
    paths: tuple[Path, ...],
    catalogue: Path | None,
    replace: bool,  # noqa: FBT001  click's call
    as_json: bool,  # noqa: FBT001  click's call
    **facts: str,
) -> None:
    """Store the history in PATHS in the catalogue: checked, hashed, a Parquet file a day.

    Formats are told by content and name. A day that is stored already, the same, is left as it is.
    """
    from openoutcry.cli.data_history import import_history, show_manifest  # noqa: PLC0415  --help needs none

    manifests = import_history(paths, facts, catalogue, replace=replace, is_quiet=as_json)
    if as_json:
        put_json({"datasets": [_summary(each) for each in manifests]})
        return
    for each in manifests:
        show_manifest(each)


@data.command(name="list")
@catalogue_option
@json_option
def list_(catalogue: Path | None, as_json: bool) -> None:  # noqa: FBT001  click's call
    """List the datasets of the catalogue, as `backtest --data` takes them."""
    from openoutcry.backtesting.history.repository import HistoryRepository, catalogue_dir  # noqa: PLC0415
    from openoutcry.cli.data_history import list_table  # noqa: PLC0415

    root = catalogue_dir(catalogue)
    manifests = HistoryRepository(root).list()
    if as_json:
        put_json({"catalogue": root, "datasets": [_summary(each) for each in manifests]})
    elif manifests:
        list_table(root, manifests)
    else:
        click.echo(f"{root} holds nothing yet; get something with `openoutcry data import PATH`")


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


def _is_recorded(place: str) -> bool:
    """True for recordings `<received_ns> <json>`, which have a check of their own."""
    from openoutcry.exchanges.recording import FOLDER_PATTERNS, is_recording  # noqa: PLC0415

    path = Path(place)
    if path.is_dir():
        return any(next(path.rglob(pattern), None) is not None for pattern in FOLDER_PATTERNS)
    return path.is_file() and is_recording(path)


def _summary(manifest: "Manifest") -> dict[str, object]:
    return {
        "reference": manifest.reference,
        "instrument": manifest.instrument,
        "kind": manifest.kind,
        "source": manifest.source,
        "rows": manifest.rows,
        "first_ns": manifest.days[0].first_ns,
        "last_ns": manifest.days[-1].last_ns,
        "days": len(manifest.days),
        "sha256": manifest.sha256,
        "findings": manifest.findings,
    }


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

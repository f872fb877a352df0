"""What the `data` commands do with history: check it, store it, show it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from openoutcry.backtesting.history.datasets import find_sources, is_reference
from openoutcry.backtesting.history.event_quality import survey
from openoutcry.backtesting.history.manifest import Manifest
from openoutcry.backtesting.history.repository import HistoryRepository, catalogue_dir
from openoutcry.backtesting.history.source import ImportOptions, Source
from openoutcry.backtesting.result import DatasetRecord, Finding
from openoutcry.cli.options import moment
from openoutcry.domain.errors import MissingDataError

SHOWN_HASH: Final = 12  # of 64 digits
DATE_CHARS: Final = 10  # of a moment


def check_history(
    place: str, facts: Mapping[str, str], catalogue: Path | None, *, is_quiet: bool
) -> list[DatasetRecord]:
    """The record of every dataset in a place.

    Raises:
        MissingDataError: there is nothing.
        InvalidInputError: a file cannot be read at all.
    """
    if is_reference(place):
        repository = HistoryRepository(catalogue_dir(catalogue))
        manifest = repository.find(place)
        record = manifest.record(repository.folder_of(manifest))
        return [msgspec.structs.replace(record, findings=repository.verify(manifest))]
    sources = find_sources(Path(place), options_of(facts))
    with _bar(is_quiet=is_quiet) as advance:
        return [survey(source, lambda rows: advance(len(rows))).record for source in sources]


def import_history(
    paths: tuple[Path, ...],
    facts: Mapping[str, str],
    catalogue: Path | None,
    *,
    replace: bool,
    is_quiet: bool,
) -> list[Manifest]:
    """Store every dataset in the paths. Raises as `HistoryRepository.add` and `find_sources`."""
    repository = HistoryRepository(catalogue_dir(catalogue))
    sources: list[Source] = []
    for path in paths:
        sources += find_sources(path, options_of(facts))
    if not sources:
        raise MissingDataError("there is no history in what was given; give files or folders with some")
    manifests: dict[str, Manifest] = {}
    with _bar(is_quiet=is_quiet) as advance:
        for source in sources:
            manifest = repository.add(source, replace=replace, progress=advance)
            manifests[manifest.reference] = manifest
    return list(manifests.values())


def options_of(facts: Mapping[str, str]) -> ImportOptions:
    """The options of the command line."""
    return ImportOptions(
        symbol=facts["symbol"],
        venue=facts["venue"],
        interval=facts["interval"],
        price_tick=facts["tick"],
        size_step=facts["step"],
    )


def show_dataset(record: DatasetRecord) -> None:
    """Print what a check found, for people."""
    is_fit = all(finding.severity != "error" for finding in record.findings)
    click.echo(f"{record.venue} {record.symbol}: {'fit for use' if is_fit else 'UNFIT'}")
    click.echo(f"  {record.path}")
    digest = f"sha256 {record.sha256[:SHOWN_HASH]}…" if record.sha256 else "no hash: they have no order"
    click.echo(f"  {record.rows} rows of {record.kind}, {digest}")
    if record.rows:
        click.echo(f"  {moment(record.first_ns)} to {moment(record.last_ns)}")
    _show_findings(record.findings)


def show_manifest(manifest: Manifest) -> None:
    """Print what was stored, for people."""
    days = f"{len(manifest.days)} {'day' if len(manifest.days) == 1 else 'days'}"
    click.echo(
        f"{manifest.reference}: {manifest.rows} rows in {days}, sha256 {manifest.sha256[:SHOWN_HASH]}…"
    )
    _show_findings(manifest.findings)


def list_table(root: Path, manifests: list[Manifest]) -> None:
    """Print the catalogue, for people."""
    table = Table(title=str(root), title_justify="left", box=None, pad_edge=False)
    for name in ("dataset", "rows", "days", "from", "to", "sha256"):
        table.add_column(name, justify="right" if name in {"rows", "days"} else "left", no_wrap=True)
    for each in manifests:
        first, last = (moment(at_ns)[:DATE_CHARS] for at_ns in (each.days[0].first_ns, each.days[-1].last_ns))
        digest = each.sha256[:SHOWN_HASH]
        table.add_row(Text(each.reference), f"{each.rows:,}", str(len(each.days)), first, last, digest)
    Console().print(table)


def _show_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        times = "" if finding.count == 1 else f" ({finding.count} times)"
        click.echo(f"  {finding.severity}: {finding.kind}{times}, row {finding.row}: {finding.detail}")
        click.echo(f"    {finding.remedy}")


@contextmanager
def _bar(*, is_quiet: bool) -> Iterator[Callable[[int], None]]:
    """A line that counts rows, where somebody watches."""
    console = Console(stderr=True)
    if is_quiet or not console.is_terminal:
        yield lambda count: None  # noqa: ARG005  nobody watches
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rows", total=None)
        yield lambda count: progress.advance(task, count)

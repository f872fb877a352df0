"""The catalogue of history: Parquet by venue, symbol, kind and day, and a manifest that says what it is.

`venue=V/symbol=S/kind=K/day=YYYY-MM-DD.parquet`, a large day in parts (`day=….1.parquet` and on). A dataset
is made in a folder beside its own and takes its place at the end, so an import that was cut off changes
nothing. Rows are stored as they were recorded; where the recorder's clock ran behind, the manifest says by
how much receive times are moved when they are read.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from openoutcry.assembly.paths import state_dir
from openoutcry.backtesting.history import content_hash
from openoutcry.backtesting.history.candles import (
    CandleSeries,
    Funding,
    parse_interval,
    record_candles,
    refuse_unfit,
)
from openoutcry.backtesting.history.content_hash import ContentHash
from openoutcry.backtesting.history.day_files import DayWriter, read_file
from openoutcry.backtesting.history.event_quality import survey
from openoutcry.backtesting.history.manifest import (
    MANIFEST,
    DayFiles,
    Manifest,
    day_hashes,
    read_manifest,
    write_manifest,
)
from openoutcry.backtesting.history.quality import check_candles
from openoutcry.backtesting.history.source import (
    CANDLES_PREFIX,
    EVENT_COLUMNS,
    Source,
    columns_of,
)
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.errors import InvalidInputError, MissingDataError

RATE_UNIT: Final = 10**12  # of stored funding rates
LAST_NS: Final = 2**63 - 1

_SAFE: Final = re.compile(r"[^A-Za-z0-9._+-]+")


def catalogue_dir(given: Path | None = None) -> Path:
    """Where history is kept: as given, else `history` in the state folder. It need not exist."""
    return given if given is not None else state_dir() / "history"


class HistoryRepository:
    """Stores and gives datasets; the folder need not exist before the first `add`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self, source: Source, *, replace: bool = False, progress: Callable[[int], None] | None = None
    ) -> Manifest:
        """Store a source's days beside those there already; `progress` is told rows.

        A day that is there already, the same, is left; another one is refused, or replaced if told so.

        Raises:
            InvalidInputError: the source is unfit, its grid or a day contradicts what is stored, or the
                folder cannot be written.
        """
        folder = self._folder(source.instrument.venue, source.instrument.venue_symbol, source.kind)
        stored = read_manifest(folder)
        if stored is not None and stored.instrument != source.instrument:
            raise InvalidInputError(
                f"{stored.reference} is stored with another grid or another instrument's rules; "
                "give the same --tick and --step, or another --venue"
            )
        with _staged(folder) as staging:
            writer = DayWriter(staging, source)
            read = survey(source, lambda rows: writer.write(rows, progress))
            writer.close()
            refuse_unfit(read.record)
            days = writer.days(read.days)
            if stored is not None:
                days = _merged(stored, days, folder, staging, replace=replace)
                if days == stored.days:
                    return stored
            known = stored.findings if stored else ()
            manifest = Manifest(
                instrument=source.instrument,
                kind=source.kind,
                source=str(source.path),
                sha256=content_hash.of_days(day_hashes(days)),
                shift_ns=max(read.shift_ns, stored.shift_ns if stored else 0),
                days=days,
                findings=tuple(dict.fromkeys((*read.record.findings, *known))),
            )
            write_manifest(staging, manifest)
            _swap(staging, folder)
        return manifest

    def list(self) -> list[Manifest]:
        """Every dataset, by reference. Raises InvalidInputError for a damaged manifest."""
        found = [
            read_manifest(path.parent)
            for path in sorted(self.root.glob(f"venue=*/symbol=*/kind=*/{MANIFEST}"))
        ]
        return sorted((each for each in found if each is not None), key=lambda each: each.reference)

    def find(self, reference: str) -> Manifest:
        """The dataset called `venue:symbol:kind`; the symbol is the venue's or the unified one.

        Raises:
            MissingDataError: there is none; the message says which there are.
        """
        venue, _, rest = reference.partition(":")
        symbol, _, kind = rest.rpartition(":")
        datasets = self.list()
        for each in datasets:
            names = {each.instrument.venue_symbol, each.instrument.symbol}
            if each.instrument.venue == venue and each.kind == kind and symbol in names:
                return each
        held = ", ".join(each.reference for each in datasets) or "nothing"
        raise MissingDataError(
            f"{self.root} has no dataset {reference!r}, but {held}; get it with `openoutcry data import`"
        )

    def stream(
        self, venue: str, symbol: str, kind: str, from_ns: int = 0, to_ns: int = LAST_NS
    ) -> Iterator[Integers]:
        """Rows with from_ns <= time < to_ns, ROWS_PER_GROUP at a time, (n, columns), receive times corrected.

        Raises:
            MissingDataError: there is no such dataset.
            InvalidInputError: a file is damaged, cut off or gone.
        """
        return self.stream_of(self.find(f"{venue}:{symbol}:{kind}"), from_ns, to_ns)

    def stream_of(self, manifest: Manifest, from_ns: int = 0, to_ns: int = LAST_NS) -> Iterator[Integers]:
        """As `stream`, of a dataset that was found."""
        folder = self.folder_of(manifest)
        is_events = columns_of(manifest.kind) == EVENT_COLUMNS
        for day in manifest.days:
            if day.last_ns < from_ns or day.first_ns >= to_ns:
                continue
            for file in day.files:
                for rows in read_file(folder / file, columns_of(manifest.kind)):
                    first, last = np.searchsorted(rows[:, 0], [from_ns, to_ns])
                    part = rows[first:last]
                    if is_events and manifest.shift_ns:
                        part[:, 1] += manifest.shift_ns
                    if len(part):
                        yield part

    def load(
        self, venue: str, symbol: str, kind: str, from_ns: int = 0, to_ns: int = LAST_NS
    ) -> tuple[CandleSeries, DatasetRecord]:
        """Candles of a kind `candles-…`, checked anew. Raises as `stream`, and for another kind."""
        return self.candles_of(self.find(f"{venue}:{symbol}:{kind}"), from_ns, to_ns)

    def candles_of(
        self, manifest: Manifest, from_ns: int = 0, to_ns: int = LAST_NS
    ) -> tuple[CandleSeries, DatasetRecord]:
        """As `load`, of a dataset that was found."""
        if not manifest.kind.startswith(CANDLES_PREFIX):
            raise InvalidInputError(f"{manifest.reference} is no candles; give a dataset of kind candles-…")
        interval_ns = parse_interval(manifest.kind.removeprefix(CANDLES_PREFIX))
        rows = _joined(list(self.stream_of(manifest, from_ns, to_ns)), len(columns_of(manifest.kind)))
        series = CandleSeries.of_rows(manifest.instrument, interval_ns, rows)
        record = record_candles(
            series,
            name=manifest.reference,
            path=str(self.folder_of(manifest)),
            findings=check_candles(series),
        )
        return series, record

    def load_funding(self, venue: str, symbol: str) -> Funding:
        """Funding rates of a contract. Raises as `stream`."""
        rows = _joined(list(self.stream(venue, symbol, "funding")), 2)
        return Funding(np.ascontiguousarray(rows[:, 0]), rows[:, 1] / RATE_UNIT)

    def verify(self, manifest: Manifest) -> tuple[Finding, ...]:
        """The findings of the import, and whether the files still hold what it stored."""
        content = ContentHash(columns_of(manifest.kind))
        try:
            for rows in self.stream_of(msgspec.structs.replace(manifest, shift_ns=0)):
                content.update(rows)
            detail = (
                ""
                if content.hexdigest() == manifest.sha256
                else "the files hold other rows than were imported"
            )
        except InvalidInputError as error:
            detail = str(error)
        if not detail:
            return manifest.findings
        changed = Finding(
            severity="error",
            kind="changed",
            count=1,
            row=0,
            detail=detail,
            remedy="import it anew with --replace",
        )
        return (changed, *manifest.findings)

    def folder_of(self, manifest: Manifest) -> Path:
        """Where a dataset is kept."""
        return self._folder(manifest.instrument.venue, manifest.instrument.venue_symbol, manifest.kind)

    def _folder(self, venue: str, symbol: str, kind: str) -> Path:
        columns_of(kind)  # refuses an unknown one
        parts = {"venue": venue, "symbol": symbol, "kind": kind}
        return self.root.joinpath(*(f"{name}={_SAFE.sub('-', text)}" for name, text in parts.items()))


def _merged(
    stored: Manifest, days: tuple[DayFiles, ...], folder: Path, staging: Path, *, replace: bool
) -> tuple[DayFiles, ...]:
    """Days of both; those that stay are linked into the new folder."""
    new = {day.day: day for day in days}
    for old in stored.days:
        came = new.get(old.day)
        if came is not None and came.sha256 != old.sha256:
            if not replace:
                raise InvalidInputError(
                    f"{stored.reference} has another {old.day} already ({old.rows} rows, now {came.rows}); "
                    "import all files of a day at once, or replace it with --replace"
                )
            continue
        if came is not None:
            for file in came.files:
                (staging / file).unlink()
        for file in old.files:
            os.link(folder / file, staging / file)
        new[old.day] = old
    return tuple(new[day] for day in sorted(new))


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A fresh folder beside the dataset's; gone afterwards, unless it took its place."""
    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
    except OSError as error:
        raise InvalidInputError(
            f"{folder} cannot be written ({error}); check permissions and space, or give another --catalogue"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _swap(staging: Path, folder: Path) -> None:
    """The new folder takes the old one's place."""
    if not folder.exists():
        staging.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.old.{os.getpid()}")
    folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _joined(parts: list[Integers], columns: int) -> Integers:
    return np.vstack(parts) if parts else np.empty((0, columns), np.int64)

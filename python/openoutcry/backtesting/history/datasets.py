"""History by any name: a file, a folder, or a dataset of the catalogue."""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from openoutcry.backtesting.history import candle_files, tables
from openoutcry.backtesting.history.candles import CandleSeries, interval_text, load_funding, refuse_unfit
from openoutcry.backtesting.history.event_quality import LEAST_LATENCY_NS, survey
from openoutcry.backtesting.history.importers import (
    binance_dump,
    binance_recording,
    ccxt_ohlcv,
    coinbase_csv,
    lobster,
    session,
    tardis,
)
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.repository import (
    LAST_NS,
    RATE_UNIT,
    HistoryRepository,
    catalogue_dir,
)
from openoutcry.backtesting.history.source import (
    CANDLES_PREFIX,
    EVENT_COLUMNS,
    ImportOptions,
    Notes,
    Rows,
    Source,
)
from openoutcry.backtesting.result import DatasetRecord, Integers
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.exchanges.recording import FOLDER_PATTERNS, is_recording
from openoutcry.plugins.registry import did_you_mean

TABLE_PATTERNS: Final = ("*.parquet", "*.csv", "*.csv.gz", "*.csv.zst", "*.zip", "*.json")

_REFERENCE: Final = re.compile(r"[A-Za-z0-9_.+-]+:[A-Za-z0-9_./:+-]+:[a-z0-9-]+")


@dataclass(frozen=True, slots=True, eq=False)
class CandlesDataset:
    """Candles, and which they are."""

    series: CandleSeries
    record: DatasetRecord

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        return self.series.instrument


@dataclass(frozen=True, slots=True, eq=False)
class EventsDataset:
    """Market events, and which they are; `kind` is `events`, `trades` or `quotes`.

    `stream(from_ns, to_ns)` reads them from the first, some at a time: int64 arrays (n, columns), in order of
    time, receive times corrected. It can be called again.
    """

    instrument: Instrument
    kind: str
    record: DatasetRecord
    stream: Callable[[int, int], Iterator[Integers]]

    def rows(self) -> Iterator[Integers]:
        """All rows."""
        return self.stream(0, LAST_NS)


Dataset = CandlesDataset | EventsDataset


def is_reference(text: str) -> bool:
    """True if a text names a dataset of the catalogue, `venue:symbol:kind`, and no file."""
    return _REFERENCE.fullmatch(text) is not None and not Path(text).exists()


def load_any(
    place: Path | str, *, catalogue: Path | None = None, options: ImportOptions | None = None
) -> Dataset:
    """The one dataset in a file or folder, or called `venue:symbol:kind` in the catalogue, if it is fit.

    Raises:
        MissingDataError: there is none.
        InvalidInputError: it is unfit, or there are several: the message names them.
    """
    if is_reference(str(place)):
        return _stored(HistoryRepository(catalogue_dir(catalogue)), str(place))
    return dataset_of(_one_source(place, options))


def load_only_candles(
    place: Path | str, *, catalogue: Path | None = None, options: ImportOptions | None = None
) -> CandlesDataset:
    """The candles that `load_any` means, where nothing else will do; events are refused before they are read.

    Raises:
        MissingDataError: there are none.
        InvalidInputError: as `load_any`, or it is market events.
    """
    found: Dataset | Source
    if is_reference(str(place)):
        found = _stored(HistoryRepository(catalogue_dir(catalogue)), str(place))
    else:
        source = _one_source(place, options)
        found = dataset_of(source) if isinstance(source, _CandleSource) else source
    if not isinstance(found, CandlesDataset):
        raise InvalidInputError(
            f"{place} holds market events of {found.instrument.symbol}, and candles alone are taken here; "
            "give candles, or trade the events with `openoutcry backtest`"
        )
    return found


def _one_source(place: Path | str, options: ImportOptions | None) -> Source:
    """The one source in a file or folder that is no funding. Raises as `load_any`."""
    found = [each for each in find_sources(Path(place), options or ImportOptions()) if each.kind != "funding"]
    if not found:
        raise MissingDataError(f"{place} holds no candles and no market events; give another path")
    if len(found) > 1:
        names = ", ".join(f"{each.instrument.symbol} ({each.name})" for each in found)
        raise InvalidInputError(
            f"{place} holds {len(found)} datasets: {names}; give one of the files, or choose with --symbol"
        )
    return found[0]


def dataset_of(source: Source) -> Dataset:
    """A source as a dataset; it is read once to check and hash it.

    Raises:
        InvalidInputError: it is unfit.
    """
    if isinstance(source, _CandleSource):
        refuse_unfit(source.record)
        return CandlesDataset(source.series, source.record)
    read = survey(source)
    refuse_unfit(read.record)

    def stream(from_ns: int, to_ns: int) -> Iterator[Integers]:
        return _between(source, read.shift_ns, from_ns, to_ns)

    return EventsDataset(source.instrument, source.kind, read.record, stream)


def find_sources(place: Path, options: ImportOptions) -> list[Source]:
    """What a file, or a folder and the folders below it, holds; formats are told by content and name.

    `options.symbol` names the symbol of a single file, and chooses one in a folder.

    Raises:
        MissingDataError: there is nothing.
        InvalidInputError: a file is damaged, or of no format that is known.
    """
    if place.is_file() and lobster.is_book_file(place):
        raise InvalidInputError(
            f"{place} is a book file of LOBSTER; give its messages, {lobster.message_file_of(place).name}, "
            "which are read with it"
        )
    if place.is_file():
        return _file_sources(place, options)
    if not place.is_dir():
        raise MissingDataError(f"there is no {place}; {_beside(place)}")
    found = _folder_sources(place, options)
    if not found:
        raise MissingDataError(
            f"{place} holds no history (looked for {', '.join((*FOLDER_PATTERNS, *TABLE_PATTERNS))})"
        )
    return _chosen(found, options.symbol) if options.symbol else found


def _folder_sources(place: Path, options: ImportOptions) -> list[Source]:
    """All that a folder holds; a symbol that was given names only what does not say its own."""
    unsaid = msgspec.structs.replace(options, symbol="", unsaid_symbol=options.symbol)
    if coinbase_csv.is_coinbase(place):
        return coinbase_csv.open_coinbase(place, unsaid)
    found: list[Source] = []
    if any(next(place.rglob(pattern), None) for pattern in FOLDER_PATTERNS):
        found += binance_recording.open_recordings(place, unsaid)
    for file in sorted({file for pattern in TABLE_PATTERNS for file in place.rglob(pattern)}):
        found += _file_sources(file, unsaid)
    return found


def _beside(place: Path) -> str:
    """What to give instead of a path that is not there."""
    names = [each.name for each in place.parent.iterdir()] if place.parent.is_dir() else []
    near = difflib.get_close_matches(place.name, names, n=1)
    guess = f"did you mean {place.parent / near[0]}? " if near else ""
    return f"{guess}give a file, a folder or venue:symbol:kind"


def _chosen(found: list[Source], symbol: str) -> list[Source]:
    """Those of one symbol, as the venue or we write it. MissingDataError if there is none."""
    chosen = [each for each in found if symbol in {each.instrument.venue_symbol, each.instrument.symbol}]
    if not chosen:
        raise MissingDataError(
            f"there is no {symbol}; {did_you_mean(symbol, {each.instrument.symbol for each in found})}"
        )
    return chosen


def _file_sources(file: Path, options: ImportOptions) -> list[Source]:
    if tables.is_parquet(file):
        frame, facts = tables.read_parquet(file)
        return [
            _funding(file, options, facts)
            if candle_files.is_funding(frame.columns)
            else _candles(file, options)
        ]
    named = next((open_format for is_format, open_format in _FORMATS if is_format(file)), None)
    return named(file, options) if named is not None else _table_sources(file, options)


def _table_sources(file: Path, options: ImportOptions) -> list[Source]:
    header = tables.header_of(file)
    if tardis.is_tardis(header):
        return tardis.open_tardis(file, options)
    if header[0].startswith("["):
        return [_CandleSource.of(file, *ccxt_ohlcv.read_ohlcv(file, options))]
    if candle_files.is_funding(header):
        return [_funding(file, options, {})]
    return [_candles(file, options)]


_FORMATS: Final = (
    (lobster.is_lobster, lobster.open_lobster),
    (lobster.is_book_file, lobster.open_beside),
    (coinbase_csv.is_coinbase, coinbase_csv.open_coinbase),
    (session.is_session, session.open_session),
    (binance_dump.is_dump, binance_dump.open_dump),
    (is_recording, binance_recording.open_recordings),
)


@dataclass(frozen=True, slots=True, eq=False)
class _CandleSource(Source):
    """Candles are read and checked at once, as one."""

    series: CandleSeries
    record: DatasetRecord

    @classmethod
    def of(cls, file: Path, series: CandleSeries, record: DatasetRecord) -> "_CandleSource":
        def read(notes: Notes) -> Rows:
            notes.extend(record.findings)
            yield series.rows()

        kind = f"{CANDLES_PREFIX}{interval_text(series.interval_ns)}"
        return cls(series.instrument, kind, record.name, file, read, series, record)


def _candles(file: Path, options: ImportOptions) -> Source:
    series, record = candle_files.read_candles(
        file,
        symbol=options.symbol,
        unsaid_symbol=options.unsaid_symbol,
        venue=options.venue,
        interval=options.interval,
    )
    return _CandleSource.of(file, series, record)


def _funding(file: Path, options: ImportOptions, facts: dict[str, str]) -> Source:
    named = candle_files.facts_of_name(file)
    symbol = options.symbol or facts.get("symbol") or named["symbol"] or options.unsaid_symbol
    venue = options.venue or facts.get("venue") or named["venue"] or "unknown"
    if not symbol:
        raise InvalidInputError(f"{file}: the symbol is not known; give --symbol, as BTCUSDT or BTC/USDT")

    def read(notes: Notes) -> Rows:  # noqa: ARG001  there is nothing to say
        funding = load_funding(file)
        rates = np.rint(funding.rates * RATE_UNIT).astype(np.int64)
        yield np.ascontiguousarray(np.column_stack([funding.times_ns, rates]))

    instrument = make_instrument(venue, symbol, price_tick="1", size_step="1")
    return Source(instrument=instrument, kind="funding", name=file.stem, path=file, read=read)


def _between(source: Source, shift_ns: int, from_ns: int, to_ns: int) -> Iterator[Integers]:
    """A source's rows of a span, with receive times corrected."""
    is_shifted = shift_ns >= LEAST_LATENCY_NS and source.columns == EVENT_COLUMNS
    for rows in source.read([]):
        first, last = np.searchsorted(rows[:, 0], [from_ns, to_ns])
        part = rows[first:last]
        if is_shifted and len(part):
            part = part.copy()
            part[:, 1] += shift_ns
        if len(part):
            yield part
        if last < len(rows):
            return


def _stored(repository: HistoryRepository, reference: str) -> Dataset:
    manifest = repository.find(reference)
    if manifest.kind.startswith(CANDLES_PREFIX):
        series, record = repository.candles_of(manifest)
        refuse_unfit(record)
        return CandlesDataset(series, record)
    if manifest.kind == "funding":
        raise InvalidInputError(f"{reference} holds funding rates, which go beside candles; give the candles")

    def stream(from_ns: int, to_ns: int) -> Iterator[Integers]:
        return repository.stream_of(manifest, from_ns, to_ns)

    record = manifest.record(repository.folder_of(manifest))
    return EventsDataset(manifest.instrument, manifest.kind, record, stream)

"""Candles of one instrument and funding rates, as columns."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from openoutcry.backtesting.history.content_hash import ContentHash
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_S, TimestampNs

CANDLE_COLUMNS: Final = ("open_ns", "open_ticks", "high_ticks", "low_ticks", "close_ticks", "volume_lots")
MAX_RATE: Final = 0.05  # of a position, at one settlement; venues cap theirs below
INTERVAL_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, eq=False)
class CandleSeries:
    """Candles of one instrument as int64 columns, oldest first.

    Prices are in ticks, volume in lots, times in ns UTC.
    """

    instrument: Instrument
    interval_ns: int
    open_ns: Integers
    open_ticks: Integers
    high_ticks: Integers
    low_ticks: Integers
    close_ticks: Integers
    volume_lots: Integers

    @property
    def close_ns(self) -> Integers:
        """When each candle ends."""
        return self.open_ns + self.interval_ns

    def __len__(self) -> int:
        return len(self.open_ns)

    def slice(self, start: int, stop: int) -> "CandleSeries":
        """Candles `start` up to `stop`, as views."""
        return CandleSeries(
            self.instrument, self.interval_ns, *(column[start:stop] for column in self.columns())
        )

    def columns(self) -> tuple[Integers, ...]:
        """The columns in the order of CANDLE_COLUMNS."""
        return (
            self.open_ns,
            self.open_ticks,
            self.high_ticks,
            self.low_ticks,
            self.close_ticks,
            self.volume_lots,
        )

    def views(self) -> "tuple[memoryview[int], ...]":
        """The columns as `columns` gives them, whose items are plain integers."""
        return tuple(
            memoryview(np.ascontiguousarray(column))  # type: ignore[arg-type]  # its items are ints
            for column in self.columns()
        )

    def rows(self) -> Integers:
        """The columns side by side, (n, 6), a copy."""
        rows = np.empty((len(self), len(CANDLE_COLUMNS)), np.int64)
        for index, column in enumerate(self.columns()):
            rows[:, index] = column
        return rows

    @classmethod
    def of_rows(cls, instrument: Instrument, interval_ns: int, rows: Integers) -> "CandleSeries":
        """A series of rows as `rows` gives them."""
        return cls(instrument, interval_ns, *(np.ascontiguousarray(column) for column in rows.T))


@dataclass(frozen=True, slots=True, eq=False)
class Funding:
    """Funding rates of a perpetual: at each time, in ns UTC, longs pay `rate` of their position's value.

    `path` is where they were read from, or empty.
    """

    times_ns: Integers
    rates: npt.NDArray[np.float64]
    path: str = ""

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def sha256(self) -> str:
        """The hash of the times and the rates."""
        return hashlib.sha256(self.times_ns.tobytes() + self.rates.tobytes()).hexdigest()


def interval_text(interval_ns: int) -> str:
    """An interval as venues write it: `5m`, `1h`, `30s`; in ns where no unit fits."""
    for unit, seconds in reversed(INTERVAL_UNITS_S.items()):
        if interval_ns % (seconds * NS_PER_S) == 0:
            return f"{interval_ns // (seconds * NS_PER_S)}{unit}"
    return f"{interval_ns}ns"


def parse_interval(text: str) -> int:
    """An interval of `interval_text` in ns.

    Raises:
        InvalidInputError: it is no positive number and unit.
    """
    number, unit = text[:-1], text[-1:]
    if text.endswith("ns") and text[:-2].isdigit() and int(text[:-2]):
        return int(text[:-2])
    if not number.isdigit() or not int(number) or unit not in INTERVAL_UNITS_S:
        raise InvalidInputError(f"interval {text!r} is unknown; write it as 1m, 5m, 1h or 1d")
    return int(number) * INTERVAL_UNITS_S[unit] * NS_PER_S


def load_candles(
    path: Path, *, symbol: str = "", venue: str = "", interval: str = ""
) -> tuple[CandleSeries, DatasetRecord]:
    """Read and check candles: Parquet with its scales in the metadata, or CSV (plain, gzip, zstd, zip).

    What neither the file nor its name says can be given. Gaps are kept as they are, and told; a candle that
    came twice, the same, is dropped and told.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is damaged or a column is missing; or its candles are contradictory, go back in
            time or are not candles. The message names the file, the row and the remedy.
    """
    from openoutcry.backtesting.history.candle_files import read_candles  # noqa: PLC0415  its readers are slow

    series, record = read_candles(path, symbol=symbol, venue=venue, interval=interval)
    refuse_unfit(record)
    return series, record


def load_funding(path: Path) -> Funding:
    """Read funding rates from Parquet or CSV: columns `ts` (or `time`, `fundingTime`) and `funding_rate`.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is damaged or empty, a column is missing, a time goes back or a rate is absurd.
    """
    from openoutcry.backtesting.history.candle_files import read_funding  # noqa: PLC0415

    funding = read_funding(path)
    if not len(funding):
        raise InvalidInputError(f"{path} holds no funding rate; fetch it again")
    absurd = np.flatnonzero(~(np.abs(funding.rates) <= MAX_RATE))
    if len(absurd):
        row, rate = int(absurd[0]), float(funding.rates[absurd[0]])
        raise InvalidInputError(
            f"{path}, row {row}: a rate of {rate:g} would be {100 * rate:g} % of a position at once; "
            "rates are fractions: 0.0001 is 0.01 %"
        )
    return funding


def record_candles(
    series: CandleSeries, *, name: str, path: str, findings: tuple[Finding, ...]
) -> DatasetRecord:
    """The record of a series: where it came from, its hash and what a check found."""
    content = ContentHash(CANDLE_COLUMNS)
    is_ordered = all(finding.kind != "backward_time" for finding in findings)
    if is_ordered:
        content.update(series.rows())
    return DatasetRecord(
        name=name,
        path=path,
        kind="candles",
        venue=series.instrument.venue,
        symbol=series.instrument.symbol,
        first_ns=TimestampNs(int(series.open_ns.min()) if len(series) else 0),
        last_ns=TimestampNs(int(series.close_ns.max()) if len(series) else 0),
        rows=len(series),
        sha256=content.hexdigest() if is_ordered else "",
        findings=findings,
    )


def record_funding(funding: Funding, instrument: Instrument) -> DatasetRecord:
    """The record of an instrument's funding."""
    return DatasetRecord(
        name=Path(funding.path).stem or "funding",
        path=funding.path,
        kind="funding",
        venue=instrument.venue,
        symbol=instrument.symbol,
        first_ns=TimestampNs(int(funding.times_ns[0]) if len(funding) else 0),
        last_ns=TimestampNs(int(funding.times_ns[-1]) if len(funding) else 0),
        rows=len(funding),
        sha256=funding.sha256,
    )


def refuse_unfit(record: DatasetRecord) -> None:
    """Raise the first finding that makes a dataset unfit.

    Raises:
        InvalidInputError: a finding is an error.
    """
    for finding in record.findings:
        if finding.severity == "error":
            raise InvalidInputError(f"{record.path}, row {finding.row}: {finding.detail}; {finding.remedy}")

"""Candles of one instrument, as columns, and how they are read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from openoutcry.backtesting.result import DatasetRecord, Integers
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS, NS_PER_S, Atoms, SizeLots, TimestampNs

COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume")
QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "BTC", "ETH", "EUR", "USD")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


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
        """When each candle closes."""
        return self.open_ns + self.interval_ns

    def __len__(self) -> int:
        return len(self.open_ns)

    def slice(self, start: int, stop: int) -> "CandleSeries":
        """Candles `start` up to `stop`, as views."""
        part = slice(start, stop)
        return CandleSeries(
            self.instrument,
            self.interval_ns,
            self.open_ns[part],
            self.open_ticks[part],
            self.high_ticks[part],
            self.low_ticks[part],
            self.close_ticks[part],
            self.volume_lots[part],
        )


def load_candles(path: Path) -> tuple[CandleSeries, DatasetRecord]:
    """Read a Parquet file of candles, whose key-value metadata says the venue, symbol, interval and scales.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is not Parquet, or a column or a fact is missing.
    """
    import polars as pl  # noqa: PLC0415  slow to import

    if not path.is_file():
        raise MissingDataError(f"there is no file {path}; give the path of candles in Parquet")
    try:
        facts = pl.read_parquet_metadata(path)
        frame = pl.read_parquet(path, columns=list(COLUMNS))
        instrument = _instrument(facts)
        interval_ns = int(facts["interval"][:-1]) * _UNITS_S[facts["interval"][-1]] * NS_PER_S
    except (pl.exceptions.PolarsError, KeyError, ValueError, OSError) as error:
        raise InvalidInputError(f"{path} cannot be read as candles ({error}); check it") from error
    columns = [np.ascontiguousarray(frame[name].to_numpy(), np.int64) for name in COLUMNS]
    ts, opens, highs, lows, closes, volumes = columns
    series = CandleSeries(instrument, interval_ns, ts * NS_PER_MS, opens, highs, lows, closes, volumes)
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()
    record = DatasetRecord(
        name=path.stem,
        path=str(path),
        kind="candles",
        venue=instrument.venue,
        symbol=instrument.symbol,
        first_ns=TimestampNs(int(series.open_ns[0])),
        last_ns=TimestampNs(int(series.close_ns[-1])),
        rows=len(series),
        sha256=digest,
    )
    return series, record


def _instrument(facts: dict[str, str]) -> Instrument:
    name, venue = facts["symbol"], facts["venue"]
    quote = next(quote for quote in QUOTES if name.endswith(quote) and name != quote)
    base = name.removesuffix(quote)
    kind: Literal["spot", "linear"] = "spot" if "spot" in venue else "linear"
    price_scale, volume_scale = int(facts["price_scale"]), int(facts["volume_scale"])
    return Instrument(
        venue=venue,
        symbol=f"{base}/{quote}" if kind == "spot" else f"{base}/{quote}:{quote}",
        venue_symbol=name,
        base=base,
        quote=quote,
        price_tick=_step(price_scale),
        size_step=_step(volume_scale),
        min_size_lots=SizeLots(1),
        max_size_lots=SizeLots(10**12),
        min_notional_atoms=Atoms(5 * ATOMS_PER_UNIT),
        kind=kind,
    )


def _step(scale: int) -> str:
    return "1" if scale == 0 else f"0.{'0' * (scale - 1)}1"

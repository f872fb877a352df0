"""Candles and funding out of files: which column is what, on which grid, of which instrument."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from openoutcry.backtesting.history import exact, tables
from openoutcry.backtesting.history.candles import (
    CandleSeries,
    Funding,
    parse_interval,
    record_candles,
)
from openoutcry.backtesting.history.float_noise import Denoised, without_noise
from openoutcry.backtesting.history.instruments import MAX_DECIMALS, make_instrument, step_text
from openoutcry.backtesting.history.quality import check_candles, drop_repeated
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.errors import InvalidInputError

if TYPE_CHECKING:
    import polars as pl

# Binance's own order of a kline, which its older dumps have without a header.
KLINE_NAMES: Final = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_TIME_NAMES: Final = (
    "ts",
    "open_ns",
    "open_time",
    "open time",
    "time",
    "timestamp",
    "datetime",
    "date",
    "unix",
)
_FUNDING_TIMES: Final = ("ts", "fundingtime", "calc_time", "time", "timestamp", "at_ns")
_FUNDING_RATES: Final = ("funding_rate", "fundingrate", "last_funding_rate", "rate")
_PRICES: Final = ("open", "high", "low", "close")
_VENUE_IN_NAME: Final = re.compile(r"^([a-z]+(?:-[a-z]+)?)[_-](?=[A-Z])")
_SYMBOL_IN_NAME: Final = re.compile(
    r"(?<![A-Z0-9])([A-Z0-9]{2,15}?[-_]?(?:USDT|USDC|FDUSD|BUSD|USD|EUR|BTC|ETH)(?:[-_](?:PERP|SWAP))?)(?![A-Z0-9])"
)
_INTERVAL_IN_NAME: Final = re.compile(r"(?<![A-Za-z0-9])([0-9]+[smhdw])(?![A-Za-z0-9])")


def read_candles(
    path: Path, *, symbol: str = "", unsaid_symbol: str = "", venue: str = "", interval: str = ""
) -> tuple[CandleSeries, DatasetRecord]:
    """Candles with all that a check finds, errors among them, which `load_candles` refuses.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it cannot be read as candles at all.
    """
    if tables.is_parquet(path):
        frame, facts = tables.read_parquet(path)
    else:
        frame, facts = tables.read_csv(path, KLINE_NAMES), {}
    named = facts_of_name(path)
    said = facts.get("symbol", symbol) or symbol
    if symbol and said != symbol:
        raise InvalidInputError(f"{path} says that it is of {said}; leave out --symbol {symbol}")
    try:
        return candles_of(
            frame,
            path=path,
            symbol=symbol or facts.get("symbol") or named["symbol"] or unsaid_symbol,
            venue=venue or facts.get("venue") or named["venue"] or "unknown",
            interval=interval or facts.get("interval") or named["interval"],
            facts=facts,
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None


def candles_of(
    frame: "pl.DataFrame", *, path: Path, symbol: str, venue: str, interval: str, facts: dict[str, str]
) -> tuple[CandleSeries, DatasetRecord]:
    """Candles of a table. Raises InvalidInputError: a column or a fact is missing, a cell is no number."""
    if not symbol:
        raise InvalidInputError("the symbol is not known; give --symbol, as BTCUSDT or BTC/USDT")
    if not len(frame):
        raise InvalidInputError("the file holds no candle; fetch it again")
    columns = _columns(frame)
    open_ns = exact.times_ns(columns["time"])
    interval_ns = parse_interval(interval) if interval else _commonest_step(open_ns)
    numbers, price_scale, volume_scale, notes = _on_grid(columns, facts)
    instrument = make_instrument(
        venue, symbol, price_tick=step_text(price_scale), size_step=step_text(volume_scale)
    )
    whole = CandleSeries(instrument, interval_ns, open_ns, *numbers)
    findings = (*check_candles(whole), *notes)
    series = drop_repeated(whole)
    return series, record_candles(series, name=path.stem, path=str(path), findings=findings)


def read_funding(path: Path) -> Funding:
    """Funding rates, oldest first. Raises as `load_funding`."""
    if tables.is_parquet(path):
        frame, _ = tables.read_parquet(path)
    else:
        frame = tables.read_csv(path)
    frame = frame.rename({name: name.lower() for name in frame.columns})
    try:
        times_ns = exact.times_ns(_find(frame, _FUNDING_TIMES, "time"))
        rates = exact.decimal_column(_find(frame, _FUNDING_RATES, "funding_rate"))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from None
    back = np.flatnonzero(np.diff(times_ns) <= 0)
    if len(back):
        raise InvalidInputError(
            f"{path}, row {int(back[0]) + 1}: the time does not go forward; sort the file and drop doubles"
        )
    return Funding(times_ns, np.array([float(text) for text in rates], np.float64), str(path))


def is_funding(frame_columns: list[str]) -> bool:
    """True if a table with these columns holds funding rates."""
    return any(name.lower() in _FUNDING_RATES for name in frame_columns)


def _columns(frame: "pl.DataFrame") -> dict[str, "pl.Series"]:
    frame = frame.rename({name: name.lower().strip() for name in frame.columns})
    found = {"time": _find(frame, _TIME_NAMES, "time")}
    for name in (*_PRICES, "volume"):
        found[name] = _find(frame, (name, f"{name}_ticks", f"{name}_lots", name[:1]), name)
    return found


def _find(frame: "pl.DataFrame", names: tuple[str, ...], meaning: str) -> "pl.Series":
    for name in names:
        if name in frame.columns:
            return frame[name].alias(meaning)
    raise InvalidInputError(
        f"column {meaning!r} is missing (there are {', '.join(frame.columns)}); add or rename it"
    )


class _Grid(NamedTuple):
    """Prices in ticks and volume in lots, the decimals of both, and what had to be rounded."""

    numbers: tuple[Integers, Integers, Integers, Integers, Integers]
    price_scale: int
    volume_scale: int
    notes: tuple[Finding, ...] = ()


def _on_grid(columns: dict[str, "pl.Series"], facts: dict[str, str]) -> _Grid:
    names = (*_PRICES, "volume")
    if "price_scale" in facts and all(columns[name].dtype.is_integer() for name in names):
        opens, high, low, close, volume = (_integers(columns[name]) for name in names)
        scales = _scale(facts, "price_scale"), _scale(facts, "volume_scale")
        return _coarser(_Grid((opens, high, low, close, volume), *scales))
    texts = [exact.decimal_column(columns[name]) for name in names]
    prices, volumes = without_noise(texts[:4]), without_noise(texts[4:])
    price_scale = max(map(exact.decimals, prices.columns))
    if price_scale > MAX_DECIMALS:
        raise InvalidInputError(_too_fine(prices.columns))
    opens, high, low, close = (exact.scaled(text, price_scale) for text in prices.columns)
    [exactly] = volumes.columns
    volume_scale = min(exact.decimals(exactly), MAX_DECIMALS - price_scale)
    kept = exact.cut(exactly, volume_scale)
    notes = [_noise(each, what) for each, what in ((prices, "prices"), (volumes, "volumes")) if each.changed]
    rounded = (kept != exactly).arg_true().to_numpy()
    if len(rounded):
        notes.append(_volume_rounded(rounded, volume_scale))
    numbers = (opens, high, low, close, exact.scaled(kept, volume_scale))
    return _Grid(numbers, price_scale, volume_scale, tuple(notes))


def _too_fine(prices: Sequence["pl.Series"]) -> str:
    column = max(prices, key=exact.decimals)
    row = int((column.str.extract(r"\.([0-9]+)$").str.len_bytes() > MAX_DECIMALS).arg_true()[0])
    return (
        f"row {row}: {column.name} {column[row]} has more than {MAX_DECIMALS} decimals, to which amounts are "
        "exact; round the prices to the venue's tick"
    )


def _noise(found: Denoised, what: str) -> Finding:
    return Finding(
        severity="note",
        kind="float_noise",
        count=found.changed,
        row=found.row,
        detail=f"{what} with more digits than a float carries, as {found.was}, are read as the nearest "
        f"on the grid of the others, {found.now}",
        remedy="none is needed",
    )


def _coarser(grid: _Grid) -> _Grid:
    """Volume is rounded down where price and volume together are finer than amounts can be exact."""
    surplus = grid.price_scale + grid.volume_scale - MAX_DECIMALS
    if surplus <= 0 or grid.price_scale > MAX_DECIMALS:
        return grid
    *prices, volume = grid.numbers
    kept = grid.volume_scale - surplus
    coarse = volume // 10**surplus
    changed = np.flatnonzero(coarse * 10**surplus != volume)
    notes = (_volume_rounded(changed, kept),) if len(changed) else ()
    opens, high, low, close = prices
    return _Grid((opens, high, low, close, coarse), grid.price_scale, kept, notes)


def _volume_rounded(rows: Integers, kept: int) -> Finding:
    return Finding(
        severity="note",
        kind="volume_rounded",
        count=len(rows),
        row=int(rows[0]),
        detail=f"volume is rounded down to {kept} decimals: amounts are exact to 8",
        remedy="none is needed; volume is no money",
    )


def _integers(column: "pl.Series") -> Integers:
    import polars as pl  # noqa: PLC0415  slow to import

    empty = column.is_null().arg_true()
    if len(empty):
        raise InvalidInputError(f"row {int(empty[0])}: {column.name} is empty; mend or drop the row")
    return np.ascontiguousarray(column.cast(pl.Int64).to_numpy(), np.int64)


def _scale(facts: dict[str, str], name: str) -> int:
    text = facts.get(name, "")
    if not text.isdigit() or int(text) > exact.MAX_SCALE:
        raise InvalidInputError(f"metadata {name} is {text!r}; write the number of decimals, 0 to 18")
    return int(text)


def _commonest_step(open_ns: Integers) -> int:
    steps = np.diff(open_ns)
    steps = steps[steps > 0]
    if not len(steps):
        raise InvalidInputError("the interval cannot be told from one candle; give --interval, as 5m")
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def facts_of_name(path: Path) -> dict[str, str]:
    """Symbol, venue and interval as a file's name says them, empty where it does not."""
    name = path.name.split(".")[0]
    patterns = {"symbol": _SYMBOL_IN_NAME, "venue": _VENUE_IN_NAME, "interval": _INTERVAL_IN_NAME}
    found = {fact: pattern.search(name) for fact, pattern in patterns.items()}
    return {fact: match[1] if match else "" for fact, match in found.items()}

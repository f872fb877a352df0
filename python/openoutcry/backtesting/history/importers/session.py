"""Raw sessions of several venues as one JSON object a line: what was asked, sent and received.

Lines are {"t": "http" | "connect" | "recv" | …, "conn", "ts" in s, "url" | "addr", "data"} (the recorder of
bmoscon/cryptofeed). A session holds many symbols, so one must be given, and its grid.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from openoutcry.backtesting.history.importers.binance_recording import as_rows, decoded, note_counts
from openoutcry.backtesting.history.instruments import make_instrument
from openoutcry.backtesting.history.source import ImportOptions, Notes, Rows, Source, note
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, parse_decimal
from openoutcry.exchanges.recording import file_lines
from openoutcry.native import DecodeError, HistoryDecoder

# The recorder's name: the core's venue, its product, what a contract's name adds to ours.
VENUES: Final = {
    "BINANCE": ("binance", "spot", "binance-spot"),
    "BINANCE_FUTURES": ("binance", "usdm", "binance-um"),
    "BITSTAMP": ("bitstamp", "spot", "bitstamp"),
    "BYBIT": ("bybit", "spot", "bybit"),
    "COINBASE": ("coinbase", "spot", "coinbase"),
    "KRAKEN": ("kraken", "spot", "kraken"),
    "OKX": ("okx", "spot", "okx"),
}
LINES_PER_BLOCK: Final = 256


def is_session(path: Path) -> bool:
    """True if a file is called as sessions are."""
    return ".jsonl" in path.name


def open_session(path: Path, options: ImportOptions) -> list[Source]:
    """One symbol of a session.

    Raises:
        MissingDataError: there is no such file.
        InvalidInputError: it is no session, or its symbol or grid was not given.
    """
    header = _parse(path, 1, next(file_lines(path), b"{}"))
    exchange = str(header.get("exchange", ""))
    if exchange not in VENUES:
        raise InvalidInputError(
            f"{path} is no session of {', '.join(VENUES)}: its first line does not say so"
        )
    options = msgspec.structs.replace(options, symbol=options.symbol or options.unsaid_symbol)
    if not (options.symbol and options.price_tick and options.size_step):
        raise InvalidInputError(
            f"{path} holds several symbols and no grid; store one by `openoutcry data import` with the "
            "venue's own --symbol, --tick and --step"
        )
    _, _, name = VENUES[exchange]
    venue = options.venue or name
    factor = _factor(options)
    step = format(Decimal(options.size_step) * factor, "f")
    instrument = make_instrument(venue, options.symbol, price_tick=options.price_tick, size_step=step)
    read = partial(_read_coarse, path, exchange, options, factor)
    return [
        Source(instrument=instrument, kind="events", name=f"{venue}_{options.symbol}", path=path, read=read)
    ]


def _factor(options: ImportOptions) -> int:
    """How many of the venue's steps make ours: amounts, tick times step, are exact to 10^-8."""
    finest = parse_decimal(options.price_tick, what="tick") * parse_decimal(options.size_step, what="step")
    factor = 1
    while finest > 0 and finest * factor * ATOMS_PER_UNIT % 1:
        factor *= 10
    return factor


def _read_coarse(path: Path, exchange: str, options: ImportOptions, factor: int, notes: Notes) -> Rows:
    """Rows with sizes on our step, to the nearest, but never to 0."""
    rounded = 0
    for rows in _read(path, exchange, options, notes):
        if factor == 1:
            yield rows
            continue
        coarse = rows.copy()
        lots, rest = np.divmod(rows[:, 4], factor)
        rounded += int(np.count_nonzero(rest))
        nearest = np.maximum(lots + (2 * rest >= factor), 1)
        coarse[:, 4] = np.where(rows[:, 4] > 0, nearest, 0)
        yield coarse
    if rounded:
        detail = "sizes were rounded to a step on which amounts are exact to 10^-8, but never to 0"
        notes.append(note("note", "size_rounded", rounded, detail, "none is needed"))


def _read(path: Path, exchange: str, options: ImportOptions, notes: Notes) -> Rows:
    venue, product, _ = VENUES[exchange]
    decoder = HistoryDecoder(
        venue=venue,
        product=product,
        symbol=options.symbol,
        price_tick=options.price_tick,
        size_step=options.size_step,
    )
    waiting: list[bytes] = []
    skipped: set[str] = set()
    number = first = 0
    for number, line in enumerate(file_lines(path), start=1):
        record = _parse(path, number, line)
        if record["t"] == "connect" and _is_other_market(str(record.get("addr", "")), options.venue):
            skipped.add(record["conn"])
        is_frame = record["t"] == "recv" and isinstance(record.get("data"), str)
        if is_frame and record["conn"] not in skipped and record["data"][:1] in "{[":
            first = first or number
            waiting.append(b"%d %s" % (_ns(record), record["data"].replace("\n", " ").encode()))
        body = _snapshot(record, options.symbol)
        if waiting and (body or len(waiting) == LINES_PER_BLOCK):
            yield from decoded(iter([(path, first, b"\n".join(waiting))]), decoder)
            waiting, first = [], 0
        if body:
            yield from _joined(path, number, decoder, body, _ns(record))
    if waiting:
        yield from decoded(iter([(path, first, b"\n".join(waiting))]), decoder)
    note_counts(decoder.counts, notes)


def _joined(path: Path, number: int, decoder: HistoryDecoder, body: bytes, at_ns: int) -> Iterator[Any]:
    try:
        rows = as_rows(decoder.decode_snapshot(body, at_ns))
    except DecodeError as error:
        raise InvalidInputError(f"{path}, line {number}: {error}; is the grid right?") from error
    if len(rows):
        yield rows


def _snapshot(record: dict[str, Any], symbol: str) -> bytes:
    """The body of a REST book of the symbol, or nothing."""
    url = str(record.get("url", ""))
    is_ours = f"symbol={symbol}&" in url or url.rstrip("/").endswith(f"order_book/{symbol.lower()}")
    return str(record["data"]).encode() if record["t"] == "http" and is_ours else b""


def _is_other_market(address: str, venue: str) -> bool:
    """Bybit has its markets at addresses of their own, with the same symbols."""
    wanted, other = ("linear", "spot") if "linear" in venue else ("spot", "linear")
    return address.endswith(f"/{other}") and wanted != other


def _ns(record: dict[str, Any]) -> int:
    return round(float(record["ts"]) * 1e6) * (NS_PER_S // 10**6)


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InvalidInputError(
            f"{path}, line {number} is no JSON ({error}); is the file cut off?"
        ) from error
    if not isinstance(record, dict) or "t" not in record:
        raise InvalidInputError(f"{path}, line {number} is no record of a session; give another file")
    return record

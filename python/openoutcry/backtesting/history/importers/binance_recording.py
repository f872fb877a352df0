"""Recordings of Binance's combined streams, lines `<received_ns> <json>`, as history rows.

Depth is joined with the recorded snapshot as the venue prescribes, and is told only while the book can be
trusted. A best bid and ask becomes two rows. The grid, which a recording does not tell, is that of the
numbers in its first lines.
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from openoutcry.backtesting.history.instruments import MAX_DECIMALS, make_instrument, step_text
from openoutcry.backtesting.history.source import ImportOptions, Notes, Rows, Source, note
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.exchanges.market_source import INSTRUMENTS
from openoutcry.exchanges.recording import Recording, file_lines, find_recordings
from openoutcry.native import DecodeError, HistoryDecoder

BLOCK_BYTES: Final = 2**20
GRID_LINES: Final = 3_000  # tens of thousands of levels
_LEVEL: Final = re.compile(rb'\["([0-9.]+)","([0-9.]+)"\]|"[bpa]":"([0-9.]+)","[BqA]":"([0-9.]+)"')
VENUES: Final = {"spot": "binance-spot", "usdm": "binance-um", "coinm": "binance-cm"}


def open_recordings(path: Path, options: ImportOptions) -> list[Source]:
    """The recordings in a file or folder.

    Raises:
        MissingDataError: there is none.
        InvalidInputError: a file is no recording.
    """
    found = [each for each in find_recordings(path) if options.symbol in {"", each.symbol}]
    return [_source(recording, path, options) for recording in found]


def decoded(blocks: Iterator[tuple[Path, int, bytes]], decoder: HistoryDecoder) -> Rows:
    """Rows of blocks of lines, each with its file and its first line's number."""
    for file, first_line, block in blocks:
        try:
            rows = as_rows(decoder.decode_lines(block))
        except DecodeError as error:
            raise InvalidInputError(
                f"{file}, in the block from line {first_line} on: {error}; "
                "if a number is off the grid, store it by `openoutcry data import` with --tick and --step, "
                "else fetch the file again"
            ) from error
        if len(rows):
            yield rows


def as_rows(content: bytes) -> Integers:
    """Rows out of the core's bytes."""
    return np.frombuffer(content, np.int64).reshape(-1, 6)


def note_counts(counts: dict[str, int], notes: Notes) -> None:
    """What the decoder met on its way, as findings."""
    if not counts["snapshots"] and counts["waiting"]:
        detail = f"no snapshot came for {counts['waiting']} updates of the book: it was never known"
        notes.append(
            note("error", "no_snapshot", 1, detail, "give the whole folder, or the file with the snapshot")
        )
    if counts["breaks"]:
        detail = "updates were lost, crossed the book or failed its checksum; the book was cleared there"
        notes.append(
            note("warning", "book_break", counts["breaks"], detail, "nothing is filled in until it is whole")
        )
    if counts["missing_trades"]:
        detail = "trades are missing between the ids of others"
        notes.append(
            note("warning", "missing_trades", counts["missing_trades"], detail, "fetch them from the venue")
        )
    if counts["late"]:
        detail = (
            f"frames came after later ones of another channel, by {counts['latest_ns'] / 1e6:g} ms at most; "
            "they have the later one's time, so that time never goes back"
        )
        notes.append(note("note", "late_event", counts["late"], detail, "none is needed"))


def blocks_of(files: tuple[Path, ...]) -> Iterator[tuple[Path, int, bytes]]:
    """Whole lines of files, about BLOCK_BYTES at a time, with the file and the first line's number."""
    for file in files:
        lines: list[bytes] = []
        size = done = 0
        for line in file_lines(file):
            lines.append(line)
            size += len(line)
            if size >= BLOCK_BYTES:
                yield file, done + 1, b"\n".join(lines)
                done += len(lines)
                lines, size = [], 0
        if lines:
            yield file, done + 1, b"\n".join(lines)


def _source(recording: Recording, path: Path, options: ImportOptions) -> Source:
    tick, step, notes = _grid_of(recording, options)
    venue = options.venue or VENUES[recording.product]
    instrument = make_instrument(venue, recording.symbol, price_tick=tick, size_step=step)
    return Source(
        instrument=instrument,
        kind="events",
        name=f"{instrument.venue}_{recording.symbol}",
        path=path,
        read=partial(_read, recording, tick, step, notes),
    )


def _read(recording: Recording, tick: str, step: str, known: Notes, notes: Notes) -> Rows:
    """Sizes are counted in the data's own step; what a lot is worth is the instrument's to say."""
    notes.extend(known)
    decoder = HistoryDecoder(
        product=recording.product,
        symbol=recording.symbol,
        price_tick=tick,
        size_step=step,
    )
    yield from decoded(blocks_of(recording.files), decoder)
    note_counts(decoder.counts, notes)


def _grid_of(recording: Recording, options: ImportOptions) -> tuple[str, str, Notes]:
    """The tick and the step of the recorded numbers, and what there is to say of them."""
    notes: Notes = []
    tick, step = options.price_tick, options.size_step
    known = next((each for each in INSTRUMENTS.values() if each.venue_symbol == recording.symbol), None)
    if recording.product == "spot" and known is not None:
        tick, step = tick or known.price_tick, step or known.size_step
    if not tick or not step:
        found_tick, found_step = _grid(recording)
        tick, step = tick or found_tick, step or found_step
        detail = f"the grid is that of the recorded numbers: tick {tick}, step {step}"
        remedy = "give --tick and --step to `data import` if the venue's was another"
        notes.append(note("note", "grid", 1, detail, remedy))
    if recording.product == "coinm":
        detail = "the contract is settled in its base asset: cash and profit are in that"
        notes.append(
            note("note", "inverse", 1, detail, "set backtest.inverse_lot if its lot has another value")
        )
    return tick, step, notes


def _grid(recording: Recording) -> tuple[str, str]:
    """Tick and step from the decimals of the first levels and tickers."""
    prices = sizes = 0
    for line in islice(recording.lines(), GRID_LINES):
        for price, size, other_price, other_size in _LEVEL.findall(line):
            prices = max(prices, _decimals(price or other_price))
            sizes = max(sizes, _decimals(size or other_size))
    prices = min(prices, MAX_DECIMALS)
    return step_text(prices), step_text(min(sizes, MAX_DECIMALS - prices))


def _decimals(text: bytes) -> int:
    return len(text.partition(b".")[2].rstrip(b"0"))

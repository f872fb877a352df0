"""A recording of frames as data of a backtest: surveyed once, then given frame by frame in market time."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from openoutcry.backtesting.history.event_quality import LEAST_LATENCY_NS
from openoutcry.backtesting.history.quality import check_clock
from openoutcry.backtesting.result import DatasetRecord
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_MS, TimestampNs
from openoutcry.exchanges.market_source import INSTRUMENTS
from openoutcry.exchanges.recording import Recording, find_recordings, split_line

SUFFIXES: Final = (".raw", ".raw.zst", ".raw.gz")


class _Event(msgspec.Struct):
    event_ms: int = msgspec.field(name="E", default=0)


class _Frame(msgspec.Struct):
    data: _Event = msgspec.field(default_factory=_Event)
    event_ms: int = msgspec.field(name="E", default=0)


_FRAME: Final = msgspec.json.Decoder(_Frame)


def is_recorded_frames(path: Path) -> bool:
    """Whether a path is called as recordings of frames are, or is a folder with such files."""
    if path.is_dir():
        return any(each.name.endswith(SUFFIXES) for each in path.iterdir())
    return path.name.endswith(SUFFIXES)


def is_replayable(path: Path) -> bool:
    """Whether a path holds frames of the venue that trades live, so that its feed can be played.

    Raises:
        InvalidInputError: a file is damaged.
    """
    if not path.exists() or not is_recorded_frames(path):
        return False
    return any(each.product == "spot" for each in find_recordings(path))


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFrames:
    """A recording surveyed: what it is, and by how much its clock ran behind the venue's.

    `shift_ns` is added to every receive time, so that no frame comes before what it tells has happened.
    """

    recording: Recording
    instrument: Instrument
    dataset: DatasetRecord
    shift_ns: int
    last_ns: int  # the time, shifted, of the last frame

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """When each frame came, and the frame. Raises InvalidInputError, naming the line."""
        for _file, _number, received_ns, frame in _lines(self.recording):
            at_ns = received_ns + self.shift_ns
            if at_ns > self.last_ns:
                return
            yield at_ns, frame


def survey(path: Path, symbol: str, *, duration_ns: int | None = None) -> RecordedFrames:
    """Read a recording once: hash it, measure its clock. It ends after `duration_ns`.

    `symbol` is the one to take if there are several.

    Raises:
        MissingDataError: there is no recording of Binance's spot market.
        InvalidInputError: none of several symbols is the one, a line is damaged, or the times go back.
    """
    recording, instrument = _chosen(path, symbol)
    digest, rows, first_ns, last_ns = hashlib.sha256(), 0, 0, 0
    latencies: list[int] = []
    for file, number, received_ns, frame in _lines(recording):
        if received_ns < last_ns:
            raise InvalidInputError(f"line {number} of {file} goes back in time; sort the recording's lines")
        if duration_ns is not None and received_ns >= recording.first_received_ns + duration_ns:
            break
        event_ns = _event_ns(frame, file, number)
        if event_ns:
            latencies.append(received_ns - event_ns)
        digest.update(b"%d %b\n" % (received_ns, frame))
        rows, first_ns, last_ns = rows + 1, first_ns or received_ns, received_ns
    latencies.sort()
    least_ns, median_ns = (latencies[0], latencies[len(latencies) // 2]) if latencies else (0, 0)
    shift_ns = LEAST_LATENCY_NS - least_ns if least_ns < 0 else 0
    dataset = DatasetRecord(
        name=" + ".join(file.name for file in recording.files),
        path=str(path),
        kind="events",
        venue=instrument.venue,
        symbol=instrument.symbol,
        first_ns=TimestampNs(first_ns + shift_ns),
        last_ns=TimestampNs(last_ns + shift_ns),
        rows=rows,
        sha256=digest.hexdigest(),
        findings=check_clock(least_ns, median_ns, shift_ns),
    )
    return RecordedFrames(recording, instrument, dataset, shift_ns, last_ns + shift_ns)


def _lines(recording: Recording) -> Iterator[tuple[Path, int, int, bytes]]:
    for file, number, line in recording.numbered_lines():
        try:
            received_ns, frame = split_line(line)
        except InvalidInputError as error:
            raise InvalidInputError(f"line {number} of {file}: {error}") from error
        yield file, number, received_ns, frame


def _event_ns(frame: bytes, file: Path, number: int) -> int:
    """The venue's time of a frame; 0 for those without: bookTickers and snapshots of spot."""
    try:
        read = _FRAME.decode(frame)
    except msgspec.MsgspecError as error:
        raise InvalidInputError(
            f"line {number} of {file} is no venue's frame ({error}); fetch it again"
        ) from None
    return (read.data.event_ms or read.event_ms) * NS_PER_MS


def _chosen(path: Path, symbol: str) -> tuple[Recording, Instrument]:
    known = {each.venue_symbol: each for each in INSTRUMENTS.values()}
    recordings = find_recordings(path)
    spot = [each for each in recordings if each.product == "spot" and each.symbol in known]
    if not spot:
        held = ", ".join(f"{each.product} {each.symbol}" for each in recordings)
        raise MissingDataError(
            f"{path} holds {held}; frames are replayed of spot {', '.join(known)} only, give such a recording"
        )
    if len(spot) == 1:
        return spot[0], known[spot[0].symbol]
    for each in spot:
        if symbol in {each.symbol, known[each.symbol].symbol}:
            return each, known[each.symbol]
    held = ", ".join(known[each.symbol].symbol for each in spot)
    raise InvalidInputError(f"{path} holds recordings of {held}, none of {symbol}; choose one with --symbol")

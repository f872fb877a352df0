"""Recordings of market data: lines `<received_ns> <json>`, the venue's frames as they were sent.

A file may be plain, gzip or zstandard; its first bytes say which. The files of one stream (product and
symbol) in a folder are one recording, in the order of their time.
"""

import gzip
import hashlib
import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import zstandard

from openoutcry.domain.errors import InvalidInputError, MissingDataError

Product = Literal["spot", "usdm", "coinm"]
FrameKind = Literal["depth", "trade", "book_ticker", "snapshot", "unknown"]

# Windows beyond this many bytes are refused; the recordings were written with `zstd --long=25`.
ZSTD_MAX_WINDOW_BYTES: Final = 2**25
# The longest line is a snapshot of 5,000 levels a side, about 300 kB.
MAX_LINE_BYTES: Final = 16 * 2**20
# A depth frame, which tells the product, is among the first lines of every stream.
SNIFF_LINES: Final = 1_000
FOLDER_PATTERNS: Final = ("*.raw", "*.raw.zst", "*.raw.gz", "*_[0-9]*.gz")

_CHUNK_BYTES: Final = 2**18
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC: Final = b"\x1f\x8b"


class _Combined(msgspec.Struct):
    stream: str
    data: msgspec.Raw


class _Event(msgspec.Struct):
    kind: str = msgspec.field(name="e", default="")
    symbol: str = msgspec.field(name="s", default="")
    pair: str = msgspec.field(name="ps", default="")
    previous_update: int = msgspec.field(name="pu", default=0)


_COMBINED: Final = msgspec.json.Decoder(_Combined)
_EVENT: Final = msgspec.json.Decoder(_Event)
_KINDS: Final[dict[str, FrameKind]] = {
    "depthUpdate": "depth",
    "trade": "trade",
    "bookTicker": "book_ticker",
    "": "book_ticker",  # on spot it carries no event type
}
_CHANNELS: Final[dict[str, FrameKind]] = {"depth": "depth", "trade": "trade", "bookTicker": "book_ticker"}


class RecordedFrame(NamedTuple):
    """A frame taken apart as far as sending it on needs: its stream, its kind and the payload's own bytes."""

    kind: FrameKind
    stream: str  # "btcusdt@trade"; empty for a snapshot and for a frame without the combined wrapper
    payload: bytes


def split_line(line: bytes) -> tuple[int, bytes]:
    """Separate a recorded line into its receive time in ns and the JSON.

    Raises:
        InvalidInputError: the line does not begin with a moment and a space, or holds no JSON object.
    """
    stamp, _, frame = line.partition(b" ")
    if not stamp.isdigit() or not frame.startswith(b"{") or not frame.rstrip().endswith(b"}"):
        shown = line[:60].decode(errors="replace")
        raise InvalidInputError(
            f"not a recorded line `<received_ns> <json>`: {shown!r}; is the file cut off?"
        )
    return int(stamp), frame


def split_frame(frame: bytes) -> RecordedFrame:
    """Tell what a recorded frame is.

    Raises:
        InvalidInputError: it is no JSON object.
    """
    if frame.startswith(b'{"lastUpdateId"'):
        return RecordedFrame("snapshot", "", frame)
    try:
        if frame.startswith(b'{"stream"'):
            combined = _COMBINED.decode(frame)
            channel = combined.stream.partition("@")[2].partition("@")[0]
            return RecordedFrame(_CHANNELS.get(channel, "unknown"), combined.stream, bytes(combined.data))
        event = _EVENT.decode(frame)
    except msgspec.MsgspecError as error:
        shown = frame[:60].decode(errors="replace")
        raise InvalidInputError(f"not a venue's frame ({error}): {shown!r}") from None
    return RecordedFrame(_KINDS.get(event.kind, "unknown"), "", frame)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One stream's recording: its files in the order of their time."""

    product: Product
    symbol: str  # the venue's, as "BTCUSDT"
    files: tuple[Path, ...]
    first_received_ns: int

    def numbered_lines(self) -> Iterator[tuple[Path, int, bytes]]:
        """Every line with its file and number, for messages. Raises as `file_lines`."""
        for file in self.files:
            for number, line in enumerate(file_lines(file), start=1):
                yield file, number, line

    def lines(self) -> Iterator[bytes]:
        """Every line, the files joined. Raises as `file_lines`."""
        for file in self.files:
            yield from file_lines(file)

    def sha256(self) -> str:
        """The hash of the lines as they are read, so that it does not depend on the compression."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(line)
            digest.update(b"\n")
        return digest.hexdigest()


def file_lines(path: Path) -> Iterator[bytes]:
    """The lines of one file, without their ends; empty lines are left out.

    Raises:
        MissingDataError: there is no such file, or it cannot be read.
        InvalidInputError: its compression is damaged or cut off, or a line is longer than MAX_LINE_BYTES.
    """
    rest = b""
    try:
        for chunk in _chunks(path):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise InvalidInputError(
                    f"{path} has a line of more than {MAX_LINE_BYTES} bytes; it is no recording"
                )
            yield from filter(None, whole)
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise InvalidInputError(f"{path} is damaged ({error}); fetch it again") from error
        raise MissingDataError(
            f"{path} cannot be read ({error.strerror or error}); check the path"
        ) from error
    except (EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InvalidInputError(f"{path} is damaged or cut off ({error}); fetch it again") from error
    if rest:
        yield rest


def is_recording(path: Path) -> bool:
    """True if a file begins with a line `<received_ns> {`. Raises as `file_lines`."""
    stamp, _, frame = next(file_lines(path), b"").partition(b" ")
    return stamp.isdigit() and frame.startswith(b"{")


def find_recordings(path: Path) -> list[Recording]:
    """The recordings in a file or in a folder and the folders below it, by product and symbol.

    Raises:
        MissingDataError: nothing is there, or nothing that looks like a recording.
        InvalidInputError: a file that should be a recording is none.
    """
    if path.is_dir():
        files = sorted(
            {file for pattern in FOLDER_PATTERNS for file in path.rglob(pattern) if file.is_file()}
        )
    elif path.exists():
        files = [path]
    else:
        raise MissingDataError(f"there is no {path}; give a recording or a folder of recordings")
    if not files:
        raise MissingDataError(
            f"{path} holds no recording (looked for {', '.join(FOLDER_PATTERNS)}); give another path"
        )
    streams: dict[tuple[Product, str], list[tuple[int, Path]]] = {}
    for file in files:
        product, symbol, first_ns = _sniff(file)
        streams.setdefault((product, symbol), []).append((first_ns, file))
    return [_join(product, symbol, parts) for (product, symbol), parts in sorted(streams.items())]


def _join(product: Product, symbol: str, parts: list[tuple[int, Path]]) -> Recording:
    parts.sort()
    for (earlier_ns, earlier), (later_ns, later) in itertools.pairwise(parts):
        if earlier_ns == later_ns:
            raise InvalidInputError(f"{earlier} and {later} begin at the same moment; keep one of the two")
    return Recording(
        product=product, symbol=symbol, files=tuple(file for _, file in parts), first_received_ns=parts[0][0]
    )


def _sniff(path: Path) -> tuple[Product, str, int]:
    """Product, symbol and first receive time of a file, from its first depth frame."""
    first_ns, complaint = 0, ""
    for number, line in zip(range(1, SNIFF_LINES + 1), file_lines(path), strict=False):
        try:
            received_ns, frame = split_line(line)
            kind, _, payload = split_frame(frame)
        except InvalidInputError as error:  # whoever reads on will come to it
            complaint = complaint or f"; line {number} is {error}"
            continue
        first_ns = first_ns or received_ns
        if kind == "depth":
            event = _EVENT.decode(payload)
            futures: Product = "coinm" if event.pair else "usdm"
            return (futures if event.previous_update else "spot"), event.symbol, first_ns
    raise InvalidInputError(
        f"{path} is no recording of a book: no depth frame in its first {SNIFF_LINES} lines{complaint}"
    )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        magic = raw.read(len(_ZSTD_MAGIC))
        raw.seek(0)
        if magic == _ZSTD_MAGIC:
            yield from _zstd_chunks(iter(lambda: raw.read(_CHUNK_BYTES), b""))
            return
        source = gzip.GzipFile(fileobj=raw) if magic.startswith(_GZIP_MAGIC) else raw
        while chunk := source.read(_CHUNK_BYTES):
            yield chunk


def _zstd_chunks(compressed: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress frame after frame; a frame that does not end is an error, which stream readers hide."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW_BYTES)
    frame = decompressor.decompressobj()
    for chunk in compressed:
        data = chunk
        while data:
            if frame.eof:
                frame = decompressor.decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise EOFError("the zstandard frame does not end")

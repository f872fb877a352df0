"""Is a recording fit for use? What is wrong with it is named with its file and line. And fetching one."""

import asyncio
import hashlib
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S
from openoutcry.exchanges.market_source import INSTRUMENTS, cache_dir
from openoutcry.exchanges.recording import (
    FrameKind,
    Recording,
    file_lines,
    find_recordings,
    split_frame,
    split_line,
)
from openoutcry.native import DecodeError, MarketFeed

# A public recording of Binance spot BTCUSDT, MIT licence; the hash is of its lines, not of their compression.
PUBLIC_RECORDING_URL: Final = (
    "https://raw.githubusercontent.com/nkaz001/hftbacktest/master/examples/spot/btcusdt_20240808.gz"
)
PUBLIC_RECORDING_SHA256: Final = "cf398c46bc819cf2e4c56b51a4b4d9194841d6921abff91864dcb81848bb7d7e"

MAX_EXAMPLES: Final = 10  # findings shown of a kind; all are counted
MAX_TRADE_JUMP: Final = Decimal("0.01")  # between consecutive trades
MAX_SILENCE_NS: Final = 5 * NS_PER_S
MAX_CLOCK_SKEW_NS: Final = NS_PER_S
MAX_DOWNLOAD_BYTES: Final = 64 * 2**20
DOWNLOAD_TIMEOUT_S: Final = 120
CANDLE_NS: Final = 60 * NS_PER_S

FindingKind = Literal[
    "malformed",
    "gap",
    "backward_time",
    "crossed",
    "duplicate",
    "jump",
    "silence",
    "zero_volume",
    "clock_skew",
]
# What the core refuses, or what makes its state wrong.
ERRORS: Final[frozenset[FindingKind]] = frozenset(
    {"malformed", "gap", "backward_time", "crossed", "zero_volume"}
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of flaw: how often, the first examples as `file:line: what`. Errors make the data unfit."""

    kind: FindingKind
    severity: Literal["error", "warning"]
    count: int
    examples: tuple[str, ...]


class RecordingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one recording.

    `clock_skew_ms` is receive minus event time: lowest, median, highest. `is_book_checked` is False where no
    grid is known for the instrument, so that the book could not be built and seen crossed.
    """

    product: str
    symbol: str
    files: tuple[str, ...]
    sha256: str
    lines: int
    frames: dict[str, int]
    first_received_ns: int
    last_received_ns: int
    clock_skew_ms: tuple[int, int, int] | None
    is_book_checked: bool
    findings: tuple[Finding, ...]

    @property
    def is_usable(self) -> bool:
        """No finding is an error."""
        return all(finding.severity == "warning" for finding in self.findings)


class _Depth(msgspec.Struct):
    event_ms: int = msgspec.field(name="E")
    first_update: int = msgspec.field(name="U")
    last_update: int = msgspec.field(name="u")
    previous_update: int | None = msgspec.field(name="pu", default=None)


class _Trade(msgspec.Struct):
    event_ms: int = msgspec.field(name="E")
    trade_id: int = msgspec.field(name="t")
    price: Decimal = msgspec.field(name="p")
    quantity: Decimal = msgspec.field(name="q")


class _Touch(msgspec.Struct):
    bid: Decimal = msgspec.field(name="b")
    ask: Decimal = msgspec.field(name="a")


_DEPTH: Final = msgspec.json.Decoder(_Depth)
_TRADE: Final = msgspec.json.Decoder(_Trade)
_TOUCH: Final = msgspec.json.Decoder(_Touch)


class _Checker:
    """Walks a recording line by line; the book itself is checked by the core that trades on it."""

    def __init__(self, recording: Recording) -> None:
        self.findings: dict[FindingKind, list[str]] = {}
        self.totals: Counter[FindingKind] = Counter()
        self.frames: Counter[FrameKind] = Counter()
        self.skews_ms: list[int] = []
        self.last_received_ns = 0
        self._place = ""
        self._last_update = 0
        self._last_trade: _Trade | None = None
        self._crossed = 0
        self._feed = _feed(recording)

    @property
    def is_book_checked(self) -> bool:
        """The core built the book along the way."""
        return self._feed is not None

    def found(self, kind: FindingKind, what: str) -> None:
        """Note a flaw at the current place."""
        self.totals[kind] += 1
        examples = self.findings.setdefault(kind, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(f"{self._place}: {what}")

    def take(self, place: str, line: bytes) -> None:
        """Check one line."""
        self._place = place
        try:
            received_ns, raw = split_line(line)
            kind, _, payload = split_frame(raw)
            self._check_receive_time(received_ns)
            if self._check_payload(kind, payload, received_ns) and self._feed is not None:
                self._feed.apply_lines(line)
        except (InvalidInputError, msgspec.MsgspecError, DecodeError) as error:
            self.found("malformed", str(error))
            return
        self.frames[kind] += 1
        if self._feed is not None and self._feed.crossed > self._crossed:
            self._crossed = self._feed.crossed
            self.found("crossed", "the book is crossed after this line")

    def found_at(self, place: str, kind: FindingKind, what: str) -> None:
        """Note a flaw of a whole file or recording."""
        self._place = place
        self.found(kind, what)

    def _check_receive_time(self, received_ns: int) -> None:
        silence_ns = received_ns - self.last_received_ns
        if silence_ns < 0:
            self.found("backward_time", f"received {-silence_ns} ns before the line above")
        elif self.last_received_ns and silence_ns > MAX_SILENCE_NS:
            self.found("silence", f"nothing was received for {silence_ns / NS_PER_S:.1f} s")
        self.last_received_ns = max(self.last_received_ns, received_ns)

    def _check_payload(self, kind: FrameKind, payload: bytes, received_ns: int) -> bool:
        """Check a frame by itself and against those before; False if the core would not take it."""
        if kind == "depth":
            depth = _DEPTH.decode(payload)
            self.skews_ms.append(received_ns // NS_PER_MS - depth.event_ms)
            self._check_sequence(depth)
        elif kind == "trade":
            trade = _TRADE.decode(payload)
            self.skews_ms.append(received_ns // NS_PER_MS - trade.event_ms)
            return self._check_trade(trade)
        elif kind == "book_ticker":
            touch = _TOUCH.decode(payload)
            if touch.bid >= touch.ask > 0:
                self.found("crossed", f"bookTicker with bid {touch.bid} and ask {touch.ask}")
                return False
        return True

    def _check_sequence(self, depth: _Depth) -> None:
        last, self._last_update = self._last_update, depth.last_update
        if not last:
            return
        if depth.last_update <= last:
            self.found("duplicate", f"depth up to update {depth.last_update} came again")
            self._last_update = last
        elif depth.previous_update is None and depth.first_update > last + 1:
            self.found("gap", f"depth begins at update {depth.first_update}, {last + 1} was due")
        elif depth.previous_update is not None and depth.previous_update != last:
            self.found("gap", f"depth follows update {depth.previous_update}, {last} was the last")

    def _check_trade(self, trade: _Trade) -> bool:
        last = self._last_trade
        if not (trade.price.is_finite() and trade.quantity.is_finite()):
            raise InvalidInputError(f"trade {trade.trade_id} of {trade.quantity} at {trade.price}")
        if trade.quantity == 0:
            self.found("zero_volume", f"trade {trade.trade_id} of size {trade.quantity}")
            return False
        if last is not None and trade.trade_id <= last.trade_id:
            self.found("duplicate", f"trade {trade.trade_id} came after {last.trade_id}")
            return True
        if last is not None and trade.trade_id > last.trade_id + 1:
            self.found("gap", f"trades {last.trade_id + 1} to {trade.trade_id - 1} are missing")
        if last is not None and last.price and abs(trade.price / last.price - 1) > MAX_TRADE_JUMP:
            self.found("jump", f"trade {trade.trade_id} at {trade.price} after {last.price}")
        self._last_trade = trade
        return True


def check_data(path: Path) -> list[RecordingReport]:
    """Check every recording in a file or folder.

    Raises:
        MissingDataError: there is none.
        InvalidInputError: a file is no recording at all.
    """
    return [check_recording(recording) for recording in find_recordings(path)]


def check_recording(recording: Recording) -> RecordingReport:
    """Read a recording from end to end and tell what is wrong with it."""
    checker = _Checker(recording)
    digest = hashlib.sha256()
    count = 0
    for file in recording.files:
        number = 0
        try:
            for number, line in enumerate(file_lines(file), start=1):
                count += 1
                digest.update(line + b"\n")
                checker.take(f"{file}:{number}", line)
        except InvalidInputError as error:
            checker.found_at(f"{file}:{number + 1}", "malformed", str(error))
    skew = _spread(checker.skews_ms)
    if skew is not None and abs(skew[1]) * NS_PER_MS > MAX_CLOCK_SKEW_NS:
        lead = "behind" if skew[1] < 0 else "ahead of"
        what = f"the recorder's clock runs {abs(skew[1])} ms {lead} the venue's"
        checker.found_at(str(recording.files[0]), "clock_skew", what)
    return RecordingReport(
        product=recording.product,
        symbol=recording.symbol,
        files=tuple(map(str, recording.files)),
        sha256=digest.hexdigest(),
        lines=count,
        frames={str(kind): number for kind, number in checker.frames.items()},
        first_received_ns=recording.first_received_ns,
        last_received_ns=checker.last_received_ns,
        clock_skew_ms=skew,
        is_book_checked=checker.is_book_checked,
        findings=_findings(checker),
    )


def fetch_data(
    url: str = PUBLIC_RECORDING_URL, *, sha256: str = PUBLIC_RECORDING_SHA256, folder: Path | None = None
) -> Path:
    """Fetch a recording into the user's cache and check the hash of its lines; done at once if it is there.

    Raises:
        MissingDataError: it cannot be fetched.
        InvalidInputError: what came is not what was asked for; nothing is kept.
    """
    target = (folder or cache_dir()) / (Path(urlsplit(url).path).name or "recording")
    if target.exists() and _lines_sha256(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        asyncio.run(_download(url, partial))
        found = _lines_sha256(partial)
        if found != sha256:
            raise InvalidInputError(f"{url} has sha256 {found}, expected {sha256}; it was not kept")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


async def _download(url: str, target: Path) -> None:
    timeout = aiohttp.ClientTimeout(total=DOWNLOAD_TIMEOUT_S)
    received = 0
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            response.raise_for_status()
            with target.open("wb") as file:
                async for chunk in response.content.iter_chunked(2**16):
                    received += len(chunk)
                    if received > MAX_DOWNLOAD_BYTES:
                        raise InvalidInputError(
                            f"{url} is longer than {MAX_DOWNLOAD_BYTES} bytes; it was not kept"
                        )
                    file.write(chunk)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise MissingDataError(
            f"{url} cannot be fetched ({error!r}); check the network, give a recording with "
            "--data, or use the synthetic market"
        ) from error


def _lines_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for line in file_lines(path):
        digest.update(line + b"\n")
    return digest.hexdigest()


def _feed(recording: Recording) -> MarketFeed | None:
    """The core's own book, where the grid is known; a recording does not tell it."""
    for instrument in INSTRUMENTS.values():
        if recording.product == "spot" and recording.symbol == instrument.venue_symbol:
            return MarketFeed(
                product=recording.product,
                symbol=recording.symbol,
                price_tick=instrument.price_tick,
                size_step=instrument.size_step,
                candle_interval_ns=CANDLE_NS,
            )
    return None


def _spread(values: list[int]) -> tuple[int, int, int] | None:
    ordered = sorted(values)
    return (ordered[0], ordered[len(ordered) // 2], ordered[-1]) if ordered else None


def _findings(checker: _Checker) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            kind=kind,
            severity="error" if kind in ERRORS else "warning",
            count=checker.totals[kind],
            examples=tuple(examples),
        )
        for kind, examples in checker.findings.items()
    )

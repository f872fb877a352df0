"""The replay: recorded lines into the venue and out to the subscribers, paced by their receive times."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Final

import msgspec

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S
from openoutcry.exchanges.local.faults import FaultBoard
from openoutcry.exchanges.local.market_streams import MarketStreams
from openoutcry.exchanges.local.tape import MarketTape
from openoutcry.exchanges.local.user_streams import UserStreams
from openoutcry.exchanges.local.venue import Venue
from openoutcry.exchanges.market_source import MarketSource
from openoutcry.exchanges.recording import RecordedFrame, split_frame, split_line
from openoutcry.native import DecodeError

MAX_LINES_BEFORE_SNAPSHOT: Final = 100_000
LINES_PER_YIELD: Final = 32  # so many lines at most before other tasks get their turn
MIN_SLEEP_S: Final = 0.001


class _EventTime(msgspec.Struct):
    event_ms: int = msgspec.field(name="E")


_EVENT_TIME: Final = msgspec.json.Decoder(_EventTime)


class Replay:
    """Plays a market source. It begins paused, with the book joined up to the recording's snapshot.

    `speed` is a factor on the recorded times; 0 is as fast as the subscribers read.
    """

    def __init__(
        self,
        source: MarketSource,
        *,
        venue: Venue,
        tape: MarketTape,
        streams: MarketStreams,
        faults: FaultBoard,
        user_streams: UserStreams,
        now_ms: Callable[[], int],
        speed: float,
    ) -> None:
        self.source = source
        self.speed = speed
        self.lines_sent = 0
        self.is_finished = False
        self.error: str | None = None
        self._venue = venue
        self._tape = tape
        self._streams = streams
        self._faults = faults
        self._user_streams = user_streams
        self._now_ms = now_ms
        self._lines = itertools.chain.from_iterable(source.batches())
        self._lines_allowed = 0  # how far it may go before it pauses
        self._resumed = asyncio.Event()
        self._idle = asyncio.Event()
        self._origin = (0.0, 0)  # wall and market time from which the pace counts
        self._last_timed = b""

    @property
    def progress(self) -> float:
        """Share of the recording's lines that are played, 0 to 1."""
        return self.lines_sent / self.source.lines_total

    @property
    def is_running(self) -> bool:
        """Started, and neither paused nor finished nor failed."""
        return not self._idle.is_set() and self._resumed.is_set()

    @property
    def event_ns(self) -> int:
        """The venue's own time of the newest depth or trade; 0 before the first."""
        return _EVENT_TIME.decode(self._last_timed).event_ms * NS_PER_MS if self._last_timed else 0

    def prime(self) -> None:
        """Play silently up to the snapshot, so that there is a book before anyone connects.

        Raises:
            MissingDataError: no snapshot comes.
            InvalidInputError: a line is malformed.
        """
        for line in itertools.islice(self._lines, MAX_LINES_BEFORE_SNAPSHOT):
            self._take(line)
            if self._venue.core.top() is not None and self._venue.core.last_update_id:
                return
        raise MissingDataError(
            f"{self.source.description}: no depth snapshot in its first {self.lines_sent} lines; "
            "give the folder with the recording's first file too"
        )

    def start(self, lines: int | None = None) -> None:
        """Go on, to the end or for so many lines."""
        if self.is_finished or self.error:
            return
        self._lines_allowed = self.source.lines_total if lines is None else self.lines_sent + lines
        self._idle.clear()
        self._resumed.set()

    def strike(self) -> None:
        """Let the faults happen that need no order and no frame, if somebody is there to feel them."""
        if self._streams.connected and self._faults.take("drop"):
            self._streams.cut_all()
        if self._user_streams.connected and self._faults.take("drop_user"):
            self._user_streams.cut_all()

    async def wait_idle(self) -> None:
        """Wait until the replay has finished, failed or come to its pause."""
        await self._idle.wait()

    async def run(self) -> None:
        """Play until the end; pauses wait for `start`. A malformed line ends it, with `error` set."""
        try:
            while True:
                if self.lines_sent >= self._lines_allowed:
                    await self._pause()
                line = next(self._lines, None)
                if line is None:
                    self.is_finished = True
                    return
                await self._pace(line)
                await self._send(self._take(line))
        except (InvalidInputError, DecodeError) as error:
            self.error = str(error)
        finally:
            self._idle.set()

    async def _pause(self) -> None:
        if self.lines_sent >= self.source.lines_total:
            return
        self._resumed.clear()
        self._idle.set()
        await self._resumed.wait()
        self._origin = (0.0, 0)

    async def _pace(self, line: bytes) -> None:
        if self.speed:
            received_ns, _ = self._split(line)
            now_s = asyncio.get_running_loop().time()
            if not self._origin[1]:
                self._origin = (now_s, received_ns)
            wait_s = self._origin[0] + (received_ns - self._origin[1]) / NS_PER_S / self.speed - now_s
            if wait_s > MIN_SLEEP_S:
                await asyncio.sleep(wait_s)
                return
        if self.lines_sent % LINES_PER_YIELD == 0:
            await asyncio.sleep(0)

    def _split(self, line: bytes) -> tuple[int, bytes]:
        try:
            return split_line(line)
        except InvalidInputError as error:
            raise self._named(error) from error

    def _named(self, error: Exception) -> InvalidInputError:
        """The error with the line it speaks of."""
        return InvalidInputError(f"line {self.lines_sent + 1} of {self.source.description}: {error}")

    def _take(self, line: bytes) -> RecordedFrame:
        """Apply a line to the venue and the tape."""
        number = self.lines_sent + 1
        received_ns, raw = self._split(line)
        try:
            frame = split_frame(raw)
            self._venue.apply(raw, received_ns, self._now_ms())
            if frame.kind == "trade":
                self._tape.add_trade(frame.payload)
        except (InvalidInputError, DecodeError, msgspec.MsgspecError) as error:
            raise self._named(error) from error
        if frame.kind == "book_ticker":
            self._tape.set_book_ticker(frame.payload)
        elif frame.kind in {"depth", "trade"}:
            self._last_timed = frame.payload
        self.lines_sent = number
        self._faults.advance(number, received_ns)
        return frame

    async def _send(self, frame: RecordedFrame) -> None:
        self.strike()
        if frame.kind == "depth" and self._streams.is_watched("depth"):
            if self._faults.take("gap"):
                return
            if self._faults.take("malformed"):
                frame = frame._replace(payload=frame.payload[: len(frame.payload) // 2])
        await self._streams.publish(frame)

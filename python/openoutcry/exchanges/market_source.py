"""Where a run's market comes from: a recording if one can be found, else the synthetic market.

The search goes, in this order: the path given; `$OPENOUTCRY_DATA`; `../shared/data` beside the working
directory or the checkout; the user's cache, filled by `openoutcry data fetch`; the synthetic market. What
was named (a path, the variable) must be usable: it is never silently replaced by something else.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec
import platformdirs

from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S, Atoms, SizeLots
from openoutcry.exchanges.recording import Recording, find_recordings
from openoutcry.native import SyntheticMarket

DATA_VARIABLE: Final = "OPENOUTCRY_DATA"
LINES_PER_BATCH: Final = 256
# The whole synthetic market is generated once beforehand, to count and to hash it.
MAX_SYNTHETIC_SECONDS: Final = 3_600
DEFAULT_SYNTHETIC_SECONDS: Final = 600

_LOT_LIMIT: Final = 9_000  # Binance spot's largest order in BTC and ETH


class MarketSource(Protocol):
    """A market as recorded lines `<received_ns> <json>`, and what is to be said about it."""

    @property
    def kind(self) -> Literal["recording", "synthetic"]:
        """Whether these were real prices."""
        ...

    @property
    def description(self) -> str:
        """In words, for people: which data this is."""
        ...

    @property
    def instrument(self) -> Instrument:
        """What is traded, with the venue's rules at the time."""
        ...

    @property
    def lines_total(self) -> int:
        """How many lines there are."""
        ...

    @property
    def sha256(self) -> str:
        """The hash of all lines."""
        ...

    def batches(self) -> Iterator[list[bytes]]:
        """All lines from the first, LINES_PER_BATCH at a time."""
        ...


def _binance_spot(base: str, size_step: str) -> Instrument:
    lots_per_unit = round(1 / float(size_step))
    return Instrument(
        venue="binance",
        symbol=f"{base}/USDT",
        venue_symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        price_tick="0.01",
        size_step=size_step,
        min_size_lots=SizeLots(1),
        max_size_lots=SizeLots(_LOT_LIMIT * lots_per_unit),
        min_notional_atoms=Atoms(5 * ATOMS_PER_UNIT),
    )


# A recording holds no exchangeInfo: these are Binance's rules of August 2024.
INSTRUMENTS: Final = {
    each.symbol: each for each in (_binance_spot("BTC", "0.00001"), _binance_spot("ETH", "0.0001"))
}


def spot_instrument(symbol: str) -> Instrument:
    """The rules of a symbol the local exchange can list.

    Raises:
        InvalidInputError: it is none of INSTRUMENTS.
    """
    if symbol not in INSTRUMENTS:
        raise InvalidInputError(
            f"no trading rules are known for {symbol!r}; give one of {', '.join(INSTRUMENTS)}"
        )
    return INSTRUMENTS[symbol]


class _Counted(msgspec.Struct, frozen=True):
    lines: int
    sha256: str


def _count(lines: Iterator[bytes]) -> _Counted:
    digest = hashlib.sha256()
    count = 0
    for line in lines:
        count += 1
        digest.update(line)
        digest.update(b"\n")
    return _Counted(count, digest.hexdigest())


class RecordedSource:
    """A recording as a market. Reads it once to count and hash it. Raises as `Recording.lines`."""

    kind: Literal["recording"] = "recording"

    def __init__(
        self, recording: Recording, instrument: Instrument, *, found: str, duration_s: int | None = None
    ) -> None:
        """`duration_s` ends it after so many seconds of its own time."""
        if duration_s is not None and duration_s <= 0:
            raise InvalidInputError(
                f"a recording is played for a positive number of seconds, not {duration_s}"
            )
        self.recording = recording
        self.instrument = instrument
        self._end_ns = None if duration_s is None else recording.first_received_ns + duration_s * NS_PER_S
        counted = _count(self._lines())
        self.lines_total = counted.lines
        self.sha256 = counted.sha256
        started = datetime.fromtimestamp(recording.first_received_ns // NS_PER_S, tz=UTC)
        names = " + ".join(file.name for file in recording.files)
        self.description = (
            f"recording of {recording.product} {recording.symbol} from {started:%Y-%m-%d %H:%M:%S} UTC"
        )
        self.description += f": {names} ({found})"
        if duration_s is not None:
            self.description += f", its first {duration_s} s"

    def _lines(self) -> Iterator[bytes]:
        lines, end_ns = self.recording.lines(), self._end_ns
        if end_ns is None:
            return lines
        return itertools.takewhile(lambda line: _is_before(line, end_ns), lines)

    def batches(self) -> Iterator[list[bytes]]:
        """All lines from the first."""
        lines = self._lines()
        while batch := list(itertools.islice(lines, LINES_PER_BATCH)):
            yield batch


class SyntheticSource:
    """The seeded synthetic market: the same seed and duration give the same bytes.

    Raises:
        InvalidInputError: the duration is not in (0, MAX_SYNTHETIC_SECONDS] or the seed is negative.
    """

    kind: Literal["synthetic"] = "synthetic"

    def __init__(
        self, instrument: Instrument, *, seed: int = 0, seconds: int = DEFAULT_SYNTHETIC_SECONDS
    ) -> None:
        if not 0 < seconds <= MAX_SYNTHETIC_SECONDS:
            raise InvalidInputError(
                f"a synthetic market lasts 1 to {MAX_SYNTHETIC_SECONDS} seconds, not {seconds}"
            )
        if seed < 0:
            raise InvalidInputError(f"the seed must not be negative, and is {seed}")
        self.instrument = instrument
        self._seed = seed
        self._seconds = seconds
        counted = _count(line for batch in self.batches() for line in batch)
        self.lines_total = counted.lines
        self.sha256 = counted.sha256
        self.description = (
            f"synthetic market of {instrument.venue_symbol}, seed {seed}, {seconds} s: no real prices"
        )

    def batches(self) -> Iterator[list[bytes]]:
        """All lines from the first."""
        market = SyntheticMarket(
            seed=self._seed, symbol=self.instrument.venue_symbol, duration_ns=self._seconds * NS_PER_S
        )
        while batch := market.next_lines(LINES_PER_BATCH):
            yield batch


def _is_before(line: bytes, end_ns: int) -> bool:
    """A line without a time is for the reader to refuse, who knows its number."""
    stamp = line.partition(b" ")[0]
    return not stamp.isdigit() or int(stamp) < end_ns


def cache_dir() -> Path:
    """Where `openoutcry data fetch` puts what it fetches. It need not exist."""
    return platformdirs.user_cache_path("openoutcry", appauthor=False) / "data"


def shared_data_dirs() -> list[Path]:
    """`../shared/data` beside the working directory and beside the checkout, where they exist."""
    checkout = Path(__file__).resolve().parents[3]
    places = dict.fromkeys(root.parent / "shared" / "data" for root in (Path.cwd(), checkout))
    return [place for place in places if place.is_dir()]


def resolve_source(
    symbol: str = "BTC/USDT",
    *,
    path: Path | None = None,
    synthetic: bool = False,
    seed: int = 0,
    duration_s: int | None = None,
) -> MarketSource:
    """Find the market of a symbol, in the order that this file's head gives; `synthetic` skips the search.

    Raises:
        MissingDataError: what was named holds no recording of the symbol; the message says what it holds.
        InvalidInputError: the symbol has no known rules, or a file is damaged.
    """
    instrument = spot_instrument(symbol)
    if not synthetic:
        named = os.environ.get(DATA_VARIABLE)
        if path is not None:
            return _recorded(path, instrument, found="as given", duration_s=duration_s)
        if named:
            return _recorded(Path(named), instrument, found=f"${DATA_VARIABLE}", duration_s=duration_s)
        found_places = [(place, "beside the project") for place in shared_data_dirs()]
        for place, found in [*found_places, (cache_dir(), "the user's cache")]:
            if place.is_dir() and any(_matches(each, instrument) for each in _recordings_or_none(place)):
                return _recorded(place, instrument, found=found, duration_s=duration_s)
    return SyntheticSource(
        instrument, seed=seed, seconds=DEFAULT_SYNTHETIC_SECONDS if duration_s is None else duration_s
    )


def _recordings_or_none(place: Path) -> list[Recording]:
    try:
        return find_recordings(place)
    except MissingDataError:  # nobody named this place: it may be empty
        return []


def _matches(recording: Recording, instrument: Instrument) -> bool:
    return recording.product == "spot" and recording.symbol == instrument.venue_symbol


def _recorded(path: Path, instrument: Instrument, *, found: str, duration_s: int | None) -> RecordedSource:
    recordings = find_recordings(path)
    for each in recordings:
        if _matches(each, instrument):
            return RecordedSource(each, instrument, found=found, duration_s=duration_s)
    held = ", ".join(f"{each.product} {each.symbol}" for each in recordings)
    raise MissingDataError(
        f"{path} ({found}) holds no recording of spot {instrument.venue_symbol}, only {held}; "
        "give another path or another symbol"
    )

"""A recorded stream of one instrument: its lines, its grid and its own statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import msgspec
import zstandard

ZSTD_WINDOW_BYTES = 1 << 25
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MS_PER_S = 1_000
BASIS_POINTS = 10_000
MAD_TO_SIGMA = 1.4826
# How often the book is looked at for its statistics, and how far down.
SAMPLE_MS = 5_000
SAMPLED_LEVELS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a feed must know of it, and the files that hold its recording, in order."""

    name: str
    product: str
    symbol: str
    price_tick: str
    size_step: str
    files: tuple[str, ...]

    def lines(self, folder: Path) -> list[bytes]:
        """The recorded lines `<received_ns> <json>`."""
        lines: list[bytes] = []
        for name in self.files:
            with (folder / f"{name}.raw.zst").open("rb") as file:
                decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
                lines += decoder.stream_reader(file).read().splitlines()
        return lines


INSTRUMENTS = (
    Instrument(
        name="spot BTCUSDT",
        product="spot",
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        files=("spot_btcusdt_20240808", "spot_btcusdt_20240809"),
    ),
    Instrument(
        name="spot ETHUSDT",
        product="spot",
        symbol="ETHUSDT",
        price_tick="0.01",
        size_step="0.0001",
        files=("spot_ethusdt_20240808", "spot_ethusdt_20240809"),
    ),
    Instrument(
        name="usdm BTCUSDT",
        product="usdm",
        symbol="BTCUSDT",
        price_tick="0.10",
        size_step="0.001",
        files=("usdm_btcusdt_20240808",),
    ),
    Instrument(
        name="usdm ETHUSDT",
        product="usdm",
        symbol="ETHUSDT",
        price_tick="0.01",
        size_step="0.001",
        files=("usdm_ethusdt_20240808",),
    ),
)


class TextGrid:
    """The decimal text of one instrument's prices and sizes, exactly, both ways.

    Prices are whole ticks. Sizes are counted in units of their last decimal, because an order older than the
    present size step may be finer than it.
    """

    def __init__(self, price_tick: str, size_step: str, price_text: str, size_text: str) -> None:
        self.price_decimals = len(price_text.partition(".")[2])
        self.size_decimals = len(size_text.partition(".")[2])
        self.units_per_tick = scaled(price_tick, self.price_decimals)
        self.units_per_lot = scaled(size_step, self.size_decimals)

    def ticks(self, text: str) -> int:
        """Whole ticks of a price."""
        ticks, rest = divmod(scaled(text, self.price_decimals), self.units_per_tick)
        if rest:
            raise ValueError(f"price {text} is off the grid")
        return ticks

    def price(self, ticks: int) -> str:
        """A price as the venue writes it."""
        return decimal_text(ticks * self.units_per_tick, self.price_decimals)

    def units(self, text: str) -> int:
        """A size in units of its last decimal."""
        return scaled(text, self.size_decimals)

    def size(self, units: int) -> str:
        """A size as the venue writes it."""
        return decimal_text(units, self.size_decimals)

    def whole_lots(self, units: float) -> int:
        """The nearest size that an order may have, in units; at least one lot."""
        return max(1, round(units / self.units_per_lot)) * self.units_per_lot


def scaled(text: str, decimals: int) -> int:
    """Plain decimal text in units of ten to the minus `decimals`; what is finer must be zeros."""
    whole, _, fraction = text.partition(".")
    if fraction[decimals:].strip("0"):
        raise ValueError(f"{text} has more than {decimals} decimals")
    return int(whole + fraction[:decimals].ljust(decimals, "0"))


def decimal_text(units: int, decimals: int) -> str:
    """The other way round, with all decimals written."""
    digits = str(units).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is usual in a recording: the measure of a pattern's intensity."""

    first_ms: int
    last_ms: int
    # Median size at the touch and 90th percentile of the sizes in the best levels, in units.
    touch_units: float
    level_units: float
    # Median size of a trade, in units.
    trade_units: float
    # Levels that depth updates carry in a second.
    levels_per_s: float
    # Robust deviation of the bid's change over a second, in ticks; at least one.
    sigma_ticks: float
    # A basis point of the price, in ticks; at least one.
    bp_ticks: float


def decode(line: bytes) -> tuple[int, dict]:
    """Receive time and message of a recorded line."""
    received_ns, _, body = line.partition(b" ")
    return int(received_ns), msgspec.json.decode(body)


def grid_of(instrument: Instrument, lines: Sequence[bytes]) -> TextGrid:
    """The grid as the recording writes it."""
    for line in lines:
        data = decode(line)[1].get("data", {})
        levels = data.get("b") if data.get("e") == "depthUpdate" else None
        if levels:
            return TextGrid(instrument.price_tick, instrument.size_step, *levels[0])
    raise ValueError("no depth update in the recording")


def apply_levels(book: dict[int, int], levels: Sequence[Sequence[str]], grid: TextGrid) -> list[int]:
    """Set one side's levels; returns their prices in ticks."""
    prices = []
    for price, size in levels:
        ticks, units = grid.ticks(price), grid.units(size)
        prices.append(ticks)
        if units:
            book[ticks] = units
        else:
            book.pop(ticks, None)
    return prices


class RecordedBook:
    """Both sides as the recording tells them, prices in ticks and sizes in units."""

    def __init__(self, grid: TextGrid) -> None:
        self.grid = grid
        self.sides: dict[str, dict[int, int]] = {"b": {}, "a": {}}
        self.last_id = 0
        # Until the snapshot comes: updates that may be newer than it.
        self._waiting: list[dict] | None = []

    def take_snapshot(self, message: dict) -> None:
        """Begin with a REST snapshot, and what came before it but is newer."""
        self.last_id = message["lastUpdateId"]
        waiting, self._waiting = self._waiting or [], None
        for side, name in (("b", "bids"), ("a", "asks")):
            self.sides[side].clear()
            apply_levels(self.sides[side], message[name], self.grid)
        for data in waiting:
            if data["u"] > self.last_id:
                self.take_update(data)

    def take_update(self, data: dict) -> dict[str, list[int]]:
        """Apply a depth update; returns the prices of its levels."""
        if self._waiting is not None:
            self._waiting.append(data)
            return {"b": [], "a": []}
        self.last_id = data["u"]
        return {side: apply_levels(book, data[side], self.grid) for side, book in self.sides.items()}


class _Collector:
    def __init__(self, grid: TextGrid) -> None:
        self.grid = grid
        self.touch_units: list[int] = []
        self.trade_units: list[int] = []
        self.bid_of_second: dict[int, int] = {}
        self.level_units: list[int] = []
        self.book = RecordedBook(grid)
        self.levels = 0
        self.bid_ticks = 0
        self.times_ms: list[int] = []
        self.sampled_ms = 0

    def take(self, message: dict) -> None:
        if "lastUpdateId" in message:
            self.book.take_snapshot(message)
            return
        data = message["data"]
        if "E" in data:
            self.times_ms.append(data["E"])
            self.bid_of_second[data["E"] // MS_PER_S] = self.bid_ticks
        event = data.get("e", "bookTicker")
        if event == "bookTicker":
            self.bid_ticks = self.grid.ticks(data["b"])
            self.touch_units += (self.grid.units(data["B"]), self.grid.units(data["A"]))
        elif event == "trade":
            self.trade_units.append(self.grid.units(data["q"]))
        else:
            self.take_depth(data)

    def take_depth(self, data: dict) -> None:
        self.levels += sum(map(len, self.book.take_update(data).values()))
        if data["E"] < self.sampled_ms + SAMPLE_MS:
            return
        self.sampled_ms = data["E"]
        for side, is_down in (("b", True), ("a", False)):
            sizes = self.book.sides[side]
            self.level_units += [sizes[t] for t in sorted(sizes, reverse=is_down)[:SAMPLED_LEVELS]]

    def statistics(self) -> Statistics:
        first_ms, last_ms = min(self.times_ms), max(self.times_ms)
        bids = [ticks for _, ticks in sorted(self.bid_of_second.items()) if ticks]
        changes = [after - before for before, after in pairwise(bids)]
        centre = median(changes)
        sigma = MAD_TO_SIGMA * median(abs(change - centre) for change in changes)
        # Half of a quiet market's seconds may end where they began; its mean deviation then says more.
        sigma = sigma or sum(abs(change - centre) for change in changes) / len(changes)
        return Statistics(
            first_ms=first_ms,
            last_ms=last_ms,
            touch_units=median(self.touch_units),
            level_units=quantiles(self.level_units, n=10)[-1],
            trade_units=median(self.trade_units),
            levels_per_s=self.levels * MS_PER_S / (last_ms - first_ms),
            sigma_ticks=max(1.0, sigma),
            bp_ticks=max(1.0, bids[-1] / BASIS_POINTS),
        )


def statistics_of(lines: Sequence[bytes], grid: TextGrid) -> Statistics:
    """Measure a whole recording; it needs some seconds of every channel."""
    collector = _Collector(grid)
    for line in lines:
        collector.take(decode(line)[1])
    return collector.statistics()

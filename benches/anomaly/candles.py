"""Candles with crash windows and calm weeks: what a panel on a plain series is judged by."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from pathlib import Path
from statistics import median

from benches.anomaly.recording import NS_PER_MS, NS_PER_S
from benches.anomaly.scoring import Span

INTERVAL_NS = {"1m": 60 * NS_PER_S, "5m": 300 * NS_PER_S}
DAY_NS = 86_400 * NS_PER_S
WEEK_NS = 7 * DAY_NS
# The epoch was a Thursday.
FIRST_MONDAY_NS = 4 * DAY_NS
# A week needs nearly all of its candles to be judged, and a day between it and an event.
MIN_WEEK_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Candles:
    """Closes of one instrument, each with the time at which it is known."""

    venue: str
    symbol: str
    interval: str
    close_ns: Sequence[int]
    closes: Sequence[int]

    @property
    def name(self) -> str:
        """As it stands in the report."""
        return f"{self.venue} {self.symbol} {self.interval}"

    def log_returns(self) -> tuple[list[int], list[float]]:
        """When each return was known, and the return; over a hole in the candles there is none."""
        times, returns = [], []
        step = INTERVAL_NS[self.interval]
        for at in range(1, len(self.closes)):
            if self.close_ns[at] - self.close_ns[at - 1] == step:
                times.append(self.close_ns[at])
                returns.append(log(self.closes[at] / self.closes[at - 1]))
        return times, returns


def read_candles(path: Path) -> Candles:
    """A Parquet file of candles; the module that reads it is in the group `bench` only."""
    from pyarrow import parquet

    table = parquet.read_table(path, columns=["ts", "close"])
    told = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    step = INTERVAL_NS[told["interval"]]
    close_ns = [open_ms * NS_PER_MS + step for open_ms in table["ts"].to_pylist()]
    return Candles(told["venue"], told["symbol"], told["interval"], close_ns, table["close"].to_pylist())


def crash_windows(path: Path, candles: Candles) -> list[Span]:
    """The measured events that these candles cover."""
    spans = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            wanted = row["venue"], row["symbol"], row["interval"]
            if wanted != (candles.venue, candles.symbol, candles.interval):
                continue
            begin_ns, end_ns = (_utc_ns(row[name]) for name in ("from_utc", "to_utc"))
            if candles.close_ns[0] + DAY_NS <= begin_ns and end_ns <= candles.close_ns[-1]:
                spans.append(Span("crash", row["event"], begin_ns, end_ns))
    return sorted(spans, key=lambda span: span.begin_ns)


def covers(candles: Candles, symbol: str, moment_ns: int) -> bool:
    """True if these are the candles of a coin against USDT at that moment."""
    is_symbol = candles.symbol == f"{symbol}USDT"
    return is_symbol and candles.close_ns[0] <= moment_ns <= candles.close_ns[-1]


def announced_pumps(path: Path) -> list[tuple[str, int]]:
    """Coin and time of each pump that was announced."""
    with path.open(newline="") as file:
        return [
            (row["symbol"], _utc_ns(f"{row['date']}T{row['hour']}"))
            for row in csv.DictReader(file)
            if row["date"] and row["hour"]
        ]


@dataclass(frozen=True, slots=True)
class Week:
    """A whole week without an event; calm if its largest move is below the median of such weeks."""

    begin_ns: int
    end_ns: int
    is_calm: bool


def quiet_weeks(candles: Candles, events: Sequence[Span]) -> list[Week]:
    """Weeks from Monday, UTC, that lie a day or more from each event."""
    times, returns = candles.log_returns()
    moves: dict[int, list[float]] = {}
    for time, value in zip(times, returns, strict=True):
        moves.setdefault((time - FIRST_MONDAY_NS) // WEEK_NS, []).append(abs(value))
    expected = WEEK_NS // INTERVAL_NS[candles.interval]
    found = []
    for week, values in sorted(moves.items()):
        begin_ns = FIRST_MONDAY_NS + week * WEEK_NS
        end_ns = begin_ns + WEEK_NS
        is_far = all(end_ns + DAY_NS < event.begin_ns or event.end_ns + DAY_NS < begin_ns for event in events)
        if is_far and len(values) >= MIN_WEEK_SHARE * expected:
            found.append((begin_ns, end_ns, max(values)))
    limit = median(move for *_, move in found) if found else 0.0
    return [Week(begin, end, move < limit) for begin, end, move in found]


def _utc_ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S

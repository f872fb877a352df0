"""Are market events fit for use? Chunk by chunk, in bounded memory. Policies as in `quality`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from openoutcry.backtesting.history.content_hash import ContentHash
from openoutcry.backtesting.history.quality import MAX_JUMP, Severity, check_clock, utc_text
from openoutcry.backtesting.history.source import (
    CODE_MASK,
    EVENT_COLUMNS,
    QUOTE_COLUMNS,
    TRADE,
    Notes,
    Source,
)
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, TimestampNs

MAX_SILENCE_NS: Final = 10 * NS_PER_S
LEAST_LATENCY_NS: Final = NS_PER_MS  # of a stream whose clock was corrected: venues' times are whole ms


@dataclass(slots=True)
class Tally:
    """How often a flaw was seen, and where first."""

    severity: Severity
    remedy: str
    count: int = 0
    row: int = 0
    detail: str = ""

    def add(self, rows: Integers, before: int, detail: str) -> None:
        """Count these rows of a chunk with `before` rows ahead of it."""
        if len(rows) and not self.count:
            self.row, self.detail = before + int(rows[0]), detail
        self.count += len(rows)


def _tallies() -> dict[str, Tally]:
    return {
        "backward_time": Tally("error", "sort the file by time"),
        "backward_receive_time": Tally("error", "sort the file by receive time"),
        "not_positive": Tally("error", "mend or drop the row"),
        "crossed": Tally("error", "mend or drop the row"),
        "jump": Tally("warning", "compare with another source"),
        "silence": Tally("warning", "nothing is filled in; what happened there is not known"),
        "duplicate": Tally("warning", "drop the second one, if one trade was recorded twice"),
    }


@dataclass(slots=True)
class EventCheck:
    """Takes all rows of one stream in order, (n, columns)."""

    columns: tuple[str, ...]
    rows: int = 0
    first_ns: int = 0
    last_ns: int = 0
    least_latency_ns: int = 0
    _last: Integers | None = None
    _last_trade: Integers | None = None
    _tallies: dict[str, Tally] = field(default_factory=_tallies)
    _latencies: list[tuple[int, int]] = field(default_factory=list)

    def update(self, rows: Integers) -> None:
        """Take the next rows."""
        if not len(rows):
            return
        times = rows[:, 0]
        joined = times if self._last is None else np.r_[self._last[0], times]
        self._check_times(joined)
        if self.columns == EVENT_COLUMNS:
            self._check_events(rows)
        elif self.columns == QUOTE_COLUMNS:
            self._check_quotes(rows)
        first_ns, last_ns = int(times.min()), int(times.max())  # the ends, even where time goes back
        self.first_ns = first_ns if self._last is None else min(self.first_ns, first_ns)
        self.last_ns = max(self.last_ns, last_ns)
        self._last = rows[-1].copy()
        self.rows += len(rows)

    def findings(self, shift_ns: int = 0) -> tuple[Finding, ...]:
        """What was found; `shift_ns` is by how much receive times are corrected."""
        found = [
            Finding(
                severity=tally.severity,
                kind=kind,
                count=tally.count,
                row=tally.row,
                detail=tally.detail,
                remedy=tally.remedy,
            )
            for kind, tally in self._tallies.items()
            if tally.count
        ]
        if not self.rows:
            found.append(
                Finding(
                    severity="error",
                    kind="empty",
                    count=1,
                    row=0,
                    detail="there is no row",
                    remedy="fetch it again, or check that the symbol is in it",
                )
            )
        return (*found, *check_clock(self.least_latency_ns, self.median_latency_ns, shift_ns))

    @property
    def goes_back(self) -> bool:
        """Time went back: there is no order to hash."""
        return bool(self._tallies["backward_time"].count)

    @property
    def median_latency_ns(self) -> int:
        """Receive minus event time in the middle: the median of the chunks' medians, by their rows."""
        ordered = sorted(self._latencies)
        half, seen = self.rows / 2, 0
        for latency_ns, count in ordered:
            seen += count
            if seen >= half:
                return latency_ns
        return 0

    @property
    def shift_ns(self) -> int:
        """What receive times must be moved by so that none lies before its event: 0, if none does."""
        least_ns = self.least_latency_ns
        return LEAST_LATENCY_NS - least_ns if least_ns < 0 else 0

    def _check_times(self, joined: Integers) -> None:
        """The time of the row before the chunk, if there is one, and those of the chunk."""
        steps = np.diff(joined)
        offset = self.rows - (0 if self._last is None else 1) + 1
        back = np.flatnonzero(steps < 0)
        if len(back):
            detail = f"time goes back by {-int(steps[back[0]]) / NS_PER_S:g} s"
            self._tallies["backward_time"].add(back, offset, detail)
        silent = np.flatnonzero(steps > MAX_SILENCE_NS)
        if len(silent) and self.columns in {EVENT_COLUMNS, QUOTE_COLUMNS}:
            at = utc_text(int(joined[silent[0]]))
            detail = f"nothing for {int(steps[silent[0]]) / NS_PER_S:.1f} s after {at}"
            self._tallies["silence"].add(silent, offset, detail)

    def _check_events(self, rows: Integers) -> None:
        latency = rows[:, 1] - rows[:, 0]
        least_ns = int(latency.min())
        self.least_latency_ns = least_ns if not self.rows else min(self.least_latency_ns, least_ns)
        self._latencies.append((int(np.median(latency)), len(rows)))
        local = rows[:, 1] if self._last is None else np.r_[self._last[1], rows[:, 1]]
        offset = self.rows - (0 if self._last is None else 1) + 1
        back = np.flatnonzero(np.diff(local) < 0)
        if len(back):
            self._tallies["backward_receive_time"].add(back, offset, "the receive time goes back")
        bad = np.flatnonzero((rows[:, 3] < 0) | (rows[:, 4] < 0))
        self._tallies["not_positive"].add(bad, self.rows, "a price or a size is negative")
        self._check_trades(rows)

    def _check_trades(self, rows: Integers) -> None:
        where = np.flatnonzero((rows[:, 2] & CODE_MASK) == TRADE)
        if not len(where):
            return
        trades = rows[where]
        empty = where[(trades[:, 3] <= 0) | (trades[:, 4] <= 0)]
        self._tallies["not_positive"].add(empty, self.rows, "a trade without a price or a size")
        if self._last_trade is not None:
            trades = np.vstack([self._last_trade, trades])
            where = np.r_[-1, where]
        price = trades[:, 3].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.abs(price[1:] / price[:-1] - 1)
        jumps = np.flatnonzero(change > MAX_JUMP) + 1
        if len(jumps):
            detail = f"the price of trades jumps by {change[jumps[0] - 1]:.0%}: another scale, or an error"
            self._tallies["jump"].add(where[jumps], self.rows, detail)
        ids = trades[:, 5]
        same = np.flatnonzero((ids[1:] == ids[:-1]) & (ids[1:] != 0)) + 1
        self._tallies["duplicate"].add(where[same], self.rows, "a trade's id came again")
        self._last_trade = trades[-1].copy()

    def _check_quotes(self, rows: Integers) -> None:
        bid, ask = rows[:, 1], rows[:, 2]
        crossed = np.flatnonzero((bid >= ask) & (bid > 0) & (ask > 0))
        self._tallies["crossed"].add(crossed, self.rows, "the bid is not below the ask")
        bad = np.flatnonzero((rows[:, 1:] < 0).any(axis=1))
        self._tallies["not_positive"].add(bad, self.rows, "a price or a size is negative")


@dataclass(frozen=True, slots=True)
class Survey:
    """A source read once from end to end: its record, its days' hashes and the clock's correction.

    Hashes are of the rows as they were recorded; `shift_ns` is to be added to receive times.
    """

    record: DatasetRecord
    days: dict[int, str]
    shift_ns: int


def survey(source: Source, sink: Callable[[Integers], None] | None = None) -> Survey:
    """Read a source once: check it, hash it, measure its clock; `sink` gets every chunk of rows.

    Raises:
        InvalidInputError: a file is damaged, or holds what it should not; a day comes after a later one.
    """
    check, content = EventCheck(source.columns), ContentHash(source.columns)
    notes: Notes = []
    for rows in source.read(notes):
        check.update(rows)
        if not check.goes_back:
            content.update(rows)
        if sink is not None:
            sink(rows)
    shift_ns = check.shift_ns
    digest = "" if check.goes_back else content.hexdigest()
    told = {each.kind for each in notes}  # candles are checked as they are read
    found = [each for each in check.findings(shift_ns) if each.kind not in told]
    record = DatasetRecord(
        name=source.name,
        path=str(source.path),
        kind=source.data_kind,
        venue=source.instrument.venue,
        symbol=source.instrument.symbol,
        first_ns=TimestampNs(check.first_ns),
        last_ns=TimestampNs(check.last_ns),
        rows=check.rows,
        sha256=digest,
        findings=(*notes, *found),
    )
    return Survey(record, content.days, shift_ns)

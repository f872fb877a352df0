"""What an importer finds in files: one instrument's history, and how to read it as rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from openoutcry.backtesting.history.candles import CANDLE_COLUMNS
from openoutcry.backtesting.result import DataKind, Finding, Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument

EVENT_COLUMNS: Final = ("exchange_ns", "local_ns", "kind", "price_ticks", "size_lots", "order_id")
QUOTE_COLUMNS: Final = ("at_ns", "bid_ticks", "ask_ticks", "bid_lots", "ask_lots")
FUNDING_COLUMNS: Final = ("at_ns", "rate_e12")  # the rate times 10^12, which is exact
CANDLES_PREFIX: Final = "candles-"

# The codes of rows; the side, 1 for asks and sellers, stands above the lowest byte.
LEVEL: Final = 1
TRADE: Final = 2
CLEAR: Final = 3
SNAPSHOT: Final = 4
TOUCH: Final = 5
ORDER_ADDED: Final = 10
ORDER_CANCELLED: Final = 11
ORDER_MODIFIED: Final = 12
ORDER_FILLED: Final = 13
CODE_MASK: Final = 0xFF
SIDE_SHIFT: Final = 8

_COLUMNS: Final = {
    "events": EVENT_COLUMNS,
    "trades": EVENT_COLUMNS,
    "quotes": QUOTE_COLUMNS,
    "funding": FUNDING_COLUMNS,
}

Severity = Literal["note", "warning", "error"]
Notes = list[Finding]
Rows = Iterator[Integers]
Read = Callable[[Notes], Rows]


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What files do not say of themselves. Empty: take it from the file, its name, or its numbers."""

    symbol: str = ""
    unsaid_symbol: str = ""  # of files that do not say theirs, beside others that do
    venue: str = ""
    interval: str = ""
    price_tick: str = ""
    size_step: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One instrument's history of one kind, in files.

    `kind` is `candles-5m` and the like, `events`, `trades`, `quotes` or `funding`. `read` gives all rows from
    the first, each array (n, columns), in order of time, and adds to its notes what it finds on the way.
    """

    instrument: Instrument
    kind: str
    name: str
    path: Path
    read: Read

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the rows' columns."""
        return columns_of(self.kind)

    @property
    def data_kind(self) -> DataKind:
        """Whether it is candles or market events."""
        return data_kind(self.kind)


def note(severity: Severity, kind: str, count: int, detail: str, remedy: str) -> Finding:
    """A finding about a whole source."""
    return Finding(severity=severity, kind=kind, count=count, row=0, detail=detail, remedy=remedy)


def columns_of(kind: str) -> tuple[str, ...]:
    """The columns of a kind of history; the first is the time.

    Raises:
        InvalidInputError: there is no such kind.
    """
    if kind.startswith(CANDLES_PREFIX):
        return CANDLE_COLUMNS
    if kind not in _COLUMNS:
        raise InvalidInputError(
            f"kind {kind!r} is unknown; use candles-5m and the like, {', '.join(_COLUMNS)}"
        )
    return _COLUMNS[kind]


def data_kind(kind: str) -> DataKind:
    """Whether a kind of history is candles or events."""
    return "candles" if kind.startswith(CANDLES_PREFIX) else "events"

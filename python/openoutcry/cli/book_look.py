"""One look at a published book: what it says, and whether to believe it."""

import math
import time
from decimal import Decimal
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from openoutcry.assembly.paths import RunPaths, books_root, read_record
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.units import NS_PER_MS, to_text
from openoutcry.ingestion.settings import BookSettings, FeedSettings
from openoutcry.native import BookReader
from openoutcry.plugins.registry import did_you_mean

BAR_WIDTH: Final = 20
MS_PER_S: Final = 1000
LOOK_ATTEMPTS: Final = 3
_OVER: Final = ("dead", "closed", "torn", "gone")  # unless another segment has taken the place
_STYLES: Final = {"fresh": "green", "empty": "yellow", "busy": "yellow", "stalled": "bold yellow"}


class BookLook:
    """Looks at one instrument's book of a run, again and again. A segment that was replaced is opened anew.

    Raises:
        MissingDataError: the run has no record, or nobody publishes its books.
        InvalidInputError: it does not trade the symbol, or its segment cannot be trusted.
    """

    def __init__(self, run: RunPaths, symbol: str | None, levels: int) -> None:
        record = read_record(run)
        books = msgspec.convert(record.settings.get("books", {}), BookSettings)
        if not record.instruments:
            raise MissingDataError(f"{run.run_dir} records no instruments; give another run with --run")
        self._symbol = symbol or next(
            iter(record.settings.get("symbols", ())), next(iter(record.instruments))
        )
        if self._symbol not in record.instruments:
            raise InvalidInputError(
                f"the run does not trade {self._symbol}; {did_you_mean(self._symbol, record.instruments)}"
            )
        self._instrument = record.instruments[self._symbol]
        feed = {**record.settings.get("feed", {}), "symbol": self._symbol}
        self._stale_ms = msgspec.convert(feed, FeedSettings).depth_stale_ms
        self._is_published = books.publish
        self._folder = books_root(books.dir) / run.run_id
        self._levels = levels
        self._reader = self._open()

    def _open(self) -> BookReader:
        try:
            return BookReader(folder=self._folder, venue=self._instrument.venue)
        except FileNotFoundError as error:
            if not self._is_published:
                raise MissingDataError(
                    "the run does not publish its books; set books.publish = true and start it anew"
                ) from error
            raise MissingDataError(
                f"nobody publishes the books of {self._folder.name}: it has ended, or has not begun to; see "
                "`openoutcry status`"
            ) from error
        except OSError as error:
            raise InvalidInputError(f"the published books cannot be read: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """The book now, as plain values with prices and sizes as decimal text."""
        read: dict[str, Any] = {"status": "gone"}
        for _ in range(LOOK_ATTEMPTS):
            read = self._reader.read_dict(self._reader.instruments.index(self._symbol))
            if read["status"] == "busy":
                continue
            if read["status"] not in _OVER:
                break
            try:
                self._reader = self._open()
            except MissingDataError:
                break
        return self._told(read)

    def _told(self, read: dict[str, Any]) -> dict[str, Any]:
        status, now_ns = read["status"], time.time_ns()
        told: dict[str, Any] = {
            "symbol": self._symbol,
            "venue": self._instrument.venue,
            "at_ns": now_ns,
            "status": status,
            "writer": self._reader.writer(),
            "writer_pid": self._reader.writer_pid,
            "is_valid": read.get("is_valid", False),
            "is_trusted": False,
            "is_over": status in _OVER,
        }
        if "bids" not in read:
            return told
        for name in ("publication", "event_ns", "depth_received_ns", "trade_received_ns", "published_ns"):
            told[name] = read[name]
        received_ns = read["depth_received_ns"]
        age_ms = (now_ns - received_ns) / NS_PER_MS if received_ns else None
        # An update from the future: the clock was set back, and says nothing of the age.
        told["age_ms"], told["is_stale"] = age_ms, age_ms is None or abs(age_ms) > self._stale_ms
        told["is_trusted"] = status == "fresh" and read["is_valid"] and not told["is_stale"]
        told["last_update_id"] = read["last_update_id"]
        told["bids"], told["asks"] = (self._side(read[side]) for side in ("bids", "asks"))
        told["spread"] = self._spread(read["bids"], read["asks"])
        told["last_trade"] = self._trade(read["last_trade"])
        features = read["features"].items()
        told["features"] = {name: None if math.isnan(value) else value for name, value in features}
        return told

    def _side(self, levels: list[tuple[int, int]]) -> list[tuple[str, str]]:
        rules = self._instrument
        return [(rules.price_text(ticks), rules.size_text(lots)) for ticks, lots in levels[: self._levels]]

    def _spread(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> str | None:
        return to_text(asks[0][0] - bids[0][0], self._instrument.tick) if bids and asks else None

    def _trade(self, trade: tuple[int, int, int, str, int] | None) -> dict[str, Any] | None:
        if trade is None:
            return None
        trade_id, ticks, lots, taker, at_ns = trade
        return {
            "id": trade_id,
            "price": self._instrument.price_text(ticks),
            "size": self._instrument.size_text(lots),
            "taker": taker,
            "at_ns": at_ns,
        }


def draw(seen: dict[str, Any]) -> RenderableType:
    """A look for people."""
    status = seen["status"]
    line = Text.assemble(
        (status, _STYLES.get(status, "bold red")),
        f"  writer {seen['writer_pid']} {seen['writer']}",
        ("" if seen["is_valid"] else "  the book is not valid", "bold red"),
        ("  the book is stale" if seen["is_valid"] and seen["is_stale"] else "", "bold red"),
    )
    parts: list[RenderableType] = [line]
    if "bids" in seen:
        parts += [_levels(seen), _trade(seen), _features(seen["features"])]
    title = f"[bold]{seen['symbol']}[/] at {seen['venue']}"
    return Panel(Group(*parts), title=title, title_align="left", width=64)


def _levels(seen: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    sizes = [Decimal(size) for side in ("bids", "asks") for _, size in seen[side]]
    largest = max(sizes, default=Decimal(1))
    for style, levels in (("red", list(reversed(seen["asks"]))), ("green", seen["bids"])):
        for price, size in levels:
            bar = "█" * max(1, round(BAR_WIDTH * Decimal(size) / largest))
            table.add_row(Text(price, style=style), size, Text(bar, style=f"{style} dim"))
        if style == "red":
            spread = "no spread" if seen["spread"] is None else f"spread {seen['spread']}"
            table.add_row(Text(spread, style="dim"), "", "")
    return table


def _trade(seen: dict[str, Any]) -> Text:
    trade = seen["last_trade"]
    said = f"last trade {trade['taker']} {trade['size']} at {trade['price']}" if trade else "no trade yet"
    age = "no update yet" if seen["age_ms"] is None else f"updated {seen['age_ms'] / MS_PER_S:.3f} s ago"
    return Text(f"{said}   {age}", style="dim")


def _features(features: dict[str, float | None]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in features.items():
        table.add_row(Text(name, style="dim"), "unknown" if value is None else f"{value:,.4f}")
    return table

"""The screen of `top`: the actors, edges and latencies of a running system, and what goes wrong in it."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, RichLog, Static

from openoutcry.cli.halt_question import HaltQuestion
from openoutcry.cli.run_snapshot import OVER
from openoutcry.cli.system_rows import (
    ACTOR_COLUMNS,
    ALARM,
    EDGE_COLUMNS,
    HOP_COLUMNS,
    MS_PER_S,
    Column,
    Row,
    actor_rows,
    age,
    edge_rows,
    hop_rows,
)
from openoutcry.cli.top_events import Events
from openoutcry.domain.errors import OpenOutcryError

MAX_EVENTS: Final = 1000
REASON: Final = "by the operator, in top"
NARROW: Final = 110  # columns; below it there is room for the edges or the hops, not for both
_STATE_STYLES: Final = {"running": "bold green", "unhealthy": ALARM, "killed": ALARM, "silent": "bold yellow"}


class LiveTable(DataTable[Text]):
    """A table whose rows are replaced in place, so that it can be scrolled while it changes."""

    def __init__(self, title: str, columns: Sequence[Column]) -> None:
        super().__init__(cursor_type="none", id=title)
        self.border_title = title
        self._titled = columns

    def on_mount(self) -> None:
        """Make the columns; fixed widths do not jitter."""
        for column in self._titled:
            self.add_column(column.cell(column.title), width=column.width)

    def show(self, rows: list[Row]) -> None:
        """Show these rows, in this order."""
        while self.row_count > len(rows):
            self.remove_row(str(self.row_count - 1))
        for index, row in enumerate(rows):
            if index == self.row_count:
                self.add_row(*row, key=str(index))
                continue
            for column, cell in enumerate(row):
                at = Coordinate(index, column)
                if self.get_cell_at(at) != cell or self.get_cell_at(at).style != cell.style:
                    self.update_cell_at(at, cell)


class TopScreen(App[OpenOutcryError]):
    """Looks again and again, until the system ends; then it stays to be read. Returns what made it end."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "openoutcry top"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-broad")]  # noqa: RUF012  as its base has it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("h", "halt", "halt"),
        Binding("p", "pause", "pause"),
        Binding("m", "order('memory')", "memory"),
        Binding("d", "order('mailbox')", "depth"),
        Binding("a", "order('age')", "age"),
        Binding("r", "order('role')", "role"),
        Binding("e", "swap", "edges/hops"),
    ]
    CSS = """
    #header { height: 2; padding: 0 1; background: $panel; }
    LiveTable, RichLog {
        background: $background; border-top: solid $primary-darken-1; border-title-color: $text-accent;
        scrollbar-size: 1 1; overflow-x: hidden;
    }
    LiveTable:focus, RichLog:focus { border-top: solid $accent; background-tint: $foreground 0%; }
    LiveTable > .datatable--header { background: $background; color: $text-muted; }
    #actors { height: auto; max-height: 50%; }
    #between { height: 1fr; }
    #edges { width: 1fr; height: 100%; }
    #hops { width: 46; height: 100%; }
    .-narrow #hops, .-narrow .-swapped #edges { display: none; }
    .-narrow .-swapped #hops { display: block; width: 1fr; }
    .-unheard LiveTable { text-opacity: 60%; }
    #events { height: 20%; min-height: 4; padding: 0 1; }
    """

    def __init__(
        self, look: Callable[[], dict[str, Any]], interval_s: float, arm: Callable[[str], object]
    ) -> None:
        """`look` takes a snapshot of the run, `arm` arms the halt for a reason; both may block."""
        super().__init__()
        self._look = look
        self._interval_s = interval_s
        self._arm = arm
        self._header = Static(id="header")
        self._actors = LiveTable("actors", ACTOR_COLUMNS)
        self._edges = LiveTable("edges", EDGE_COLUMNS)
        self._hops = LiveTable("hops", HOP_COLUMNS)
        self._told = RichLog(id="events", max_lines=MAX_EVENTS, wrap=True)
        self._told.border_title = "events"
        self._events = Events()
        self._order = "role"
        self._is_paused = False
        self._snapshot: dict[str, Any] = {}
        self._system: dict[str, Any] = {}  # the last that was heard of it

    def compose(self) -> ComposeResult:
        """The header, the tables, the events and the keys."""
        yield self._header
        yield self._actors
        yield Horizontal(self._edges, self._hops, id="between")
        yield self._told
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look. A SIGTERM leaves the terminal as it was."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)
        self.run_worker(self._follow())

    async def _follow(self) -> None:
        while self._snapshot.get("state") not in OVER:
            if not self._is_paused:
                await self._refresh()
            await asyncio.sleep(self._interval_s)

    async def _refresh(self) -> None:
        try:
            self._snapshot = await asyncio.to_thread(self._look)
        except OpenOutcryError as error:  # the run's folder is gone
            self.exit(error)
            return
        self._system = self._snapshot["system"] or self._system
        for line in self._events.since(self._snapshot):
            self._told.write(Text(line))
        self._draw()

    def _draw(self) -> None:
        self._header.update(self._summary())
        is_unheard = self._snapshot["system"] is None
        self.set_class(is_unheard, "-unheard")
        self._actors.border_title = f"actors by {self._order}{', as last heard' if is_unheard else ''}"
        if self._system:
            self._actors.show(actor_rows(self._system, self._order))
            self._edges.show(edge_rows(self._system))
            self._hops.show(hop_rows(self._system))

    def _summary(self) -> Text:
        snapshot, halt = self._snapshot, self._snapshot["halt"]
        state = snapshot["state"]
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(snapshot["run_id"], "bold").append(f"   {snapshot['mode']}   ")
        text.append(state, _STATE_STYLES.get(state, "bold"))
        if state == "ended":
            text.append(f": {snapshot['outcome']}")
        if state in OVER:
            text.append("   q leaves", "dim")
        if self._is_paused:
            text.append("   ").append(" paused ", "reverse")
        text.append("\nhalt ", "dim")
        text.append(*(f"armed: {halt.reason} (by {halt.by})", ALARM) if halt else ("none",))
        system = snapshot["system"] or {}
        for symbol, feed in _feeds(system).items():
            text.append("   feed ", "dim").append(f"{symbol} ")
            text.append(feed["state"], "green" if feed["state"] == "live" else "yellow")
        newest = _newest_frame_s(system)
        if newest is not None:
            text.append(f"   newest frame {age(newest * MS_PER_S)}", "dim")
        return text

    def action_order(self, order: str) -> None:
        """Sort the actors."""
        self._order = order
        if self._snapshot:
            self._draw()

    def action_swap(self) -> None:
        """Show the hops in the place of the edges, or the other way round, where only one has room."""
        self.query_one("#between").toggle_class("-swapped")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Offer no swap where both have room."""
        del parameters
        return action != "swap" or self.size.width < NARROW

    def on_resize(self) -> None:
        """The keys may be others now."""
        self.refresh_bindings()

    def action_pause(self) -> None:
        """Stop looking, or go on."""
        self._is_paused = not self._is_paused
        if self._snapshot:
            self._draw()

    def action_halt(self) -> None:
        """Ask, and halt if the word was typed."""
        self.push_screen(HaltQuestion(), self._halt)

    async def _halt(self, is_confirmed: bool | None) -> None:  # noqa: FBT001  textual's call
        if not is_confirmed:
            return
        try:
            await asyncio.to_thread(self._arm, REASON)
        except OpenOutcryError as error:
            self._told.write(Text(str(error), ALARM))
            return
        await self._refresh()


def _feeds(system: dict[str, Any]) -> dict[str, Any]:
    ingestion = system.get("actors", {}).get("ingestion", {})
    feeds: dict[str, Any] = ingestion.get("detail", {}).get("feeds", {})
    return feeds


def _newest_frame_s(system: dict[str, Any]) -> float | None:
    gauges = system.get("actors", {}).get("ingestion", {}).get("gauges", {})
    return min((value for key, value in gauges.items() if key.startswith("feed_age_seconds")), default=None)

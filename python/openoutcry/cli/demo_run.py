"""How the demo goes: start the venue and the system, follow the replay, stop, account for everything."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
from rich.console import Console
from rich.live import Live

from openoutcry.actors.system import SystemFailedError
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.backtesting.report import write_report
from openoutcry.backtesting.summary import headline, summarise
from openoutcry.cli.demo import DROP_AT, GAP_AT
from openoutcry.cli.live_screen import draw
from openoutcry.cli.local_venue import LocalVenue, exchange_arguments
from openoutcry.cli.options import table
from openoutcry.cli.session import Session, state_path
from openoutcry.domain.units import NS_PER_MS, NS_PER_S

SYMBOL: Final = "BTC/USDT"
CONNECT_TIMEOUT_S: Final = 60.0
SETTLE_TIMEOUT_S: Final = 45.0
POLL_INTERVAL_S: Final = 0.25
NOTE_INTERVAL_S: Final = 5.0
UNPACED_SPEED: Final = 200.0  # what "as fast as it goes" comes to, for the horizons of orders
HORIZON_NS: Final = 30 * NS_PER_S  # of the market's time, over which an order is sliced
SLICE_INTERVAL_NS: Final = 6 * NS_PER_S
MIN_HORIZON_NS: Final = 500 * NS_PER_MS
MIN_SLICE_INTERVAL_NS: Final = 100 * NS_PER_MS
REPRODUCIBLE: Final = (
    "the same data and seed close the same candles and cast the same votes and signals; "
    "fills may move, because orders meet the replay at the machine's own pace"
)


def run_demo(
    *,
    speed: float,
    duration: int | None,
    seed: int,
    data: Path | None,
    config: Path | None,
    headless: bool,
    state_dir: Path | None,
    is_quiet: bool,
) -> dict[str, Any]:
    """Run it, and return the summary; its `problems` are empty if all went as it should."""
    faults = (f"drop@{DROP_AT}", f"gap@{GAP_AT}")
    arguments = exchange_arguments(
        data=data, speed=speed, duration_s=duration, seed=seed, symbol=SYMBOL, faults=faults
    )
    screen = _Screen(is_live=not (headless or is_quiet), is_quiet=is_quiet)
    screen.note("starting the local exchange and reading the market data …")
    with _interruptible() as interrupted, LocalVenue(arguments) as venue:
        screen.title = str(venue.ready["data_source"])
        screen.note(f"market data: {screen.title}")
        settings = load_settings(
            config, {**_demo_settings(speed, seed), **venue.overrides, **state_path(state_dir)}
        )
        screen.note("starting the actors …")
        with Session(
            settings, data_source=screen.title, data_hash=str(venue.ready["sha256"])
        ) as session:
            follow = _Follow(venue, session, screen, interrupted)
            outcome = follow.to_the_end()
            stopped = session.stop(outcome)
            system = session.status() or follow.system
            summary = _conclude(session, settings, venue.status(), system, outcome)
            summary["unreconciled"] += stopped.unreconciled + len(stopped.late)
            summary["restarts"] = {role: count for role, count in stopped.restarts.items() if count}
            summary["failures"] = list(stopped.failures)
            session.end(outcome, summary)
        summary = {**summarise(session.paths.run_dir), **summary}
        summary["problems"] = _problems(summary)
        session.end(outcome, summary)
        summary["report_path"] = str(write_report(session.paths.run_dir))
    return summary


def _demo_settings(speed: float, seed: int) -> dict[str, object]:
    """Horizons shrink with the replay's speed, so that an order takes as long of the market's time."""
    pace = speed or UNPACED_SPEED
    horizon_ns = max(int(HORIZON_NS / pace), MIN_HORIZON_NS)
    return {
        "deployment_id": "demo",
        "seed": seed,
        "strategy.intents.horizon_ns": horizon_ns,
        "execution.slice_interval_ns": max(int(SLICE_INTERVAL_NS / pace), MIN_SLICE_INTERVAL_NS),
        "risk.max_orders": 200,
    }


class _Screen:
    """Where the progress is shown: a live screen, lines, or nothing."""

    def __init__(self, *, is_live: bool, is_quiet: bool) -> None:
        self.title = ""
        self.notes: list[str] = []
        self._console = Console(stderr=is_quiet)
        self._is_quiet = is_quiet
        self._live = Live(console=self._console, refresh_per_second=4, transient=False) if is_live else None
        self._last_line_s = 0.0

    def note(self, text: str) -> None:
        """An event worth a line."""
        self.notes.append(text)
        if self._live is None and not self._is_quiet:
            self._console.print(text, highlight=False, markup=False)

    def show(self, replay: dict[str, Any], system: dict[str, Any]) -> None:
        """Draw the present state, or say it in a line now and then."""
        if self._live is not None:
            self._live.update(draw(self.title, replay, system, self.notes))
        elif time.monotonic() - self._last_line_s >= NOTE_INTERVAL_S:
            self._last_line_s = time.monotonic()
            totals = system.get("totals", {})
            counts = ", ".join(
                f"{name} {int(totals.get(key, 0))}"
                for name, key in (
                    ("candles", "candles"),
                    ("votes", "votes"),
                    ("orders", "child_orders"),
                    ("fills", "fills"),
                )
            )
            self.note(f"replay {float(replay.get('progress', 0)):6.1%}: {counts}")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The live screen is on while this lasts."""
        if self._live is None:
            yield
            return
        with self._live:
            yield


class _Follow:
    """Watches venue and system from the first connection to the last settled order."""

    def __init__(self, venue: LocalVenue, session: Session, screen: _Screen, interrupted: list[int]) -> None:
        self.system: dict[str, Any] = {}
        self._venue = venue
        self._session = session
        self._screen = screen
        self._interrupted = interrupted
        self._seen: dict[str, float] = {}

    def to_the_end(self) -> str:
        """Start the replay when everybody is connected; returns how it ended, in words."""
        self._wait(self._is_connected, CONNECT_TIMEOUT_S, "the actors to connect to the venue")
        self._screen.note("connected; the market begins")
        self._venue.start_replay()
        with self._screen.opened():
            while True:
                replay = self._look()
                if self._interrupted:
                    return "stopped by the operator"
                if replay.get("error"):
                    raise SystemFailedError(f"the replay failed: {replay['error']}")
                if replay["finished"]:
                    break
                time.sleep(POLL_INTERVAL_S)
            self._wait(self._is_settled, SETTLE_TIMEOUT_S, "the last orders to settle", is_fatal=False)
            return "the replay ended"

    def _look(self) -> dict[str, Any]:
        replay = self._venue.status()
        self.system = self._session.status() or self.system
        self._note_changes(replay)
        self._screen.show(replay, self.system)
        return replay

    def _wait(self, condition: Any, timeout_s: float, what: str, *, is_fatal: bool = True) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition(self._look()):
            if self._interrupted:
                return
            if time.monotonic() > deadline:
                if is_fatal:
                    raise SystemFailedError(
                        f"waited {timeout_s:.0f} s for {what}; see {self._session.paths.log}"
                    )
                self._screen.note(f"waited {timeout_s:.0f} s for {what}")
                return
            time.sleep(POLL_INTERVAL_S)

    def _is_connected(self, replay: dict[str, Any]) -> bool:
        del replay
        feed, execution = self._feed(), self._execution()
        return feed.get("state") in ("syncing", "live") and execution.get("connection") == "live"

    def _is_settled(self, replay: dict[str, Any]) -> bool:
        feed, execution = self._feed(), self._execution()
        return bool(feed.get("last_trade_id") == replay["last_trade_id"] and execution.get("is_settled"))

    def _feed(self) -> dict[str, Any]:
        feeds = self._detail("ingestion").get("feeds", {})
        return next(iter(feeds.values()), {})

    def _execution(self) -> dict[str, Any]:
        return self._detail("execution")

    def _detail(self, role: str) -> dict[str, Any]:
        detail: dict[str, Any] = self.system.get("actors", {}).get(role, {}).get("detail", {})
        return detail

    def _note_changes(self, replay: dict[str, Any]) -> None:
        """Say what was injected, and what came of it."""
        totals = self.system.get("totals", {})
        for fault in replay.get("faults_injected", [])[int(self._seen.get("faults", 0)) :]:
            self._screen.note(f"injected: {fault['kind']} at {float(replay['progress']):.0%} of the replay")
        self._seen["faults"] = len(replay.get("faults_injected", []))
        for key, text in (
            ("reconnects", "the feed has reconnected"),
            ("gaps", "a gap was seen in the book's sequence; it starts anew"),
            ("resyncs", "the book is joined with a new snapshot"),
            ("backfilled_trades", "missed trades were fetched, the candles stay exact"),
            ("actor_restarts", "an actor was restarted"),
        ):
            if totals.get(key, 0) > self._seen.get(key, 0):
                self._screen.note(text)
            self._seen[key] = totals.get(key, 0)


def _conclude(
    session: Session, settings: Settings, replay: dict[str, Any], system: dict[str, Any], outcome: str
) -> dict[str, Any]:
    """What only the running system and the venue know; the rest is read from the journals."""
    del settings
    totals = system.get("totals", {})
    return {
        "run_id": session.paths.run_id,
        "outcome": outcome,
        "data_source": str(replay.get("data_source", "")),
        "data_sha256": str(replay.get("sha256", "")),
        "messages": int(sum(value for key, value in totals.items() if key.startswith("frames:"))),
        "unreconciled": 0,
        "faults_injected": len(replay.get("faults_injected", [])),
        "faults_recovered": int(totals.get("recovered_faults", 0)),
        "gaps": int(totals.get("gaps", 0)),
        "reconnects": int(totals.get("reconnects", 0)),
        "backfilled_trades": int(totals.get("backfilled_trades", 0)),
        "latency_us": {hop: each for hop, each in system.get("latency_us", {}).items() if each.get("count")},
        "venue_balances": replay.get("balances", {}),
        "venue_open_orders": replay.get("open_orders_total", 0),
        "reproducible": REPRODUCIBLE,
    }


def _problems(summary: dict[str, Any]) -> list[str]:
    """Why the demo did not show what it should; empty if it did."""
    problems = []
    if summary["unreconciled"]:
        problems.append(f"{summary['unreconciled']} orders are not accounted for")
    if summary["outcome"] == "the replay ended":
        if not summary["fills"]:
            problems.append("nothing was filled")
        if summary["faults_recovered"] < summary["faults_injected"]:
            problems.append("not every injected fault was recovered")
    return problems


def summary_table(summary: dict[str, Any]) -> None:
    """The summary for people."""
    latencies = summary["latency_us"]
    rows = [("messages", f"{summary['messages']:,}"), *headline(summary)]
    for hop, name in (
        ("candle>order", "candle closed → order sent"),
        ("order>venue", "order sent → venue's answer"),
    ):
        if hop in latencies:
            rows.append((name, f"p50 ≤ {latencies[hop]['p50']:,} µs, p99 ≤ {latencies[hop]['p99']:,} µs"))
    rows += [
        ("journal", summary["journal_path"]),
        ("report", summary["report_path"]),
        ("again", summary["reproducible"]),
    ]
    table(f"run {summary['run_id']}: {summary['outcome']}", rows)
    for problem in summary["problems"]:
        click.echo(f"problem: {problem}", err=True)
    order = next(iter(summary.get("example_orders", [])), None)
    if order:
        click.echo(f"\nask why:  openoutcry why {order}")


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
    """The first SIGINT or SIGTERM ends the run in order, a second one at once."""
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)

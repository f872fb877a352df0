"""How a run goes: start the venue and the system, follow them, stop in order, account for everything."""

import contextlib
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
import msgspec

from openoutcry.assembly.paths import halt_latch
from openoutcry.assembly.replay_pace import replay_overrides
from openoutcry.assembly.settings import Settings, check_orders_go, load_settings
from openoutcry.backtesting.report.run import write_report
from openoutcry.backtesting.summary import headline, summarise
from openoutcry.cli.follow import REPLAY_ENDED, Follow
from openoutcry.cli.local_venue import LocalVenue, exchange_arguments
from openoutcry.cli.options import table
from openoutcry.cli.progress import Progress
from openoutcry.cli.session import Session, state_path

REPRODUCIBLE: Final = (
    "the same data and seed close the same candles and cast the same votes and signals; "
    "fills may move, because orders meet the replay at the machine's own pace"
)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for. `faults` are as the local exchange takes them."""

    is_live: bool = False
    config: Path | None = None
    state_dir: Path | None = None
    data: Path | None = None
    synthetic: bool = False
    speed: float = 1.0
    duration: int | None = None
    seed: int = 0
    faults: tuple[str, ...] = ()
    headless: bool = False
    is_quiet: bool = False


def trade(options: RunOptions) -> dict[str, Any]:
    """Run, and return the summary; its `problems` are empty if all went as it should."""
    progress = Progress(is_live=not options.headless, is_quiet=options.is_quiet)
    given = load_settings(options.config, {"seed": options.seed, **state_path(options.state_dir)})
    with contextlib.ExitStack() as stack:
        interrupted = stack.enter_context(_interruptible())
        venue = (
            None
            if options.is_live or given.venue.rest_url
            else _replay_venue(options, given, stack, progress)
        )
        settings = given if venue is None else _replayed(options, venue)
        check_orders_go(settings, live=options.is_live)
        data_source = _live_source(settings) if venue is None else venue.data_source
        progress.title = data_source
        progress.note("starting the actors …")
        session = Session(
            settings,
            data_source=data_source,
            data_hash="" if venue is None else venue.data_hash,
            replay_speed=0.0 if venue is None else options.speed,
            is_alone=venue is None,
        )
        with session:
            follow = Follow(venue, session, progress, interrupted)
            outcome = follow.to_the_end()
            progress.note(f"{outcome}; stopping in order …")
            stopped = session.stop(outcome)
            system = session.status() or follow.system
            summary = _observed(session, venue, system, outcome)
            summary["unreconciled"] = stopped.unreconciled
            summary["late"] = list(stopped.late)
            summary["restarts"] = {role: count for role, count in stopped.restarts.items() if count}
            summary["failures"] = list(stopped.failures)
            halt = halt_latch(settings).read()
            summary["halt"] = f"{halt.reason} (by {halt.by})" if halt is not None else ""
            session.end(outcome, summary)
        return _finished(session, summary, outcome)


def _live_source(settings: Settings) -> str:
    """Where the market data comes from, if no replay of our own is it."""
    address = settings.venue.stream_url
    return f"{settings.venue.venue}'s protocol at {address}" if address else f"{settings.venue.venue}, live"


def _replay_venue(
    options: RunOptions, settings: Settings, stack: contextlib.ExitStack, progress: Progress
) -> LocalVenue:
    progress.note("starting the local exchange and reading the market data …")
    arguments = exchange_arguments(
        data=options.data,
        synthetic=options.synthetic,
        speed=options.speed,
        duration_s=options.duration,
        seed=options.seed,
        symbol=settings.symbols[0],
        faults=options.faults,
    )
    venue = stack.enter_context(LocalVenue(arguments))
    progress.note(f"market data: {venue.data_source}")
    return venue


def _replayed(options: RunOptions, venue: LocalVenue) -> Settings:
    """Settings for a replay: horizons shrink with its speed, so that orders take as long of its time."""
    overrides = {
        "seed": options.seed,
        **state_path(options.state_dir),
        **venue.overrides,
        **replay_overrides(options.speed),
    }
    return load_settings(options.config, overrides)


def _observed(
    session: Session, venue: LocalVenue | None, system: dict[str, Any], outcome: str
) -> dict[str, Any]:
    """What only the running system and the venue know; the rest is read from the journals."""
    totals = system.get("totals", {})
    replay = venue.status() if venue is not None else {}
    return {
        "run_id": session.paths.run_id,
        "outcome": outcome,
        "data_source": replay.get("data_source", ""),
        "data_sha256": replay.get("sha256", ""),
        "messages": int(sum(value for key, value in totals.items() if key.startswith("frames:"))),
        "faults_injected": len(replay.get("faults_injected", [])),
        "faults_recovered": int(totals.get("recovered_faults", 0)),
        "gaps": int(totals.get("gaps", 0)),
        "reconnects": int(totals.get("reconnects", 0)),
        "backfilled_trades": int(totals.get("backfilled_trades", 0)),
        "latency_us": {hop: each for hop, each in system.get("latency_us", {}).items() if each.get("count")},
        "venue_balances": replay.get("balances", {}),
        "venue_open_orders": replay.get("open_orders_total", 0),
    }


def _finished(session: Session, observed: Mapping[str, Any], outcome: str) -> dict[str, Any]:
    """Read the journals, judge, write the record and the report."""
    run_dir = session.paths.run_dir
    summary = {**summarise(run_dir), "reproducible": REPRODUCIBLE}
    summary["unreconciled"] = max(summary["unreconciled"], observed["unreconciled"])
    summary["problems"] = _problems(summary)
    session.end(outcome, summary)
    summary["report_path"] = str(write_report(run_dir))
    return summary


def _problems(summary: Mapping[str, Any]) -> list[str]:
    """What went wrong, in words; empty if nothing did."""
    problems = []
    if summary["unreconciled"]:
        problems.append(f"{summary['unreconciled']} orders are not accounted for")
    if summary["halt"]:
        problems.append(f"the halt is armed: {summary['halt']}; `openoutcry resume` lifts it")
    if summary["late"]:
        problems.append(f"{', '.join(summary['late'])} did not end in order")
    if summary["venue_open_orders"]:
        problems.append(f"{summary['venue_open_orders']} orders still rest at the venue")
    if summary["outcome"] == REPLAY_ENDED and summary["faults_recovered"] < summary["faults_injected"]:
        problems.append("not every injected fault was recovered")
    return problems


def put_summary(summary: Mapping[str, Any]) -> None:
    """The summary for people."""
    latencies = summary["latency_us"]
    rows: list[tuple[str, object]] = [("messages", f"{summary['messages']:,}"), *headline(summary)]
    for hop, name in (("candle>order", "candle → order sent"), ("order>venue", "order sent → answer")):
        if hop in latencies:
            rows.append((name, f"p50 ≤ {latencies[hop]['p50']:,} µs, p99 ≤ {latencies[hop]['p99']:,} µs"))
    rows += [("failure", text) for text in summary["failures"]]
    rows += [("journal", summary["journal_path"]), ("report", summary["report_path"])]
    rows.append(("if run again", summary["reproducible"]))
    table(f"run {summary['run_id']}: {summary['outcome']}", rows)
    for problem in summary["problems"]:
        click.echo(f"problem: {problem}", err=True)
    if summary["example_order"]:
        click.echo(f"\nTo see what led to an order:  openoutcry why {summary['example_order']}")


@contextlib.contextmanager
def _interruptible() -> Iterator[list[int]]:
    """The first SIGINT, SIGTERM or SIGHUP ends the run in order, a second one at once."""
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    previous = {
        each: signal.signal(each, on_signal) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield received
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)

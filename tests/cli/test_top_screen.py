import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest
from tests.cli.watched_run import WatchedRun
from textual.widgets import Input, RichLog, Static

from openoutcry.cli.halt_question import HaltQuestion
from openoutcry.cli.run_snapshot import take_snapshot
from openoutcry.cli.top_screen import NARROW, TopScreen
from openoutcry.domain.errors import JournalError, MissingDataError
from openoutcry.domain.units import NS_PER_S
from openoutcry.memory.halt_latch import HaltLatch

INTERVAL_S = 0.2
POLL_S = 0.02


class Watcher:
    """Looks at the screen as a person does: at what it shows."""

    def __init__(self, app, pilot):
        self.app, self.pilot = app, pilot

    async def until(self, condition):
        """Wait for what the screen will show; a test that waits in vain ends by its timeout."""
        while not condition():
            await self.pilot.pause(POLL_S)

    def rows(self, table="actors"):
        shown = self.app.screen_stack[0].query_one(f"#{table}")
        return [[cell.plain for cell in shown.get_row_at(index)] for index in range(shown.row_count)]

    def roles(self):
        return [row[0] for row in self.rows()]

    def header(self):
        return str(self.app.screen_stack[0].query_one("#header", Static).content)

    def events(self):
        lines = self.app.screen_stack[0].query_one("#events", RichLog).lines
        return "\n".join(line.text.rstrip() for line in lines)

    async def press(self, *keys):
        await self.pilot.press(*keys)


@pytest.fixture
def watched(state):
    run = WatchedRun(state)
    run.beat("risk", mailbox=3, rss_bytes=2 * 2**20, last_message_ago_ms=5000)
    run.beat("memory", mailbox=1, rss_bytes=9 * 2**20, last_message_ago_ms=200)
    yield run
    run.close()


@pytest.fixture
def screen(state, watched):
    def arm(reason):
        HaltLatch(state).arm(reason, "me", 1)

    @asynccontextmanager
    async def opened(arm=arm, size=(120, 40)):
        app = TopScreen(partial(take_snapshot, state, watched.paths), INTERVAL_S, arm)
        async with app.run_test(size=size) as pilot:
            watcher = Watcher(app, pilot)
            await watcher.until(watcher.rows)
            yield watcher

    return opened


def test_actors_appear_and_change(screen, watched):
    async def scenario():
        async with screen() as seen:
            assert seen.rows() == [
                ["memory", "running", "7", "1", "0.2 s", "0", "9"],
                ["risk", "running", "7", "3", "5.0 s", "0", "2"],
            ]
            assert "r-1   paper   running" in seen.header()
            watched.beat("execution", pid=8, state="starting")
            watched.beat("risk", pid=9, restarts=1, mailbox=256)
            await seen.until(lambda: len(seen.rows()) == 3)
            await seen.until(lambda: seen.rows()[2] == ["risk", "running", "9", "256", "none", "1", "0"])
            assert seen.rows()[0] == ["execution", "starting", "8", "0", "none", "0", "0"]
            assert "risk: restarted, 1 in all; now pid 9" in seen.events()

    asyncio.run(scenario())


def test_a_silent_actor_is_marked_and_told(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.now_ns += 6 * NS_PER_S
            watched.beat("memory")
            await seen.until(lambda: seen.rows()[1][1] == "silent 6.0 s")
            assert "unhealthy" in seen.header()
            assert "risk: no heartbeat for 6 s" in seen.events()
            watched.beat("risk")
            await seen.until(lambda: seen.rows()[1][1] == "running")
            assert "over: risk: no heartbeat" in seen.events()

    asyncio.run(scenario())


def test_keys_sort_the_actors(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.beat("execution", mailbox=2, rss_bytes=2**20, last_message_ago_ms=90_000)
            await seen.until(lambda: len(seen.rows()) == 3)
            for key, roles, order in (
                ("m", ["memory", "risk", "execution"], "memory"),
                ("d", ["risk", "execution", "memory"], "mailbox"),
                ("a", ["execution", "risk", "memory"], "age"),
                ("r", ["execution", "memory", "risk"], "role"),
            ):
                await seen.press(key)
                assert seen.roles() == roles
                assert seen.app.query_one("#actors").border_title == f"actors by {order}"

    asyncio.run(scenario())


def test_edges_hops_and_the_feed_are_shown(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.beat(
                "ingestion",
                gauges={"edge_depth:risk/MarketAlert": 4, "feed_age_seconds:depth": 0.25},
                latency_us={"memory>ingestion": (0, 1)},
                detail={"feeds": {"BTC/USDT": {"state": "syncing"}}},
            )
            await seen.until(lambda: seen.rows("edges"))
            assert seen.rows("edges") == [["ingestion>risk MarketAlert", "4", "0.0 s", ""]]
            assert seen.rows("hops") == [["memory>ingestion", "2 µs", "2 µs"]]
            assert "feed BTC/USDT syncing   newest frame 0.2 s" in seen.header()

    asyncio.run(scenario())


def test_a_narrow_screen_shows_edges_or_hops_and_a_wide_one_both(screen):
    def shown(seen):
        return [name for name in ("edges", "hops") if seen.app.query_one(f"#{name}").display]

    async def scenario():
        async with screen(size=(80, 24)) as seen:
            assert shown(seen) == ["edges"]
            await seen.press("e")
            assert shown(seen) == ["hops"]
            await seen.pilot.resize_terminal(NARROW, 40)
            await seen.until(lambda: shown(seen) == ["edges", "hops"])
            await seen.press("e")  # no key of a wide screen
            await seen.pilot.resize_terminal(80, 24)
            await seen.until(lambda: shown(seen) == ["hops"])

    asyncio.run(scenario())


def test_the_typed_word_arms_the_halt(screen, state):
    async def scenario():
        async with screen() as seen:
            assert "halt none" in seen.header()
            await seen.press("h", *"halt", "enter")
            await seen.until(lambda: "halt armed: by the operator, in top (by me)" in seen.header())
            assert "halt armed: by the operator" in seen.events()
            HaltLatch(state).lift("me")
            await seen.until(lambda: "halt none" in seen.header())

    asyncio.run(scenario())
    assert not HaltLatch(state).is_armed()


@pytest.mark.parametrize("answer", ["", "hal", "no", "HALT"])
def test_a_wrong_word_halts_nothing_and_is_asked_again(screen, state, answer):
    async def scenario():
        async with screen() as seen:
            await seen.press("h", *answer, "enter")
            assert isinstance(seen.app.screen, HaltQuestion)
            assert "nothing was halted" in str(seen.app.screen.query_one("#answer", Static).content)
            assert seen.app.screen.query_one(Input).value == ""
            await seen.press("escape")
            assert not isinstance(seen.app.screen, HaltQuestion)

    asyncio.run(scenario())
    assert not HaltLatch(state).is_armed()


def test_a_halt_that_fails_is_told(screen):
    def arm(reason):
        raise JournalError("the halt could not be changed; stop the processes yourself")

    async def scenario():
        async with screen(arm) as seen:
            await seen.press("h", *"halt", "enter")
            await seen.until(lambda: "stop the processes yourself" in seen.events())
            assert "halt none" in seen.header()

    asyncio.run(scenario())


def test_pause_holds_the_picture(screen, watched):
    async def scenario():
        async with screen() as seen:
            looks = []
            look = seen.app._look
            seen.app._look = lambda: looks.append(1) or look()
            await seen.press("p")
            assert "paused" in seen.header()
            watched.beat("execution")
            before = len(looks)
            for _ in range(4):
                await seen.pilot.pause(INTERVAL_S)
            assert len(looks) <= before + 1  # one may have been under way
            await seen.press("p")
            await seen.until(lambda: len(seen.rows()) == 3)
            assert "paused" not in seen.header()

    asyncio.run(scenario())


def test_when_monitoring_falls_silent_the_last_picture_stays_and_says_so(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.close()
            await seen.until(lambda: "silent" in seen.header())
            assert seen.roles() == ["memory", "risk"]
            assert "as last heard" in seen.app.query_one("#actors").border_title
            assert "monitoring does not answer" in seen.events()

    asyncio.run(scenario())


def test_when_the_system_ends_it_says_so_and_stays_until_q(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.end()
            await seen.until(lambda: "ended: the replay ended   q leaves" in seen.header())
            await seen.app.workers.wait_for_complete()  # it looks no more
            assert seen.app.is_running
            assert "the run has ended: the replay ended" in seen.events()
            await seen.press("q")
        assert seen.app.return_value is None

    asyncio.run(scenario())


def test_a_run_that_is_deleted_ends_the_screen_with_its_error(screen, watched):
    async def scenario():
        async with screen() as seen:
            watched.paths.record.unlink()
            await seen.until(lambda: not seen.app.is_running)
        assert isinstance(seen.app.return_value, MissingDataError)

    asyncio.run(scenario())

"""`openoutcry book` on a segment that the test publishes."""

import msgspec
import pytest
from rich.console import Console
from tests.ingestion.venue_script import BTC
from tests.native.test_book_segment import a_feed

from openoutcry.assembly.paths import (
    RunRecord,
    books_root,
    create_run,
    find_run,
    state_dir,
    sweep_books,
    write_record,
)
from openoutcry.assembly.settings import Settings
from openoutcry.cli.book_look import BookLook, draw
from openoutcry.domain.units import NS_PER_MS
from openoutcry.ingestion.settings import BookSettings
from openoutcry.native import BookPublisher

RUN_ID = "r-1"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "books"


@pytest.fixture
def run(state, root):
    return record_run(state, BookSettings(dir=str(root)))


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The clock stands just behind the newest update of `a_feed`."""
    moment = a_feed().last_received_ns["depth"] + NS_PER_MS
    monkeypatch.setattr("openoutcry.cli.book_look.time.time_ns", lambda: moment)
    return moment


def record_run(state, books):
    paths = create_run(state, RUN_ID)
    settings = msgspec.structs.replace(Settings(), books=books)
    record = RunRecord(
        run_id=RUN_ID,
        pid=1,
        mode="paper",
        started_ns=1,
        instruments={BTC.symbol: BTC},
        settings=msgspec.to_builtins(settings),
    )
    write_record(paths, record)
    return paths


@pytest.fixture
def publisher(run, root):
    made = BookPublisher(folder=root / run.run_id, venue=BTC.venue, instruments=[BTC.symbol])
    yield made
    made.close()


def test_the_book_as_json(oo, publisher):
    feed = a_feed()
    publisher.publish(0, feed, 7)
    called = oo("book", "--once", "--levels", "3", "--json")
    assert called.code == 0
    seen = called.result
    bids, asks = feed.levels(3)
    assert seen["bids"] == [[BTC.price_text(ticks), BTC.size_text(lots)] for ticks, lots in bids]
    assert seen["spread"] == BTC.price_text(asks[0][0] - bids[0][0])
    assert (seen["status"], seen["writer"], seen["is_trusted"]) == ("fresh", "alive", True)
    assert seen["last_trade"]["id"] == feed.last_trade_id
    assert {name: seen["features"][name] for name in feed.features()} == pytest.approx(feed.features())


def test_a_book_that_is_not_valid_is_told_by_the_exit_code(oo, publisher):
    feed = a_feed()
    feed.reset()
    publisher.publish(0, feed, 7)
    called = oo("book", "BTC/USDT", "--once", "--json")
    assert (called.code, called.result["is_valid"], called.result["bids"]) == (1, False, [])
    assert called.result["features"]["mid_ticks"] is None


@pytest.mark.parametrize("step_ms", [5_001, -5_003])
def test_a_book_without_an_update_for_long_is_not_trusted_though_its_writer_lives(
    oo, publisher, now, monkeypatch, step_ms
):
    """Nor is one that seems to come from the future, after the clock was set back."""
    publisher.publish(0, a_feed(), 7)
    assert oo("book", "--once", "--json").code == 0
    monkeypatch.setattr("openoutcry.cli.book_look.time.time_ns", lambda: now + step_ms * NS_PER_MS)
    called = oo("book", "--once", "--json")
    assert (called.code, called.result["status"], called.result["is_valid"]) == (1, "fresh", True)
    assert (called.result["is_stale"], called.result["is_trusted"]) == (True, False)


def test_a_segment_that_was_made_anew_is_looked_at(run, root, publisher):
    """It was taken away, and its writer closed it and made another."""
    look = BookLook(find_run(state_dir()), None, 3)
    publisher.path.unlink()
    publisher.close()
    anew = BookPublisher(folder=root / run.run_id, venue=BTC.venue, instruments=[BTC.symbol])
    anew.publish(0, a_feed(), 7)
    assert look()["status"] == "fresh"
    anew.close()
    assert look()["is_over"]


def test_lines_end_with_the_system(oo, publisher, monkeypatch):
    publisher.publish(0, a_feed(), 7)
    monkeypatch.setattr("time.sleep", lambda _: publisher.close())
    lines = [msgspec.json.decode(line) for line in oo("book").out.splitlines()]
    assert [line["status"] for line in lines] == ["fresh", "closed"]


def test_for_people(oo, publisher):
    feed = a_feed()
    publisher.publish(0, feed, 7)
    console = Console(width=80, record=True)
    with console.capture() as capture:
        console.print(draw(BookLook(find_run(state_dir()), None, 3)()))
    shown = capture.get()
    ((best_ticks, _),) = feed.levels(1)[0]
    assert BTC.price_text(best_ticks) in shown
    for words in ("BTC/USDT", "fresh", "spread", "last trade", "mid_ticks"):
        assert words in shown


def test_without_a_segment_it_says_why(oo, run):
    called = oo("book", "--once", "--json")
    assert (called.code, called.error["kind"]) == (4, "MissingDataError")
    assert "nobody publishes the books of r-1" in called.error["message"]


def test_a_run_that_does_not_publish_says_how_it_would(oo, state, root):
    record_run(state, BookSettings(publish=False, dir=str(root)))
    assert "books.publish = true" in oo("book", "--json").error["message"]


def test_a_symbol_that_is_not_traded_is_refused(oo, publisher):
    called = oo("book", "BTC/USDD", "--json")
    assert called.code == 2
    assert "BTC/USDT" in called.error["message"]


def test_books_lie_in_memory_unless_told_otherwise(tmp_path):
    assert books_root(str(tmp_path)) == tmp_path
    assert books_root().name.startswith("openoutcry-")


def test_a_sweep_leaves_the_living(root, publisher):
    (root / "r-dead").mkdir(mode=0o700)
    left = root / "r-dead" / "binance.book"
    left.write_bytes(publisher.path.read_bytes())
    left.chmod(0o600)
    assert sweep_books(root) == [left]
    assert [folder.name for folder in root.iterdir()] == [RUN_ID]
    assert publisher.beat()
    assert sweep_books(root / "nowhere") == []

"""A feed that shows its book in shared memory."""

import asyncio

import pytest
from tests.ingestion.test_feed import SETTINGS, Session
from tests.ingestion.venue_script import BTC

from openoutcry.ingestion.books import RETRY_INTERVAL_NS, PublishedBooks
from openoutcry.native import BookPublisher, BookReader

DEPTH = 5


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "books"


@pytest.fixture
def books(folder):
    made = PublishedBooks(folder, BTC.venue, [BTC.symbol], DEPTH)
    yield made
    made.close()


def look(folder):
    return BookReader(folder=folder, venue=BTC.venue).read_dict(0)


def test_what_the_feed_sees_others_see(folder, books):
    async def scenario():
        async with Session(SETTINGS, books=books) as session:
            assert look(folder)["is_valid"] is False
            await session.go_live()
            seen, told = look(folder), session.feed.snapshot()
            assert (seen["status"], seen["is_valid"]) == ("fresh", True)
            assert (seen["bids"], seen["asks"]) == (told["bids"][:DEPTH], told["asks"][:DEPTH])
            assert seen["last_update_id"] == told["last_update_id"]
            assert seen["last_trade"][0] == told["last_trade_id"]
            session.disconnect()
            assert look(folder)["is_valid"] is False
        assert look(folder)["is_valid"] is False

    asyncio.run(scenario())


def test_a_segment_that_was_taken_away_is_made_anew(folder, books):
    books.keep(0)
    (segment,) = folder.iterdir()
    segment.unlink()
    books.keep(RETRY_INTERVAL_NS)
    assert list(folder.iterdir()) == [segment]


def test_one_that_cannot_be_made_is_tried_again_later_and_stops_nobody(folder, books, caplog):
    other = BookPublisher(folder=folder, venue=BTC.venue, instruments=["ETH/USDT"])
    books.keep(0)
    assert "publishes there already" in caplog.text
    books.publish(BTC.symbol, None, 0)  # nowhere to publish: nothing happens
    other.close()
    books.keep(RETRY_INTERVAL_NS - 1)
    assert list(folder.iterdir()) == []
    books.keep(RETRY_INTERVAL_NS)
    assert BookReader(folder=folder, venue=BTC.venue).instruments == [BTC.symbol]


def test_nothing_is_left_at_the_end(folder, books):
    books.keep(0)
    reader = BookReader(folder=folder, venue=BTC.venue)
    books.close()
    assert reader.writer() == "closed"
    assert not folder.exists()
    books.keep(RETRY_INTERVAL_NS)
    assert not folder.exists()

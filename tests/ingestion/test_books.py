"""A feed that shows its book in shared memory."""

import asyncio

import pytest
from tests.ingestion.test_feed import SETTINGS, Session
from tests.ingestion.venue_script import BTC

from openoutcry.domain.errors import ConfigurationError
from openoutcry.ingestion.books import RETRY_INTERVAL_NS, PublishedBooks
from openoutcry.ingestion.settings import BookSettings
from openoutcry.native import BookPublisher, BookReader, MarketFeed

DEPTH = 5


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "books"


@pytest.fixture
def books(folder):
    made = PublishedBooks(folder, BTC.venue, [BTC.symbol], DEPTH)
    yield made
    made.close()


def new_core():
    return MarketFeed(
        symbol=BTC.venue_symbol,
        price_tick=BTC.price_tick,
        size_step=BTC.size_step,
        candle_interval_ns=1_000_000_000,
    )


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


def test_a_publisher_that_fails_is_made_anew_and_stops_nobody(folder, books, caplog):
    books.keep(0)
    books._publisher.close()
    books.publish(BTC.symbol, new_core(), 1)
    assert "published anew" in caplog.text
    books.publish(BTC.symbol, new_core(), 2)  # nowhere until the next attempt
    books.keep(RETRY_INTERVAL_NS)
    books.publish(BTC.symbol, new_core(), 3)
    assert look(folder)["published_ns"] == 3


def test_nothing_is_left_at_the_end(folder, books):
    books.keep(0)
    reader = BookReader(folder=folder, venue=BTC.venue)
    books.close()
    assert reader.writer() == "closed"
    assert not folder.exists()
    books.keep(RETRY_INTERVAL_NS)
    assert not folder.exists()


def test_a_folder_that_depends_on_where_one_stands_is_refused():
    with pytest.raises(ConfigurationError, match=r"books\.dir is 'books'; give an absolute path"):
        BookSettings(dir="books")

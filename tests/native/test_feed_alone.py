"""A feed without analytics keeps the same book and tape, and says that it has nothing else."""

from array import array
from math import isnan

from openoutcry.native import BookPublisher, BookReader, MarketFeed, SyntheticMarket

SETTINGS = {
    "symbol": "BTCUSDT",
    "price_tick": "0.01",
    "size_step": "0.00001",
    "candle_interval_ns": 1_000_000_000,
}


def fed(**settings):
    feed = MarketFeed(**SETTINGS, **settings)
    market = SyntheticMarket(seed=3, duration_ns=20_000_000_000)
    while lines := market.next_lines(1_000):
        feed.apply_lines(b"\n".join(lines) + b"\n")
    return feed


def test_book_tape_and_candles_are_the_same():
    alone, whole = fed(analytics=False), fed()
    assert alone.is_valid
    assert alone.levels(10_000) == whole.levels(10_000)
    assert (alone.top(), alone.last_trade_id, alone.counts) == (
        whole.top(),
        whole.last_trade_id,
        whole.counts,
    )
    assert alone.take_candles() == whole.take_candles()


def test_what_is_not_kept_is_unknown_and_never_zero():
    alone = fed(analytics=False)
    vector = array("d", bytes(8 * len(MarketFeed.feature_names())))
    assert alone.feature_vector(vector) is False
    assert all(isnan(value) for value in vector)
    assert alone.features() == {}
    alone.set_reference(100.0, 1)
    alone.reset()
    assert alone.take_alerts() == []


def test_it_can_be_published(tmp_path):
    alone = fed(analytics=False)
    publisher = BookPublisher(folder=tmp_path / "books", venue="model", instruments=["A"])
    publisher.publish(0, alone, 7)
    shown = BookReader(folder=tmp_path / "books", venue="model").read_dict(0)
    publisher.close()
    assert (shown["bids"], shown["asks"]) == alone.levels(20)
    assert all(isnan(value) for value in shown["features"].values())

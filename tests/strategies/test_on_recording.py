"""The shipped classifiers and strategies on recorded trades, closed into candles by the core."""

from pathlib import Path

import pytest
import zstandard

from openoutcry import native
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Signal
from openoutcry.domain.orders import OrderIntent
from openoutcry.domain.units import NS_PER_S
from openoutcry.models.ensemble import Ensemble
from openoutcry.models.shipped import classifier_registry
from openoutcry.strategies.desk import StrategyDesk
from openoutcry.strategies.shipped import strategy_registry

SYMBOL = "BTC/USDT"
RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "binance_l2_2024"
DAYS = ("20240808", "20240809")

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}"),
]


@pytest.fixture(scope="module", params=DAYS)
def candles(request):
    feed = native.MarketFeed(
        product="spot",
        symbol="BTCUSDT",
        price_tick="0.01",
        size_step="0.00001",
        candle_interval_ns=5 * NS_PER_S,
    )
    packed = (RECORDINGS / f"spot_btcusdt_{request.param}.raw.zst").read_bytes()
    feed.apply_lines(zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(packed).read())
    fields = CandleClosed.__struct_fields__[CandleClosed.__struct_fields__.index("open_ns") :]
    return [
        CandleClosed(id=f"candle:{SYMBOL}:{row[0]}", symbol=SYMBOL, **dict(zip(fields, row, strict=True)))
        for row in feed.take_candles()
    ]


def run(candles, name):
    classifiers = classifier_registry()
    ensemble = Ensemble(symbol=SYMBOL, classifiers=[classifiers.create(voter) for voter in classifiers.names])
    desk = StrategyDesk(symbol=SYMBOL, strategy=strategy_registry().create(name))
    said = []
    for candle in candles:
        [classification] = ensemble.decide(candle, candle.close_ns)
        said += [
            classification,
            *desk.decide(candle, candle.close_ns),
            *desk.decide(classification, candle.close_ns),
        ]
    assert ensemble.counters["classifier_failures"] == 0
    assert desk.counters["candles_without_classification"] == 0
    return said


@pytest.mark.parametrize(
    ("name", "fewest"), [("moving-average-cross", 4), ("model-directed", 6), ("buy-and-hold", 1)]
)
def test_trades_on_a_few_minutes_and_says_the_same_again(candles, name, fewest):
    said = run(candles, name)
    intents = [message for message in said if isinstance(message, OrderIntent)]
    assert len(intents) >= fewest
    assert all(0.0 <= intent.exposure <= 1.0 and 0.0 < intent.volatility < 0.01 for intent in intents)
    assert len({message.id for message in said}) == len(said)
    assert said == run(candles, name)


def test_every_classifier_votes_on_some_candles_and_not_on_all(candles):
    said = run(candles, "buy-and-hold")
    votes = [
        vote for message in said if not isinstance(message, (OrderIntent, Signal)) for vote in message.votes
    ]
    for name in classifier_registry().names:
        cast = [vote for vote in votes if vote.classifier == name and not vote.abstained]
        assert len(candles) / 4 < len(cast) < len(candles)

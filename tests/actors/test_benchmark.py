import gc
import json
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from players import Forgetter, Stutterer, Witness

from openoutcry.actors.benchmark import measure
from openoutcry.actors.benchmark.bases import BASES
from openoutcry.actors.benchmark.measure import CHAIN, Percentiles, compare, one_way, percentiles, ring_ns
from openoutcry.actors.benchmark.ring import Caller, Echo, Risk
from openoutcry.actors.benchmark.script import Look, Measure, Received, Samples
from openoutcry.actors.benchmark.stage import Stage
from openoutcry.actors.system import SystemFailedError
from openoutcry.domain.errors import InvalidInputError

# Thespian's TCP leaves its sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
LOSSLESS = ("ours", "stock_tcp")


def living(processes):
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def unseen(done, total):
    pass


@pytest.fixture(scope="module", params=LOSSLESS)
def stage(request):
    with Stage(BASES[request.param]) as opened:
        yield opened
    gc.collect()


@pytest.fixture(autouse=True)
def sockets_collected():
    yield
    gc.collect()


def test_the_figures_have_the_promised_shape():
    seen = []
    comparison = compare(
        ("ours", "stock_tcp"), round_trips=40, messages=300, progress=lambda *news: seen.append(news)
    )
    figures = json.loads(msgspec.json.encode(comparison.to_json()))
    assert list(figures) == ["ours", "stock_tcp", "four_hops_ms"]
    for key in LOSSLESS:
        assert list(figures[key]) == ["round_trip_us", "one_way_msgs_per_s", "lost"]
        assert figures[key]["lost"] == 0
        assert figures[key]["one_way_msgs_per_s"] > 0
    for each in (figures["ours"]["round_trip_us"], figures["four_hops_ms"]):
        assert 0 < each["p50"] <= each["p99"]
    assert ("ours: round trips", 40, 40) in seen
    assert ("stock TCP: one way", 20, 20) in seen


def test_each_round_is_timed_and_the_lead_in_is_not(stage):
    times = ring_ns(stage, (Caller, Echo), measure.CHUNK + 3, unseen)
    assert len(times) == measure.CHUNK + 3
    assert min(times) > 0


def test_a_candle_becomes_an_approved_order_four_hops_further(stage):
    assert len(ring_ns(stage, CHAIN, 5, unseen)) == 5


def test_every_message_arrives_and_in_order(stage):
    received = one_way(stage, 1_000, unseen)
    assert (received.count, received.misplaced) == (1_000, 0)


def test_a_message_that_comes_twice_is_an_error(stage, monkeypatch):
    monkeypatch.setattr(measure, "Producer", Stutterer)
    with pytest.raises(SystemFailedError, match=r"25 of 256 messages came out of order or twice"):
        one_way(stage, 100, unseen)


def test_what_does_not_arrive_is_counted_as_lost(stage, monkeypatch):
    monkeypatch.setattr(measure, "Producer", Forgetter)
    assert one_way(stage, 100, unseen).count == 90


def test_a_player_that_raises_is_an_error_at_once(stage):
    first = stage.cast(Caller, Risk)[0]  # risk takes no fill
    with pytest.raises(SystemFailedError, match="Risk: AttributeError"):
        stage.ask(first, Measure(1), Samples)


def test_stock_tcp_is_measured_as_it_is_shipped(stage):
    layers = stage.ask(stage.cast(Witness)[0], Look(), tuple)
    if stage.title == "ours":
        assert layers[1] == "openoutcry.actors.transport.unix.UnixTransport"
    else:
        assert layers == (
            "thespian.system.multiprocCommon.MultiProcManager",
            "openoutcry.actors.transport.tcp.ConfinedTransport",
        )


@pytest.mark.parametrize("key", BASES)
def test_nothing_is_left_of_a_stage(key):
    with Stage(BASES[key]) as opened:
        ring_ns(opened, (Caller, Echo), 1, unseen)
        processes = opened.processes()
    assert len(processes) == 4  # the admin, its logger, two players
    assert living(processes) == []
    assert not opened.folder.exists()


def test_an_actor_that_dies_is_an_error_and_nothing_is_left():
    with Stage(BASES["stock_tcp"]) as opened:
        first, _ = opened.cast(Caller, Echo)
        processes = opened.processes()
        processes[-1].kill()
        with pytest.raises(SystemFailedError, match="of an actor died"):
            opened.ask(first, Measure(1), Samples)
    assert living(processes) == []
    assert not opened.folder.exists()


def test_percentiles_are_by_nearest_rank():
    assert percentiles(range(1_000, 101_000, 1_000), 1_000) == Percentiles(50.0, 99.0)
    assert percentiles([7_000], 1_000) == Percentiles(7.0, 7.0)


def test_nothing_received_is_no_rate():
    assert measure.rate(Received()) == 0.0
    assert measure.rate(Received(count=30, first_sent_ns=5, last_received_ns=2_000_000_005)) == 15.0


@pytest.mark.parametrize(
    ("bases", "amount", "word"),
    [(("ours", "pigeons"), 1, "pigeons"), ((), 1, "nothing"), (("ours",), 0, "nothing")],
)
def test_what_cannot_be_measured_is_refused(bases, amount, word):
    with pytest.raises(InvalidInputError, match=word):
        compare(bases, round_trips=amount)

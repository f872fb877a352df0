"""Messages between two actors: ours beside Thespian's own transports, Pykka and Ray.

The actors themselves take the time, so that nobody's start or question is in it. A row of the tables is one
message: there and back, one way, or four hops from the closed candle to the approved order.
"""

import importlib
import secrets
import sys
import tempfile
from pathlib import Path

import pytest

from openoutcry.actors.benchmark.bases import BASES
from openoutcry.actors.benchmark.measure import CHAIN, one_way, percentiles, rate, ring_ns
from openoutcry.actors.benchmark.ring import Caller, Echo
from openoutcry.actors.benchmark.stage import Stage

sys.path.insert(0, str(Path(__file__).parent))

ROUND_TRIPS = {"ours": 5_000, "stock_tcp": 1_000, "stock_udp": 2_000, "pykka": 5_000, "ray": 1_000}
FOUR_HOPS = {"ours": 2_000, "stock_tcp": 300, "stock_udp": 1_000}
MESSAGES = {"ours": 30_000, "stock_tcp": 1_500, "stock_udp": 5_000, "pykka": 30_000, "ray": 5_000}
TAKES = 3
WARM_UP = 200
NS_PER_S = 1_000_000_000

# Thespian's TCP and Ray leave sockets to the garbage collector.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(600)]


def unseen(done, total):
    pass


class PlayersClock:
    """Goes on by what the players measured: each round of the benchmark is one of their samples."""

    def __init__(self):
        self.now_s = 0.0
        self.samples_s = iter(())

    def __call__(self):
        return self.now_s

    def next_sample(self):
        self.now_s += next(self.samples_s)


CLOCK = PlayersClock()


def table(benchmark, samples_ns):
    """One row of the table, of samples that were taken elsewhere."""
    CLOCK.samples_s = iter([each / NS_PER_S for each in samples_ns])
    benchmark.extra_info["p99_us"] = percentiles(samples_ns, 1_000).p99
    benchmark.pedantic(CLOCK.next_sample, rounds=len(samples_ns), iterations=1)


@pytest.fixture(scope="module", params=BASES)
def thespian(request):
    with Stage(BASES[request.param]) as stage:
        yield request.param, stage


@pytest.fixture(scope="module", params=["pykka", "ray"])
def peer(request):
    pytest.importorskip(request.param, reason="a peer is missing; `make bench` installs it")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="oo-") as folder:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else it would write one into the home folder
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # Ray's workers import the peers, too
        opened = importlib.import_module(f"peer_{request.param}").Peer(folder)
        yield request.param, opened
        opened.close()


@pytest.mark.benchmark(group="actors: round trip", timer=CLOCK)
def test_round_trip(benchmark, thespian):
    key, stage = thespian
    table(benchmark, ring_ns(stage, (Caller, Echo), ROUND_TRIPS[key], unseen))


@pytest.mark.benchmark(group="actors: round trip", timer=CLOCK)
def test_round_trip_of_a_peer(benchmark, peer):
    key, opened = peer
    table(benchmark, opened.round_trips_ns(WARM_UP + ROUND_TRIPS[key])[WARM_UP:])


@pytest.mark.benchmark(group="actors: one way", timer=CLOCK)
def test_one_way(benchmark, thespian):
    key, stage = thespian
    takes = [one_way(stage, MESSAGES[key], unseen) for _ in range(TAKES)]
    benchmark.extra_info["lost"] = sum(MESSAGES[key] - take.count for take in takes)
    table(benchmark, [NS_PER_S / rate(take) for take in takes])


@pytest.mark.benchmark(group="actors: one way", timer=CLOCK)
def test_one_way_of_a_peer(benchmark, peer):
    key, opened = peer
    table(benchmark, [opened.ns_per_message(MESSAGES[key]) for _ in range(TAKES)])


@pytest.mark.benchmark(group="actors: four hops", timer=CLOCK)
def test_four_hops(benchmark, thespian):
    key, stage = thespian
    table(benchmark, ring_ns(stage, CHAIN, FOUR_HOPS[key], unseen))

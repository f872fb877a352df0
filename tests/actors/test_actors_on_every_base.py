"""Each actor alone, on our own system base and on Thespian's: one message in, what comes out, no trap."""

import sys
import time
from pathlib import Path

import pytest
import thespian.actors as thespian

sys.path.insert(0, str(Path(__file__).parent))

from probe import Await, Create, End, Play, Probe

from openoutcry.actors.bases import base_of
from openoutcry.actors.edge import ACKNOWLEDGE_EVERY
from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready
from openoutcry.assembly.paths import RunPaths, RunRecord, write_record
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import CLASSIFICATION, EDGES, INGESTION, MEMORY, ROLES, SUPERVISOR
from openoutcry.domain.control import CandleHistory, Failure, ReplayCandles, Start, Stop, Stopped
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import CandleClosed, VenueStatus
from openoutcry.domain.opinions import Classification
from openoutcry.memory.decision_journal import DecisionReader

# Thespian's TCP transport leaves connections to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

INTERVAL_NS = 5_000_000_000
ANSWER_S = 60
RECEIVERS = [
    edge.destination for edge in EDGES if (edge.source, edge.message) == (CLASSIFICATION, Classification)
]


BTC = Instrument(
    venue="binance",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000_000,
    min_notional_atoms=500_000_000,
)


def candle(number, close_ticks=6_180_000):
    close_ns = 1_723_161_255_000_000_000 + number * INTERVAL_NS
    return CandleClosed(
        id=f"candle:BTC/USDT:5s:{close_ns}",
        symbol="BTC/USDT",
        open_ns=close_ns - INTERVAL_NS,
        close_ns=close_ns,
        open_ticks=close_ticks,
        high_ticks=close_ticks + 5,
        low_ticks=close_ticks - 5,
        close_ticks=close_ticks,
        volume_lots=10,
        buy_volume_lots=5,
        notional=10 * close_ticks,
        trade_count=3,
        first_trade_id=3 * number + 1,
        last_trade_id=3 * number + 3,
    )


class Stage:
    """An actor under test and the probe around it, on a base that the settings' one line chooses."""

    def __init__(self, base, role, tmp_path, restarts=0, path=""):
        settings = load_settings(None, {"transport.base": base} if base != "simple" else {})
        self.base = base_of(settings.transport, f"r-test-{tmp_path.name[-16:]}")
        if base == "simple":
            self.system = thespian.ActorSystem("simpleSystemBase", transientUnique=True)
        else:
            self.system = thespian.ActorSystem(
                self.base.name, self.base.capabilities(), logDefs={"version": 1}, transientUnique=True
            )
        self.probe = self.system.createActor(Probe)
        configure = Configure(role, encode_settings(settings), str(tmp_path), "r-test", restarts)
        path = path or f"openoutcry.actors.{role}.{role.capitalize()}Actor"
        answer = self.system.ask(self.probe, Create(path, configure, (*ROLES, SUPERVISOR)), ANSWER_S)
        assert isinstance(answer, Ready), answer
        self.sequences = {}

    def play(self, message, source=SUPERVISOR, sequence=None, epoch=0):
        self.sequences[source] = sequence or self.sequences.get(source, 0) + 1
        self.system.tell(self.probe, Play(source, self.sequences[source], message, epoch))

    def wait_for(self, kind):
        """Until the actor has said a message of a kind."""
        assert self.system.ask(self.probe, Await(kind), ANSWER_S) == "heard"

    def said(self):
        """Let the actor exit, and return everything it said until then."""
        heard = self.system.ask(self.probe, End(), ANSWER_S)
        return [each.message if isinstance(each, Envelope) else each for each in heard]


def of(kind, said):
    return [each for each in said if isinstance(each, kind)]


@pytest.fixture(params=["simple", "unix", "tcp"])
def stage(request, tmp_path):
    stages = []

    def make(role, **options):
        stages.append(Stage(request.param, role, tmp_path, **options))
        return stages[-1]

    yield make
    for each in stages:
        each.system.shutdown()
        each.base.leave()
        deadline_s = time.monotonic() + ANSWER_S
        while not each.base.has_ended():
            assert time.monotonic() < deadline_s, each.base.pids()
            time.sleep(0.01)


def test_a_candle_becomes_a_classification_for_each_who_needs_it(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION)
    classifications = of(Classification, actor.said())
    assert [each.cause_id for each in classifications] == [candle(1).id] * len(RECEIVERS)


def test_a_repeated_message_has_no_second_effect(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION, sequence=1)
    actor.play(candle(1), INGESTION, sequence=1)
    assert len(of(Classification, actor.said())) == len(RECEIVERS)


def test_a_new_epoch_of_the_sender_counts_anew(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION, sequence=1)
    actor.play(candle(2), INGESTION, sequence=1, epoch=1)
    actor.play(candle(3), INGESTION, sequence=2, epoch=0)  # the dead predecessor's last words
    causes = [each.cause_id for each in of(Classification, actor.said())]
    assert set(causes) == {candle(1).id, candle(2).id}


def test_a_handler_that_raises_is_reported_once_and_the_actor_goes_on(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(Stopped(id="nonsense", role="nobody"), INGESTION)  # of no symbol: the handler raises
    actor.play(candle(1), INGESTION)
    said = actor.said()
    failures = of(Failure, said)
    assert len({each.id for each in failures}) == 1
    assert failures[0].handling == "Envelope"
    assert of(Classification, said)


def test_a_hole_in_the_sequence_is_reported(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION, sequence=1)
    actor.play(candle(2), INGESTION, sequence=4)
    said = actor.said()
    assert "2 messages of ingestion never arrived" in of(Failure, said)[0].error
    assert {each.cause_id for each in of(Classification, said)} == {candle(1).id, candle(2).id}


def test_credit_is_given_as_messages_are_taken(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    for number in range(1, ACKNOWLEDGE_EVERY + 1):
        actor.play(candle(number), INGESTION)
    assert Credit(CLASSIFICATION, 0, ACKNOWLEDGE_EVERY) in of(Credit, actor.said())


def test_memory_keeps_what_it_is_told_and_stops_in_order(stage, tmp_path):
    actor = stage(MEMORY)
    actor.play(Start(id="start"))
    for number in (1, 2, 2, 3):
        actor.play(candle(number), INGESTION)
    actor.play(Stop(id="stop"))
    assert [each.role for each in of(Stopped, actor.said())] == [MEMORY]
    reader = DecisionReader(tmp_path / "decisions.sqlite")
    try:
        assert [each.last_trade_id for each in reader.last_candles("BTC/USDT", 10)] == [6, 9, 12]
    finally:
        reader.close()


@pytest.mark.parametrize("stage", ["unix", "tcp"], indirect=True)  # the other watches no descriptors
def test_an_actor_with_a_loop_hears_and_answers(stage, tmp_path):
    """Ingestion without candles of before asks memory for them, from its loop."""
    record = RunRecord(run_id="r-test", pid=1, mode="paper", started_ns=1, instruments={BTC.symbol: BTC})
    write_record(RunPaths(tmp_path), record)
    actor = stage(INGESTION)
    actor.play(Start(id="start"))
    actor.play(Stop(id="stop"))
    actor.wait_for(Stopped)
    said = actor.said()
    assert [each.symbol for each in of(ReplayCandles, said)] == ["BTC/USDT"]
    assert [each.role for each in of(Stopped, said)] == [INGESTION]


@pytest.mark.parametrize("stage", ["unix", "tcp"], indirect=True)
def test_a_handler_that_is_a_coroutine_lets_others_run_while_it_waits(stage):
    actor = stage(INGESTION, path="waiting_actor.WaitingActor")
    actor.play(Start(id="start"))
    actor.play(CandleHistory(id="first", symbol="X", candles=()))
    actor.play(candle(1))
    actor.wait_for(VenueStatus)
    assert {each.id for each in of(VenueStatus, actor.said())} == {"after:first"}


def test_every_edge_leads_to_an_actor_that_takes_the_message():
    """A row of the table whose receiver has no handler would be an error at the first message."""
    for edge in EDGES:
        assert edge.destination in (*ROLES, SUPERVISOR)
        assert edge.capacity > 0

"""Actors on Thespian's synchronous system base: one message in, what comes out, and no trap of Thespian's."""

import sys
from pathlib import Path

import pytest
import thespian.actors as thespian

sys.path.insert(0, str(Path(__file__).parent))

from probe import Create, Play, Probe, Said

from openoutcry.actors.edge import ACKNOWLEDGE_EVERY
from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import CLASSIFICATION, EDGES, INGESTION, MEMORY, ROLES, SUPERVISOR
from openoutcry.domain.control import Failure, Start, Stop, Stopped
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Classification
from openoutcry.memory.decision_journal import DecisionReader

INTERVAL_NS = 5_000_000_000


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
    """An actor under test and the probe around it."""

    def __init__(self, role, tmp_path, restarts=0):
        self.system = thespian.ActorSystem("simpleSystemBase")
        self.probe = self.system.createActor(Probe)
        self.role = role
        settings = encode_settings(load_settings(None, {}))
        configure = Configure(role, settings, str(tmp_path), "r-test", restarts)
        path = f"openoutcry.actors.{role}.{role.capitalize()}Actor"
        answer = self.system.ask(self.probe, Create(path, configure, (*ROLES, SUPERVISOR)), 10)
        assert isinstance(answer, Ready), answer
        self.sequences = {}

    def play(self, message, source=SUPERVISOR, sequence=None, epoch=0):
        self.sequences[source] = sequence or self.sequences.get(source, 0) + 1
        self.system.tell(self.probe, Play(source, self.sequences[source], message, epoch))

    def said(self, kind):
        heard = self.system.ask(self.probe, Said(), 10)
        return [
            each.message if isinstance(each, Envelope) else each
            for each in heard
            if isinstance(each.message if isinstance(each, Envelope) else each, kind)
        ]


@pytest.fixture
def stage(tmp_path):
    stages = []

    def make(role, **options):
        stages.append(Stage(role, tmp_path, **options))
        return stages[-1]

    yield make
    for each in stages:
        each.system.shutdown()


def test_a_candle_becomes_a_classification_for_each_who_needs_it(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION)
    receivers = [
        edge.destination for edge in EDGES if (edge.source, edge.message) == (CLASSIFICATION, Classification)
    ]
    assert [each.cause_id for each in actor.said(Classification)] == [candle(1).id] * len(receivers)


def test_a_repeated_message_has_no_second_effect(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION, sequence=1)
    before = len(actor.said(Classification))
    actor.play(candle(1), INGESTION, sequence=1)
    assert len(actor.said(Classification)) == before


def test_a_new_epoch_of_the_sender_counts_anew(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(candle(1), INGESTION, sequence=5)
    before = len(actor.said(Classification))
    actor.play(candle(2), INGESTION, sequence=1, epoch=1)
    assert len(actor.said(Classification)) == 2 * before
    actor.play(candle(3), INGESTION, sequence=6, epoch=0)  # the dead predecessor's last words
    assert len(actor.said(Classification)) == 2 * before


def test_a_handler_that_raises_is_reported_once_and_the_actor_goes_on(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    actor.play(Stopped(id="nonsense", role="nobody"), INGESTION)  # of no symbol: the handler raises
    failures = actor.said(Failure)
    assert len({each.id for each in failures}) == 1
    assert failures[0].handling == "Envelope"
    actor.play(candle(1), INGESTION)
    assert actor.said(Classification)


def test_credit_is_given_as_messages_are_taken(stage):
    actor = stage(CLASSIFICATION)
    actor.play(Start(id="start"))
    for number in range(1, ACKNOWLEDGE_EVERY + 1):
        actor.play(candle(number), INGESTION)
    assert Credit(CLASSIFICATION, 0, ACKNOWLEDGE_EVERY) in actor.said(Credit)


def test_memory_keeps_what_it_is_told_and_stops_in_order(stage, tmp_path):
    actor = stage(MEMORY)
    actor.play(Start(id="start"))
    for number in (1, 2, 2, 3):
        actor.play(candle(number), INGESTION)
    actor.play(Stop(id="stop"))
    assert [each.role for each in actor.said(Stopped)] == [MEMORY]
    reader = DecisionReader(tmp_path / "decisions.sqlite")
    try:
        assert [each.last_trade_id for each in reader.last_candles("BTC/USDT", 10)] == [6, 9, 12]
    finally:
        reader.close()


def test_every_edge_leads_to_an_actor_that_takes_the_message():
    """A row of the table whose receiver has no handler would be an error at the first message."""
    for edge in EDGES:
        assert edge.destination in (*ROLES, SUPERVISOR)
        assert edge.capacity > 0

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from station import LOOPS, Station

from openoutcry.actors.transport import codec
from openoutcry.actors.transport.lookout import WINDOW_VARIABLE, Lookout

LONG_US = 10_000_000  # what comes, comes before that


@pytest.fixture(params=LOOPS)
def station(request, tmp_path):
    station = Station(request.param, tmp_path / "s")
    yield station
    station.close()


@pytest.fixture
def lookout(monkeypatch):
    made = []

    def make(window_us):
        monkeypatch.setenv(WINDOW_VARIABLE, str(window_us))
        made.append(Lookout())
        return made[-1]

    yield make
    for each in made:
        each.close()


def connected(station):
    outgoing = station.connect()
    station.until(lambda: station.incoming)
    return outgoing, station.incoming[0]


def test_what_comes_within_the_window_is_read_without_the_loop(station, lookout):
    outgoing, incoming = connected(station)
    watching = lookout(LONG_US)
    watching.add(incoming)
    station.send(outgoing, "hello")
    assert watching.has_seen()
    assert station.come == ["hello"]
    outgoing.close()


def test_nothing_comes(station, lookout):
    outgoing, incoming = connected(station)
    watching = lookout(0)
    watching.add(incoming)
    station.until(lambda: incoming.sender is not None)  # the greeting has been read
    assert not watching.has_seen()
    outgoing.close()


def test_a_connection_that_is_paused_is_left_alone_and_ends_the_watch(station, lookout):
    outgoing, incoming = connected(station)
    watching = lookout(LONG_US)
    watching.add(incoming)
    station.until(lambda: incoming.sender is not None)
    incoming.pause()
    station.send(outgoing, "later")
    assert not watching.has_seen()
    assert station.come == []
    incoming.resume()
    assert watching.has_seen()
    assert station.come == ["later"]
    outgoing.close()


def test_a_part_of_a_message_is_seen_and_is_no_message(station, lookout):
    outgoing, incoming = connected(station)
    watching = lookout(LONG_US)
    watching.add(incoming)
    station.until(lambda: incoming.sender is not None)
    frame = codec.CODEC.frame("hello")
    outgoing._sock.send(frame[:3])
    assert watching.has_seen()
    assert station.come == []
    outgoing._sock.send(frame[3:])
    assert watching.has_seen()
    assert station.come == ["hello"]
    outgoing.close()


def test_a_connection_that_closes_is_forgotten(station, lookout):
    outgoing, incoming = connected(station)
    watching = lookout(0)
    watching.add(incoming)
    watching.discard(incoming)
    watching.discard(incoming)  # once more does no harm
    station.send(outgoing, "hello")
    assert not watching.has_seen()
    outgoing.close()

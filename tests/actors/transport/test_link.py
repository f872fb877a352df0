import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

sys.path.insert(0, str(Path(__file__).parent))

from station import LOOPS, PAYLOAD, SELF, Station

from openoutcry.actors.transport import codec, link
from openoutcry.actors.transport.link import MailboxFullError, Outgoing

# A process that takes what it is sent, says how much, and does as it is told.
TAKER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
peer, _ = listener.accept()
print(len(peer.recv(int(sys.argv[2]))) if int(sys.argv[2]) else 0, flush=True)
sys.stdin.read()
"""


def descriptors():
    return [int(path.name) for path in Path("/proc/self/fd").iterdir()]


def untaken(outgoing):
    return [codec.CODEC.message_in(frame) for frame in outgoing.untaken()]


@pytest.fixture(params=LOOPS)
def station(request, tmp_path):
    station = Station(request.param, tmp_path / "s")
    yield station
    station.close()


@pytest.fixture
def taker(tmp_path):
    """A real process at the other end."""
    started = []

    def start(read_bytes=0):
        path = tmp_path / f"taker{len(started)}"
        process = subprocess.Popen(
            [sys.executable, "-c", TAKER, str(path), str(read_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "listens\n"
        return process, str(path)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_messages_come_in_order_and_are_acknowledged(station):
    outgoing = station.connect()
    for number in range(1000):
        assert station.send(outgoing, number)
    station.until(lambda: len(station.come) == 1000)
    assert station.come == list(range(1000))
    assert outgoing.depth == 1000
    station.take(700)
    station.until(lambda: outgoing.taken == 700)
    assert untaken(outgoing) == list(range(700, 1000))
    station.take()
    station.until(lambda: outgoing.depth == 0)
    outgoing.close()


def test_what_was_not_taken_at_an_orderly_end_is_known_exactly(station):
    outgoing = station.connect()
    for number in range(10):
        station.send(outgoing, number)
    station.until(lambda: len(station.come) == 10)
    station.take(7)
    station.incoming[0].close()  # before the acknowledgement was due
    station.until(lambda: station.lost)
    assert station.lost == [(outgoing, True)]
    assert outgoing.taken == 7
    assert untaken(outgoing) == [7, 8, 9]
    assert not station.send(outgoing, 10)
    assert untaken(outgoing) == [7, 8, 9]


def test_the_last_word_counts_even_if_a_send_finds_the_end_first(station):
    outgoing = station.connect()
    for number in range(3):
        station.send(outgoing, number)
    station.until(lambda: len(station.come) == 3)
    station.take(2)
    station.incoming[0].close()
    assert not station.send(outgoing, 3)  # the loop has not seen the end yet
    assert not station.send(outgoing, 4)
    station.until(lambda: station.lost)
    assert station.lost == [(outgoing, True)]
    assert untaken(outgoing) == [2]


def test_what_a_sender_wrote_before_its_end_is_read_although_no_acknowledgement_reaches_it(station):
    outgoing = station.connect()
    count = 3 * link.READ_BYTES // len(codec.CODEC.frame(PAYLOAD))
    for _ in range(count):
        station.send(outgoing, PAYLOAD)
    station.until(lambda: not outgoing.backlog_bytes and station.come)
    outgoing.close()
    while len(station.come) < count:
        station.take()  # each acknowledgement fails
        before = len(station.come)
        station.until(lambda before=before: len(station.come) > before)
    station.until(lambda: station.closed)
    assert len(station.come) == count


def test_a_sender_that_ends_without_having_read_its_acknowledgements_loses_nothing(station):
    """The kernel reports that as an error of the socket, upon which uvloop forgets the socket."""
    outgoing = station.connect()
    count = 3 * link.READ_BYTES // len(codec.CODEC.frame(PAYLOAD))
    for _ in range(count):
        station.send(outgoing, PAYLOAD)
    station.until(lambda: len(station.come) > 300)
    station.loop.remove_reader(outgoing.fileno())  # it reads no more
    station.take()
    assert select.select([outgoing], [], [], 1)[0]  # an acknowledgement lies there
    station.until(lambda: not outgoing.backlog_bytes)
    outgoing.close()
    station.until(lambda: len(station.come) == count)
    station.until(lambda: station.closed)


def test_a_receiver_that_ends_with_messages_unread_is_noticed(station):
    outgoing = station.connect()
    for number in range(600):
        station.send(outgoing, number)
    station.until(lambda: len(station.come) == 600)
    station.take()  # acknowledgements lie at the sender, unread
    station.incoming[0].pause()
    station.send(outgoing, "unread")
    station.loop.remove_reader(outgoing.fileno())
    station.turn(3)
    station.incoming[0].close()
    station.loop.add_reader(outgoing.fileno(), outgoing._readable)
    station.until(lambda: station.lost)
    assert untaken(outgoing) == ["unread"]


@pytest.mark.parametrize("sent", [1, 3000])
def test_a_killed_receiver_leaves_everything_untaken(station, taker, sent):
    process, path = taker()
    outgoing = Outgoing(path, codec.hello(SELF), station)
    assert process.stdout.readline() == "0\n"
    for number in range(sent):
        station.send(outgoing, (number, PAYLOAD))
    station.turn(3)
    process.kill()
    process.wait()
    station.until(lambda: station.lost)
    assert station.lost == [(outgoing, False)]
    assert [number for number, _ in untaken(outgoing)] == list(range(sent))


def test_a_receiver_that_dies_in_the_middle_of_a_frame_is_noticed(station, taker):
    process, path = taker(read_bytes=100)
    outgoing = Outgoing(path, codec.hello(SELF), station)
    station.send(outgoing, "x" * (8 << 20))
    station.turn(3)
    assert 0 < int(process.stdout.readline()) <= 100
    assert outgoing.backlog_bytes
    process.kill()
    process.wait()
    station.until(lambda: station.lost)
    assert len(untaken(outgoing)) == 1
    assert outgoing.backlog_bytes == 0


def test_a_sender_that_dies_in_the_middle_of_a_frame_leaves_no_message(station):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(station.path)
        peer.send(codec.hello(SELF) + codec.CODEC.frame("whole") + codec.CODEC.frame("half")[:-2])
        station.until(lambda: station.come)
    station.until(lambda: station.closed)
    assert station.come == ["whole"]


def test_a_stream_that_makes_no_sense_ends_its_connection_only(station):
    outgoing = station.connect()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(station.path)
        peer.send(codec.hello(SELF) + codec.HEADER.pack(codec.FRAME_BYTES_MAX + 1, codec.PICKLE))
        station.until(lambda: station.closed)
        assert peer.recv(100).endswith(codec.BYE_FRAME)
    station.send(outgoing, "still here")
    station.until(lambda: station.come == ["still here"])
    outgoing.close()


def test_a_message_that_cannot_be_read_does_not_keep_the_next_ones_back(station):
    outgoing = station.connect()
    with station.lock:
        outgoing.send(codec.HEADER.pack(3, codec.PICKLE) + b"xyz")
        outgoing.send(codec.HEADER.pack(0, 200))
    station.send(outgoing, "readable")
    station.until(lambda: len(station.come) == 3)
    assert [type(each) for each in station.come] == [codec.Undecodable, codec.Undecodable, str]
    assert station.incoming[0].undecodable == 2
    outgoing.close()


def test_a_full_mailbox_says_so_its_memory_is_bounded_and_it_takes_again_when_it_has_caught_up(
    station, monkeypatch
):
    monkeypatch.setattr(link, "BACKLOG_BYTES_MAX", 1 << 20)
    outgoing = station.connect()
    station.until(lambda: station.incoming)
    station.incoming[0].pause()
    with pytest.raises(MailboxFullError, match="another is refused"):
        station.flood(outgoing)
    sent = outgoing.depth
    assert outgoing.backlog_bytes <= 1 << 20
    assert sent > (1 << 20) // 400
    station.incoming[0].resume()
    station.until(lambda: len(station.come) == sent)
    assert station.drained
    assert station.send(outgoing, (sent, "again"))
    station.until(lambda: len(station.come) == sent + 1)
    assert [number for number, _ in station.come] == list(range(sent + 1))
    outgoing.close()


def test_a_mailbox_is_full_at_a_number_of_messages_as_well(station, monkeypatch):
    monkeypatch.setattr(link, "UNTAKEN_MAX", 5000)
    outgoing = station.connect()
    station.until(lambda: station.incoming)
    station.incoming[0].pause()
    with pytest.raises(MailboxFullError):
        station.flood(outgoing)
    assert 5000 <= outgoing.depth < 20_000  # more only as long as its socket has room
    assert outgoing.backlog_bytes < 5000 * 400
    outgoing.close()


def test_after_a_large_message_no_more_is_read_until_it_was_taken(station):
    outgoing = station.connect()
    large = "x" * (link.LARGE_BYTES + 1)
    for number in range(20):
        station.send(outgoing, (number, large))
    station.until(lambda: station.come)
    station.turn(20)
    assert len(station.come) <= 1 + link.READ_BYTES // len(large)
    while len(station.come) < 20:
        station.take()
        station.incoming[0].resume()
        before = len(station.come)
        station.until(lambda before=before: len(station.come) > before)
    assert [number for number, _ in station.come] == list(range(20))
    outgoing.close()


def test_a_message_of_64_mib_comes_whole(station):
    outgoing = station.connect()
    large = os.urandom(1 << 20) * 64
    station.send(outgoing, large)
    station.send(outgoing, "next")
    station.until(lambda: station.come)
    station.incoming[0].resume()
    station.until(lambda: len(station.come) == 2)
    assert station.come == [large, "next"]
    outgoing.close()


def test_while_the_listeners_queue_is_full_messages_wait_and_come_in_order(station, tmp_path):
    station.loop.remove_reader(station.listener.fileno())
    station.listener.listen(0)
    links = [station.connect() for _ in range(4)]  # one is let in, one queues, the others wait
    assert any(each.backlog_bytes for each in links)
    for each in links:
        for number in range(3):
            station.send(each, number)
    station.loop.add_reader(station.listener.fileno(), station._accept)
    station.until(lambda: len(station.come) == 12)
    assert sorted(station.come) == sorted([0, 1, 2] * 4)
    station.take()
    station.until(lambda: not any(each.depth for each in links))
    for each in links:
        each.close()


def test_a_listener_that_goes_while_we_wait_to_be_let_in_leaves_the_messages_untaken(station, tmp_path):
    path = str(tmp_path / "short")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(0)
    links = [Outgoing(path, codec.hello(SELF), station) for _ in range(3)]
    for each in links:
        station.send(each, "lost")
    listener.close()
    station.until(lambda: len(station.lost) == 3)
    assert [untaken(each) for each, _ in station.lost] == [["lost"]] * 3


def test_nobody_listens(station, tmp_path):
    before = len(descriptors())
    for _ in range(10):
        with pytest.raises(FileNotFoundError):
            Outgoing(str(tmp_path / "nobody"), codec.hello(SELF), station)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    with pytest.raises(ConnectionRefusedError):
        Outgoing(str(tmp_path / "dead"), codec.hello(SELF), station)
    assert len(descriptors()) == before


def test_lost_connections_leave_no_descriptor(station):
    station.turn()
    before = len(descriptors())
    for _ in range(50):
        outgoing = station.connect()
        station.send(outgoing, "x")
        station.until(lambda: station.inbox)
        station.take()
        station.incoming[-1].close()
        station.until(lambda outgoing=outgoing: any(each is outgoing for each, _ in station.lost))
    for _ in range(50):
        count = len(station.closed)
        outgoing = station.connect()
        station.send(outgoing, "x")
        outgoing.close()
        station.until(lambda count=count: len(station.closed) > count)
    assert len(descriptors()) == before


def test_a_connection_is_lost_once_however_it_is_lost(station):
    outgoing = station.connect()
    station.until(lambda: station.incoming)
    station.incoming[0].close()
    outgoing.lose()
    outgoing.lose()
    station.send(outgoing, "x")
    station.turn(5)
    assert station.lost == [(outgoing, True)]
    outgoing.close()


def test_several_threads_send_while_the_loop_writes(station):
    """None may come between two parts of another's frame, nor wait when all others have gone."""
    outgoing = station.connect()
    threads, each_sends = 4, 1500
    size = random.Random(7)
    payloads = ["x" * size.randrange(10, 3000) for _ in range(97)]

    def tell(thread):
        for number in range(each_sends):
            station.send(outgoing, (thread, number, payloads[number % 97]))

    senders = [threading.Thread(target=tell, args=(number,)) for number in range(threads)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for sender in senders:
            sender.start()
        while len(station.come) < threads * each_sends:
            before = len(station.come)
            station.loop.call_later(5.0, station.loop.stop)
            station.until(lambda before=before: len(station.come) > before)
            station.take()
    finally:
        sys.setswitchinterval(interval)
        for sender in senders:
            sender.join()
    for thread in range(threads):
        assert [number for sender, number, _ in station.come if sender == thread] == list(range(each_sends))
    assert all(payload == payloads[number % 97] for _, number, payload in station.come)
    station.until(lambda: outgoing.depth == 0)
    assert outgoing.backlog_bytes == 0
    outgoing.close()


def test_the_loop_writes_what_waits_only_while_nobody_sends(station):
    """It would else come between two parts of a frame, or overlook what is added at that moment."""
    outgoing = station.connect()
    station.send(outgoing, "x" * (8 << 20))
    station.until(lambda: station.incoming)
    waiting = outgoing.backlog_bytes
    assert waiting
    writer = threading.Thread(target=station.until, args=(lambda: not outgoing.backlog_bytes,))
    with station.lock:
        writer.start()
        writer.join(0.2)  # in vain
        assert writer.is_alive()
        assert outgoing.backlog_bytes == waiting
    writer.join()
    station.until(lambda: station.come)
    outgoing.close()


class Pair(RuleBasedStateMachine):
    """Two ends in random turns: order is kept, nothing doubled; taken and untaken are what was sent."""

    kind = "asyncio"

    @initialize()
    def connect(self):
        self.folder = tempfile.TemporaryDirectory(prefix="oo-")
        self.station = Station(self.kind, f"{self.folder.name}/s")
        self.outgoing = self.station.connect()
        self.station.until(lambda: self.station.incoming)
        self.sent = 0
        self.taken = 0
        self.is_over = False

    @precondition(lambda self: not self.is_over)
    @rule(count=st.integers(1, 400), size=st.sampled_from([0, 10, 3000, 70_000]))
    def send(self, count, size):
        for _ in range(count if size < 70_000 else 3):
            assert self.station.send(self.outgoing, (self.sent, "x" * size))
            self.sent += 1

    @rule(count=st.integers(1, 4))
    def turn(self, count):
        self.station.turn(count)

    @precondition(lambda self: not self.is_over)
    @rule(count=st.integers(1, 500))
    def take(self, count):
        self.taken += min(count, len(self.station.inbox))
        self.station.take(count)

    @precondition(lambda self: not self.is_over)
    @rule()
    def pause(self):
        self.station.incoming[0].pause()

    @precondition(lambda self: not self.is_over)
    @rule()
    def resume(self):
        self.station.incoming[0].resume()

    @precondition(lambda self: not self.is_over and self.sent > 500)
    @rule()
    def receiver_closes(self):
        self.station.incoming[0].close()
        self.station.until(lambda: self.station.lost)
        self.is_over = True
        assert self.station.lost == [(self.outgoing, True)]
        assert self.outgoing.taken == self.taken  # exact

    @precondition(lambda self: not self.is_over and self.sent > 500)
    @rule()
    def receiver_dies(self):
        self.station.incoming[0].pause()
        self.station.incoming[0]._sock.close()
        self.station.incoming[0].is_closed = True
        self.station.until(lambda: self.station.lost)
        self.is_over = True
        assert self.station.lost == [(self.outgoing, False)]

    @precondition(lambda self: not self.is_over and self.sent > 500)
    @rule()
    def sender_closes(self):
        while self.outgoing.backlog_bytes:
            self.station.incoming[0].resume()
            self.station.turn()
        self.outgoing.close()
        self.is_over = True
        while not self.station.closed:
            self.station.incoming[0].resume()
            self.station.turn()
        assert len(self.station.come) == self.sent

    @invariant()
    def order_is_kept_and_nothing_doubled(self):
        if hasattr(self, "station"):
            assert [number for number, _ in self.station.come] == list(range(len(self.station.come)))

    @invariant()
    def taken_and_untaken_are_what_was_sent(self):
        if hasattr(self, "station"):
            assert self.outgoing.taken + self.outgoing.depth == self.sent
            assert self.outgoing.taken <= self.taken
            assert [number for number, _ in untaken(self.outgoing)] == list(
                range(self.outgoing.taken, self.sent)
            )

    def teardown(self):
        if hasattr(self, "station"):
            self.outgoing.close()
            self.station.close()
            self.folder.cleanup()


class UvloopPair(Pair):
    kind = "uvloop"


MACHINE = settings(derandomize=True, deadline=None, max_examples=25, stateful_step_count=40)
TestPair = Pair.TestCase
TestPair.settings = MACHINE
TestUvloopPair = UvloopPair.TestCase
TestUvloopPair.settings = MACHINE


def test_without_a_descriptor_left_the_reason_is_told(station, monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors()) + 4, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            taken.extend(iter(station.connect, None))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for each in taken:
        each.close()


def test_a_stopped_receiver_bounds_the_senders_memory(station, taker, monkeypatch):
    monkeypatch.setattr(link, "BACKLOG_BYTES_MAX", 1 << 20)
    process, path = taker()
    outgoing = Outgoing(path, codec.hello(SELF), station)
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(MailboxFullError):
        station.flood(outgoing)
    assert outgoing.backlog_bytes <= 1 << 20
    outgoing.close()

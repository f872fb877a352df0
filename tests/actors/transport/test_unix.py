import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import thespian.actors as thespian

sys.path.insert(0, str(Path(__file__).parent))  # the folder's own modules

from naive_actors import Chain, Collector, Echo, Flooder, Forker, Logger, Mother, Nursery, Peer, Waker
from thespian.system import systemBase, systemCommon
from unix_system import PATIENCE_S, UnixSystem, gone, until

from openoutcry.actors.transport import address, unix
from openoutcry.actors.transport.loops import EVENT_LOOP_VARIABLE

STARTER = """
import sys
import thespian.actors as thespian
from openoutcry.actors.transport import address, unix
print("ready", flush=True)
sys.stdin.readline()
capabilities = {address.SOCKET_DIR: sys.argv[1]}
system = thespian.ActorSystem(unix.SYSTEM_BASE, capabilities, transientUnique=True)
print("started", flush=True)
if sys.stdin.readline() == "shut down\\n":
    system.shutdown()
"""


@pytest.fixture(params=["uvloop", "asyncio"])
def system(request, monkeypatch):
    """A system on either event loop."""
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, request.param)
    with UnixSystem() as system:
        yield system


@contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def letters_in(system):
    """An actor that takes dead letters."""
    collector = system.create(Collector)
    assert system.ask(collector, "handle dead letters") == "handles"
    return collector


def test_two_actors_send_to_each_other_at_once_and_nothing_is_lost_or_out_of_order(system):
    first, second = system.create(Peer), system.create(Peer)
    count = 20_000
    system.system.tell(first, ("send", second, count))
    system.system.tell(second, ("send", first, count))
    assert system.ask(first, ("await", count)) == list(range(count))
    assert system.ask(second, ("await", count)) == list(range(count))


def test_actors_make_actors(system):
    assert system.ask(system.create(Chain), (5, None)) == "at the end"


def test_wakeups_come_in_order(system):
    periods_s = [0.03, 0.0, 0.02, 0.01, 0.0, 0.03]
    assert system.ask(system.create(Waker), periods_s) == sorted(periods_s)


@pytest.mark.timeout(60)  # a run that is not ended when all is written lasts a minute
@pytest.mark.parametrize("size", [300_000, 8 << 20, 64 << 20])
def test_a_large_message_is_carried_and_tell_returns_when_it_has_left(system, size):
    echo = system.create(Echo)
    system.system.tell(echo, b"x" * size)
    system.system.tell(echo, "small")
    assert system.system.listen(PATIENCE_S) == size
    assert system.system.listen(PATIENCE_S) == "small"


def test_without_any_time_to_wait_what_has_come_is_heard(system):
    echo = system.create(Echo)
    inbox = system.system._systemBase.transport.inbox

    def tells():
        system.system.tell(echo, "heard")  # does not listen
        return inbox

    until(tells)
    tells()
    assert system.system.listen(0) == "heard"


def test_several_threads_of_an_outside_process_tell_and_ask_at_once(system):
    shared = system.create(Collector)
    own = [system.create(Collector) for _ in range(6)]
    echo = system.create(Echo)
    answers = {}
    errors = []

    def work(thread):
        try:
            for number in range(150):
                system.system.tell(shared, (thread, number))
                system.system.tell(own[thread], b"x" * 4000)
            with system.system.private() as private:
                answers[thread] = [private.ask(echo, (thread, n), PATIENCE_S) for n in range(40)]
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
    finally:
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert errors == []
    assert answers == {thread: [(thread, n) for n in range(40)] for thread in range(6)}
    kept = system.ask(shared, ("await", 900))
    for thread in range(6):
        assert [number for sender, number in kept if sender == thread] == list(range(150))
    for each in own:
        assert len(system.ask(each, ("await", 150))) == 150


@pytest.mark.timeout(25)  # PATIENCE_S is longer
def test_an_ask_to_a_dead_actor_returns_at_once(system):
    echo = system.create(Echo)
    system.kill(system.pid_of(echo))
    for _ in range(3):
        assert system.ask(echo, "anybody?") is None


@pytest.mark.timeout(25)
def test_an_actor_is_seen_to_be_dead_although_a_process_that_it_forked_lives(system):
    forker = system.create(Forker)
    pid, forked = system.ask(forker, "fork")
    try:
        system.kill(pid)
        assert system.ask(forker, "anybody?") is None
    finally:
        system.kill(forked)


def test_what_a_child_had_taken_before_it_left_is_no_dead_letter(system):
    letters, mother = letters_in(system), system.create(Mother)
    for count in range(1, 6):
        assert system.ask(mother, "bear")
        system.system.tell(mother, "last work")
        assert system.ask(mother, ("await exits", count)) == count
    assert system.ask(letters, ("await", 5)) == ["after"] * 5


def test_a_dead_letter_is_the_message_as_it_was_sent(system):
    letters, mother = letters_in(system), system.create(Mother)
    pid = system.pid_of(system.ask(mother, "bear"))
    with stopped(pid):
        assert system.ask(mother, "send, change, send") == "sent"
        os.kill(pid, signal.SIGKILL)
    found = system.ask(letters, ("await", 2))  # a third, before them, if we heard not that the child had it
    assert ["as sent"] in found
    assert ["changed"] not in found


def test_what_was_sent_to_a_child_that_was_killed_before_it_was_up_is_a_dead_letter(system):
    letters, mother = letters_in(system), system.create(Mother)
    system.system.tell(mother, "kill it at birth")
    assert system.ask(mother, ("await exits", 1)) == 1
    assert system.ask(letters, ("await", 2)) == ["unborn", "after"]


def test_short_lived_actors_leave_no_descriptor_and_no_connection_in_their_parent(system):
    nursery = system.create(Nursery)
    system.ask(nursery, ("bear", 3))
    before, after, links, incoming = system.ask(nursery, ("bear", 100))
    assert after == before
    assert links <= 4
    assert incoming <= 4


def test_the_log_never_raises_even_if_the_logger_takes_nothing(system):
    logger = system.create(Logger)
    with stopped(system.ask(logger, "logger's pid")):
        assert system.ask(logger, (90, 1 << 20)) == "logged"


def test_a_target_that_takes_nothing_keeps_nobody_from_leaving(monkeypatch):
    monkeypatch.setattr(unix, "DRAIN_TIMEOUT_S", 0.1)
    monkeypatch.setattr(systemCommon, "MAX_SHUTDOWN_DRAIN_PERIOD", timedelta(seconds=0.1))
    with UnixSystem() as system:
        flooder, deaf = system.create(Flooder), system.create(Echo)
        with stopped(system.pid_of(deaf)):
            leaving = system.ask(flooder, ("flood", deaf, 8, 1 << 20))
            system.system.tell(flooder, thespian.ActorExitRequest())
            gone(leaving)


def test_what_an_actor_still_has_to_send_leaves_before_it_does(system):
    flooder, collector = system.create(Flooder), system.create(Collector)
    with stopped(system.pid_of(collector)):
        leaving = system.ask(flooder, ("flood", collector, 8, 1 << 20))
        system.system.tell(flooder, thespian.ActorExitRequest())
    gone(leaving)
    assert len(system.ask(collector, ("await", 8))) == 8


@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_nothing_is_left_of_a_system_of_which_an_actor_was_stopped_or_killed(monkeypatch, how):
    monkeypatch.setattr(systemBase, "MAX_SYSTEM_SHUTDOWN_DELAY", timedelta(seconds=0.3))
    with UnixSystem() as system:  # whose end is what is tested
        mother, echo = system.create(Mother), system.create(Echo)
        pid = system.pid_of(system.ask(mother, "bear"))
        pids = [system.pid_of(echo), system.admin_pid(echo), pid]
        os.kill(pid, how)
        if how == signal.SIGSTOP:
            system.system.shutdown()  # in vain, for now
            assert system.folder.exists()
            os.kill(pid, signal.SIGKILL)
    for each in pids:
        gone(each)


def test_an_actor_whose_parent_left_it_behind_ends_with_the_system():
    with UnixSystem() as system:
        mother = system.create(Mother)
        child = system.ask(mother, "bear")
        pid, left = system.pid_of(child), system.pid_of(mother)
        system.system.tell(mother, thespian.ActorExitRequest(recursive=False))
        gone(left)
        assert system.ask(child, "I live on") == "I live on"
    gone(pid)


def test_two_processes_that_start_one_system_at_the_same_time_share_it(tmp_path):
    with tempfile.TemporaryDirectory(prefix="oo-") as root:
        command = [sys.executable, "-c", STARTER, f"{root}/s"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        starters = [subprocess.Popen(command, **pipes) for _ in range(3)]
        for each in starters:
            assert each.stdout.readline() == "ready\n"
        for each in starters:
            each.stdin.write("start\n")
            each.stdin.flush()
        for each in starters:
            assert each.stdout.readline() == "started\n"
        for each, order in zip(starters, ["leave\n", "leave\n", "shut down\n"], strict=True):
            each.stdin.write(order)
            each.stdin.close()
            assert each.wait() == 0
            each.stdout.close()
        until(lambda: not Path(root, "s").exists())


def test_an_admin_is_found_although_it_is_stopped():
    with UnixSystem() as system:
        echo = system.create(Echo)
        target = unix.UnixTransport.getAdminAddr({address.SOCKET_DIR: str(system.folder)})
        with stopped(system.admin_pid(echo)):
            assert unix.UnixTransport.probeAdmin(target)
    assert not unix.UnixTransport.probeAdmin(target)


def test_a_convention_is_refused():
    with pytest.raises(thespian.ActorSystemStartupFailure, match="one host"):
        thespian.ActorSystem(
            unix.SYSTEM_BASE, {"Convention Address.IPv4": "127.0.0.1:1900"}, transientUnique=True
        )


def test_an_address_of_another_host_is_refused():
    with pytest.raises(thespian.InvalidActorAddress, match="one host"):
        unix.UnixTransport.getAddressFromString("10.0.0.1:1900")


def test_a_system_of_which_nobody_is_the_admin_any_more_can_be_started_again():
    with UnixSystem() as system:
        echo = system.create(Echo)
        pids = [system.admin_pid(echo), *system.pids()]
        for pid in pids:
            system.kill(pid)
        again = thespian.ActorSystem(
            unix.SYSTEM_BASE, {address.SOCKET_DIR: str(system.folder)}, transientUnique=True
        )
        try:
            assert again.ask(again.createActor(Echo), "here", PATIENCE_S) == "here"
        finally:
            again.shutdown()

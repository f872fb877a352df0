import os
import signal
import sys
from pathlib import Path

import pytest
import thespian.actors as thespian

sys.path.insert(0, str(Path(__file__).parent))  # the folder's own modules

from naive_actors import Breaker, Echo, Flooder, Mother, Note, Recorder
from unix_system import UnixSystem, gone, until

from openoutcry.actors.transport.loops import EVENT_LOOP_VARIABLE


@pytest.fixture(params=["uvloop", "asyncio"])
def system(request, monkeypatch):
    monkeypatch.setenv(EVENT_LOOP_VARIABLE, request.param)
    with UnixSystem() as system:
        yield system


def test_what_a_full_mailbox_refuses_comes_back_and_the_sender_goes_on(system):
    flooder, deaf = system.create(Flooder), system.create(Echo)
    pid = system.pid_of(deaf)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert system.ask(flooder, ("flood", deaf, 80, 1 << 20))
        poison = until(lambda: system.ask(flooder, "poison"))
        assert 10 < len(poison) < 20  # of 80 MiB its limit took 64, and its socket some
        assert all("another is refused" in details for details in poison)
    finally:
        system.kill(pid)


def test_a_note_that_raises_is_handled_once_and_comes_back(system):
    breaker = system.create(Breaker)
    answer = system.ask(breaker, Note("broken"))
    assert isinstance(answer, thespian.PoisonMessage)
    assert answer.poisonMessage == Note("broken")
    assert "broken" in answer.details
    assert system.ask(breaker, "count") == 1


def test_a_fault_ends_the_process(system):
    echo, breaker = system.create(Echo), system.create(Breaker)
    pid = system.pid_of(breaker)
    system.system.tell(breaker, "fault")
    gone(pid)
    assert system.ask(echo, "here") == "here"


def test_of_two_children_that_die_together_both_are_noticed(system):
    mother = system.create(Mother)
    pids = [system.pid_of(system.ask(mother, "bear")) for _ in range(4)]
    system.system.tell(mother, ("kill together", *pids))
    assert system.ask(mother, ("await exits", 4)) == 4


def test_an_orphan_is_told_once_by_whom_it_was_left_and_ends(system):
    parent = system.create(Recorder)
    orphan = system.ask(parent, "child")
    pid = system.pid_of(orphan)
    system.kill(system.pid_of(parent))
    assert until(lambda: system.ask(orphan, "lost")) == [False]
    assert system.ask(orphan, "lost") == [False]
    gone(pid)


def test_without_an_admin_everybody_ends(system):
    first, second = system.create(Echo), system.create(Recorder)
    pids = [system.pid_of(first), system.pid_of(second)]
    admin = system.admin_pid(first)
    system.kill(admin)
    assert until(lambda: system.ask(second, "lost")) == [True]
    for pid in pids:
        gone(pid)


def test_a_parent_that_leaves_in_order_and_alone_is_no_loss(system):
    parent = system.create(Recorder)
    child = system.ask(parent, "child")
    pid = system.pid_of(parent)
    system.system.tell(parent, thespian.ActorExitRequest(recursive=False))
    gone(pid)
    assert system.ask(child, "lost") == []

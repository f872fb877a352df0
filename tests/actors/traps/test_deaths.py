"""Who notices a death, and what becomes of those who are left."""

import os
import signal

import pytest
from staging import OURS, STOCK, eventually, held, is_alive, kill, on, require, trap

from openoutcry.actors.protocol import Launch, Launched
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import STRATEGY

GENERATIONS = 2  # below the eldest


def family(staged):
    """The pids of an actor, its child and its grandchild, eldest first."""
    eldest = staged.create("cast.Ancestor")
    staged.tell(eldest, "beget", GENERATIONS)
    born = {}
    while len(born) <= GENERATIONS:
        message = staged.hear(lambda each: isinstance(each, tuple) and each[0] == "born")
        if message is None:
            raise TimeoutError(f"only {born} were born")
        born[message[1]] = message[2]
    return [born[generation] for generation in range(GENERATIONS, -1, -1)]


@trap(
    "nobody tells an actor that its parent was killed",
    naive=(STOCK, "cast.Ancestor"),
    ours=(OURS, "cast.Ancestor"),
)
def test_a_child_is_told_that_its_parent_was_killed(start, side):
    staged = start(side.base)
    eldest, child, _ = family(staged)
    kill(eldest)
    assert staged.hear(lambda each: each == ("told", child), side.patience_s)


@trap(
    "the children of a killed actor live for ever",
    naive=(STOCK, "cast.Ancestor"),
    ours=(OURS, "cast.Ancestor"),
)
def test_orphans_end_themselves_with_all_their_children(start, side):
    staged = start(side.base)
    eldest, child, grandchild = family(staged)
    kill(eldest)
    assert eventually(lambda: not is_alive(child) and not is_alive(grandchild), side.patience_s)


@trap(
    "without an admin, actors and logger live for ever",
    naive=(STOCK, "cast.Ancestor"),
    ours=(OURS, "cast.Ancestor"),
)
def test_all_end_when_the_admin_was_killed(start, side):
    staged = start(side.base)
    eldest, *_ = family(staged)
    admin = staged.admin_of(eldest)
    require(lambda: len(staged.pids()) == GENERATIONS + 3, "an admin, a logger and the actors to be all")
    staged.is_broken = True
    kill(admin)
    assert eventually(lambda: not staged.pids(), side.patience_s)


def two_children(staged):
    parent = staged.create("cast.Parent")
    pids = []
    for child in range(2):
        staged.must(parent, "have", "cast.Victim")
        staged.tell(parent, "pass_on", child, "pid")
        pids.append(staged.hear(lambda each: isinstance(each, int)))
    return parent, pids


def noticed(staged, parent, patience_s):
    eventually(lambda: len(staged.must(parent, "exited")["children"]) == 2, patience_s)
    return sorted(staged.must(parent, "exited")["children"])


@trap(
    "once it has handled one child's exit, Thespian forgets all children that are dead by then",
    naive=(STOCK, "cast.Parent"),
    ours=(OURS, "cast.Parent"),
)
def test_a_child_that_dies_while_another_exit_is_handled_is_noticed(start, side):
    staged = start(side.base)
    parent, (first, second) = two_children(staged)
    staged.must(parent, "end_with_the_first", second)
    kill(first)
    assert noticed(staged, parent, side.patience_s) == [0, 1]


@pytest.mark.parametrize("side", [on(STOCK, name="stock"), on(OURS, name="ours")])
def test_two_that_die_together_are_both_noticed_on_either_base(start, side):
    """No trap: one SIGCHLD stands for both, and Thespian looks at all children."""
    staged = start(side.base)
    parent, pids = two_children(staged)
    with held(staged.must(parent, "pid")):
        kill(*pids)
    assert noticed(staged, parent, side.patience_s) == [0, 1]


@trap(
    "what a consumer was handling when it was killed counts as delivered, and vanishes",
    naive=(STOCK, "cast.Producer"),
    ours=(OURS, "cast.Producer"),
)
def test_what_a_killed_consumer_had_not_taken_becomes_dead_letters(start, side):
    staged = start(side.base)
    office = staged.create("cast.DeadLetterOffice")
    staged.must(office, "begin")
    producer = staged.create(side.actor)
    consumer = staged.consumer_of(producer)
    staged.must(consumer, "die_at", 5)
    staged.must(producer, "flood", 0, 5, 100)
    require(lambda: staged.must(consumer, "figures")["taken"] == [0, 1, 2, 3, 4], "five to be taken")
    require(lambda: staged.must(producer, "untaken")["messages"] == 0, "the word that they were")
    staged.tell(producer, "flood", 5, 10, 100)
    eventually(lambda: staged.must(office, "read")["numbers"] == [5, 6, 7, 8, 9], side.patience_s)
    assert staged.must(office, "read")["numbers"] == [5, 6, 7, 8, 9]


@pytest.fixture
def gate(monkeypatch, tmp_path):
    """A process that has said goodbye waits here until the gate is opened."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    monkeypatch.setenv("OPENOUTCRY_TRAP_GATE", str(path))
    return path


def open_gate(path):
    """Let the one process go that waits, and no later one wait."""
    with path.open("wb"):
        path.unlink()


def child_of_restarter(staged):
    restarter = staged.create("cast.Restarter")
    staged.tell(restarter, "begin")
    return restarter, staged.hear(lambda each: isinstance(each, tuple) and each[0] == "child")[1]


def child_of_supervisor(staged):
    supervisor = staged.create("guarded.SupervisorOfIdles")
    settings = encode_settings(load_settings(None, {"paths.state_dir": str(staged.folder)}))
    staged.system.tell(supervisor, Launch(settings, str(staged.folder), "r-trap", os.getpid()))
    if staged.hear(lambda each: isinstance(each, Launched)) is None:
        raise TimeoutError("the supervisor did not launch its idle actors")
    return supervisor, staged.must(supervisor, "pid_of", STRATEGY)


@trap(
    "a child that ends in order is reported twice: by its goodbye and by its death",
    naive=(STOCK, "cast.Restarter"),
    ours=(OURS, "guarded.SupervisorOfIdles"),
)
def test_an_exit_that_is_noticed_twice_restarts_once(start, gate, side):
    staged = start(side.base)
    begin = child_of_restarter if side.actor == "cast.Restarter" else child_of_supervisor
    parent, child = begin(staged)
    os.kill(child, signal.SIGTERM)
    require(lambda: staged.must(parent, "figures")["notices"] == 1, "the goodbye")
    open_gate(gate)
    require(lambda: staged.must(parent, "figures")["notices"] == 2, "the notice of the death")
    assert staged.must(parent, "figures")["restarts"] == 1

"""What a new process inherits, and who may call from where."""

import asyncio
import contextlib
import multiprocessing
import threading

import pytest
from cast import LOCK, try_the_lock
from staging import OURS, PATIENCE_S

from openoutcry.actors.transport import unix
from openoutcry.actors.transport.processes import Processes


@pytest.fixture
def lock_held_by_a_thread():
    is_held, over = threading.Event(), threading.Event()

    def hold():
        with LOCK:
            is_held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    yield
    over.set()
    thread.join()


@pytest.mark.filterwarnings("ignore:.*fork.* may lead to deadlocks:DeprecationWarning")
@pytest.mark.parametrize(
    "processes",
    [
        pytest.param(
            multiprocessing.get_context("fork"),
            id="naive",
            marks=pytest.mark.xfail(
                strict=True,
                raises=AssertionError,
                reason="a lock that another thread holds at a fork stays locked in the child for ever",
            ),
        ),
        pytest.param(Processes(), id="ours"),
    ],
)
def test_a_process_does_not_inherit_the_locks_of_other_threads(lock_held_by_a_thread, processes):
    process = processes.Process(target=try_the_lock, args=())
    process.start()
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
        process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize(
    "outside",
    [
        pytest.param(
            contextlib.nullcontext,
            id="naive",
            marks=pytest.mark.xfail(
                strict=True,
                raises=RuntimeError,
                reason="a thread cannot run a loop inside of a loop",
            ),
        ),
        pytest.param(unix.outside_of_any_loop, id="ours"),
    ],
)
def test_an_actor_can_be_asked_from_within_a_running_loop(start, monkeypatch, outside):
    staged = start(OURS)
    actor = staged.create("cast.Naive")
    with monkeypatch.context() as patched:
        patched.setattr(unix, "outside_of_any_loop", outside)

        async def ask():
            return staged.ask(actor, "ping")

        assert asyncio.run(ask()) == "pong"

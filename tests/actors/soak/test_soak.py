"""Actors that crash, hang, flood, restart and are killed, in any order: order is kept, nothing is lost.

What a message may expect: each that was accepted by a sender which lives on arrives once and in order. Of a
sender that died, what arrived is the beginning of what it said, without a hole.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
import thespian.actors as thespian
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

sys.path.insert(0, str(Path(__file__).parent))

from floor import Floor, Leave, Look, Produce, whole_lines

from openoutcry.actors.transport.address import SOCKET_DIR
from openoutcry.actors.transport.unix import SYSTEM_BASE
from openoutcry.assembly.topology import EXECUTION, RISK

SOAK_S = float(os.environ.get("OPENOUTCRY_SOAK_S", "0"))
WAIT_S = 60.0
POLL_S = 0.005
FLOOD = 20_000
GROWTH_BYTES_MAX = 32 << 20
NOTICED_WITHIN_S = 0.1  # reported by the soak; a test asserts no times
ROLES = st.sampled_from([RISK, EXECUTION])

pytestmark = pytest.mark.slow


class Machine(RuleBasedStateMachine):
    """One floor of real processes, and what it must have taken."""

    notice_s: ClassVar[list[float]] = []

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="oo-"))
        capabilities = {SOCKET_DIR: str(self.folder / "sockets")}
        self.system = thespian.ActorSystem(SYSTEM_BASE, capabilities, logDefs=None, transientUnique=True)
        self.floor = self.system.createActor(Floor)
        assert self.system.ask(self.floor, str(self.folder), WAIT_S) == "begun"
        self.published = {}  # by epoch of the sender
        self.stopped = set()
        self.rss_bytes = 0
        self.pid_of(RISK), self.pid_of(EXECUTION)

    def teardown(self):
        for pid in self.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.check()
        processes = [psutil.Process(pid) for pid in self.look().pids.values()]
        self.system.shutdown()
        self.await_true(lambda: not any(each.is_running() for each in processes), "an orderly end")
        self.await_true(lambda: not (self.folder / "sockets").exists(), "the sockets to go")
        shutil.rmtree(self.folder)

    # -- looking ---------------------------------------------------------------------------------

    def look(self):
        return self.system.ask(self.floor, Look(), WAIT_S)

    def await_true(self, condition, what):
        deadline = time.monotonic() + WAIT_S
        while not (found := condition()):
            assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what}"
            time.sleep(POLL_S)
        return found

    def pid_of(self, role):
        return self.await_true(lambda: self.look().pids.get(role), f"{role} to be ready")

    def dies(self, role, how):
        """Wait until the floor has noticed the death and somebody new is ready."""
        victim = self.pid_of(role)
        began_ns = time.monotonic_ns()
        how(victim)
        noticed = self.await_true(
            lambda: [at for pid, at in self.look().noticed if pid == victim], "the death to be noticed"
        )
        assert len(noticed) == 1
        self.notice_s.append((noticed[0] - began_ns) / 1e9)
        self.stopped.discard(victim)
        self.pid_of(role)

    # -- what may happen -------------------------------------------------------------------------

    @rule(count=st.integers(1, 300))
    @precondition(lambda self: not self.stopped)
    def produce(self, count):
        self.note(self.system.ask(self.floor, Produce(count), WAIT_S))

    def note(self, produced):
        self.published[produced.epoch] = produced.published
        return produced

    @rule()
    @precondition(lambda self: not self.stopped)
    def flood_one_that_is_stopped(self):
        """The sender is told when its edge is full, and its memory does not grow with what is refused."""
        before = self.note(self.system.ask(self.floor, Produce(1), WAIT_S))
        victim = self.pid_of(EXECUTION)
        os.kill(victim, signal.SIGSTOP)
        self.stopped.add(victim)
        after = self.note(self.system.ask(self.floor, Produce(FLOOD), WAIT_S))
        assert after.is_refused
        assert after.published - before.published < FLOOD
        assert after.rss_bytes - before.rss_bytes < GROWTH_BYTES_MAX

    @rule()
    @precondition(lambda self: self.stopped)
    def goes_on(self):
        for pid in self.stopped:
            os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    @rule(role=ROLES, number=st.sampled_from([signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]))
    def is_killed(self, role, number):
        if self.stopped:
            number = signal.SIGKILL  # nothing else reaches one that is stopped
        self.dies(role, lambda pid: os.kill(pid, number))

    @rule(role=ROLES)
    @precondition(lambda self: not self.stopped)
    def exits_in_order(self, role):
        self.dies(role, lambda _: self.system.tell(self.floor, Leave(role)))

    @rule()
    @precondition(lambda self: not self.stopped)
    def check(self):
        """Everything that can arrive has arrived: once, in order, without a hole."""
        living = self.look().epochs[RISK]
        self.await_true(
            lambda: self.counts().get(living, 0) == self.published.get(living, 0), "all to arrive"
        )
        for epoch, count in self.counts().items():
            assert count <= self.published[epoch]

    def counts(self):
        """Messages taken of each of the sender's lives; their numbers must be 0, 1, 2 and so on."""
        path = self.folder / "taken"
        found = {}
        for line in whole_lines(path):
            epoch, number = map(int, line.split(":"))
            assert number == found.get(epoch, 0), f"message {number} of life {epoch} after {found.get(epoch)}"
            found[epoch] = number + 1
        return found


COMMON = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.generate],  # to shrink a failure would take hours of real processes
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
}


@pytest.mark.timeout(600)
def test_any_order_of_crashes_hangs_and_floods():
    run_state_machine_as_test(
        Machine, settings=settings(derandomize=True, max_examples=6, stateful_step_count=12, **COMMON)
    )


@pytest.mark.skipif(not SOAK_S, reason="an hour of it: `make soak`")
@pytest.mark.timeout(SOAK_S + 600)
def test_soak():
    ends_at = time.monotonic() + SOAK_S
    while time.monotonic() < ends_at:
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=5, stateful_step_count=30, database=None, **COMMON)
        )
    seen = sorted(Machine.notice_s)
    late = sum(each > NOTICED_WITHIN_S for each in seen)
    sys.stdout.write(
        f"{len(seen)} deaths, noticed after p50 {seen[len(seen) // 2] * 1e3:.1f} ms, "
        f"p99 {seen[int(len(seen) * 0.99)] * 1e3:.1f} ms; {late} later than {NOTICED_WITHIN_S * 1e3:.0f} ms\n"
    )

"""The supervisor's decisions, without processes: what it sends is kept, what happens to it is told."""

import os

import psutil
import pytest
import thespian.actors as thespian

from openoutcry.actors.protocol import (
    Configure,
    Envelope,
    Launch,
    Launched,
    Ready,
    StopSystem,
    SystemStopped,
    Wiring,
)
from openoutcry.actors.supervisor import EXECUTION_RETRY_S, RESTARTS_MAX, Supervisor
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import EXECUTION, MONITORING, RISK, ROLES, STOP_ORDER
from openoutcry.domain.control import Failure, Halt, Start, Stop, Stopped


class Watched(Supervisor):
    """A supervisor that acts on this list instead of on processes."""

    def __init__(self):
        super().__init__()
        self.sent = []
        self.created = 0
        self.has_shut_down = False

    def send(self, target, message):
        self.sent.append((target, message))

    def createActor(self, path):  # noqa: N802  Thespian's name
        self.created += 1
        return f"{path.split('.')[2]}-{self.created}"

    def wakeupAfter(self, period):  # noqa: N802  Thespian's name
        del period

    def actorSystemShutdown(self):  # noqa: N802  Thespian's name
        self.has_shut_down = True

    def address(self, role):
        return self._children[role].address

    def ready(self, *roles):
        for role in roles:
            self.receiveMessage(Ready(role, {}), self.address(role))

    def dies(self, role):
        self.receiveMessage(thespian.ChildActorExited(self.address(role)), None)

    def says(self, role, message):
        self.receiveMessage(Envelope(role, 0, 1, 1, 1, message), self.address(role))

    def told(self, role, kind):
        """What the present actor of a role was told, of a kind."""
        messages = [
            each.message if isinstance(each, Envelope) else each
            for target, each in self.sent
            if target == self.address(role)
        ]
        return [each for each in messages if isinstance(each, kind)]

    def answers(self, kind):
        return [each for target, each in self.sent if target == "outside" and isinstance(each, kind)]


@pytest.fixture
def supervisor(tmp_path):
    made = Watched()
    settings = load_settings(None, {"paths.state_dir": str(tmp_path)})
    made.receiveMessage(Launch(encode_settings(settings), str(tmp_path), "r-test", os.getpid()), "outside")
    made.ready(*ROLES)
    assert made.answers(Launched)
    return made


def test_two_that_restart_at_once_are_both_started(supervisor):
    supervisor.dies(EXECUTION)
    supervisor.dies(RISK)
    supervisor.ready(EXECUTION)
    supervisor.ready(RISK)
    for role in (EXECUTION, RISK):
        assert len(supervisor.told(role, Start)) == 1
        assert supervisor.told(role, Wiring)[-1].addresses[EXECUTION] == supervisor.address(EXECUTION)


def test_one_that_stays_down_does_not_keep_others_down(supervisor):
    for _ in range(RESTARTS_MAX + 1):
        supervisor.dies(MONITORING)
        supervisor._tick_restarts(float("inf"))
    assert supervisor.address(MONITORING) is None
    supervisor.dies(EXECUTION)
    supervisor.ready(EXECUTION)
    assert len(supervisor.told(EXECUTION, Start)) == 1


def test_execution_never_stays_down_but_the_halt_is_armed(supervisor):
    for _ in range(RESTARTS_MAX + 1):
        supervisor.dies(EXECUTION)
        supervisor._tick_restarts(float("inf"))
    assert supervisor.address(EXECUTION) is not None
    assert supervisor._latch.is_armed()
    assert EXECUTION_RETRY_S > 0


def test_one_that_cannot_be_configured_again_is_ended(supervisor):
    supervisor.dies(MONITORING)
    failure = Failure(
        id="f", role=MONITORING, handling=Configure.__name__, error="the port is in use", at_ns=1
    )
    supervisor.says(MONITORING, failure)
    assert supervisor.told(MONITORING, thespian.ActorExitRequest)


def test_a_halt_that_cannot_be_written_is_told_all_the_same(supervisor, monkeypatch):
    def full(**_):
        raise OSError("no space left on device")

    monkeypatch.setattr(supervisor._latch, "arm", full)
    supervisor.says(RISK, Halt(id="h", reason="drawdown", by="risk", at_ns=1))
    assert [each.reason for each in supervisor.told(EXECUTION, Halt)] == ["drawdown"]


def stop_all(supervisor):
    for role in STOP_ORDER:
        assert supervisor.told(role, Stop)
        supervisor.says(role, Stopped(id=f"stopped:{role}", role=role, unreconciled=int(role == EXECUTION)))


def test_all_stop_in_order_and_their_open_orders_are_counted(supervisor):
    supervisor.receiveMessage(StopSystem("enough"), "outside")
    stop_all(supervisor)
    (answer,) = supervisor.answers(SystemStopped)
    assert (answer.unreconciled, answer.late) == (1, ())
    assert not supervisor.has_shut_down


def test_without_its_launcher_the_system_stops_in_order_and_ends(supervisor, monkeypatch):
    supervisor._tick()
    assert supervisor._stopping is None
    monkeypatch.setattr(psutil.Process, "is_running", lambda _: False)
    supervisor._tick()
    stop_all(supervisor)
    assert supervisor.has_shut_down


def test_execution_that_died_before_the_stop_comes_back_to_withdraw(supervisor):
    for _ in range(2):  # the second restart has to wait a moment
        supervisor.dies(EXECUTION)
    assert supervisor.address(EXECUTION) is None
    supervisor.receiveMessage(StopSystem("enough"), "outside")
    for role in STOP_ORDER[: STOP_ORDER.index(EXECUTION)]:
        supervisor.says(role, Stopped(id=f"stopped:{role}", role=role))
    assert not supervisor.told(EXECUTION, Stop)
    supervisor.ready(EXECUTION)
    assert [type(each) for each in supervisor.told(EXECUTION, (Start, Stop))] == [Start, Stop]

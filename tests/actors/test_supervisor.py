"""The supervisor's decisions, without processes: what it sends is kept, what happens to it is told."""

import os

import psutil
import pytest
import thespian.actors as thespian

from openoutcry.actors.hosts import HOST_CAPABILITY
from openoutcry.actors.protocol import (
    Configure,
    Envelope,
    Launch,
    Launched,
    LaunchFailed,
    Ready,
    StopSystem,
    SystemStopped,
    Wiring,
)
from openoutcry.actors.supervisor import EXECUTION_RETRY_S, RESTARTS_MAX, Supervisor
from openoutcry.actors.transport.guardian import GuardianLost
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import EXECUTION, MONITORING, RISK, ROLES, STOP_ORDER, STRATEGY, SUPERVISOR
from openoutcry.domain.control import Failure, Halt, Heartbeat, Start, Stop, Stopped


class Watched(Supervisor):
    """A supervisor that acts on this list instead of on processes."""

    myAddress = "supervisor"  # noqa: N815  Thespian's name

    def __init__(self):
        super().__init__()
        self.sent = []
        self.created = 0
        self.has_shut_down = False
        self.watches_hosts = False
        self.placed = []

    def send(self, target, message):
        self.sent.append((target, message))

    def createActor(self, path, requirements=None):  # noqa: N802  Thespian's name
        self.created += 1
        if requirements:
            self.placed.append(requirements)
        return f"{path.split('.')[2]}-{self.created}"

    def wakeupAfter(self, period):  # noqa: N802  Thespian's name
        del period

    def notifyOnSystemRegistrationChanges(self):  # noqa: N802  Thespian's name
        self.watches_hosts = True

    def actorSystemShutdown(self):  # noqa: N802  Thespian's name
        self.has_shut_down = True

    def address(self, role):
        return self._children[role].address

    def ready(self, *roles):
        for role in roles:
            self.receiveMessage(Ready(role, {}, os.getpid()), self.address(role))

    def dies(self, role):
        self.receiveMessage(thespian.ChildActorExited(self.address(role)), None)

    def says(self, role, message):
        epoch = self._children[role].restarts
        self.receiveMessage(Envelope(role, epoch, 1, 1, 1, message), self.address(role))

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


def test_the_last_words_of_an_earlier_life_count_only_as_a_warning(supervisor):
    supervisor.dies(RISK)
    stopped = Stopped(id="stopped:risk", role=RISK, unreconciled=7)
    supervisor.receiveMessage(Envelope(RISK, 0, 9, 1, 1, stopped), "risk-before")
    assert not supervisor._children[RISK].is_stopped
    halt = Halt(id="h", reason="drawdown", by="risk", at_ns=1)
    supervisor.receiveMessage(Envelope(RISK, 0, 10, 1, 1, halt), "risk-before")
    assert supervisor._latch.is_armed()


def test_all_are_told_which_life_of_each_counts(supervisor):
    supervisor.dies(RISK)
    supervisor.ready(RISK)
    wiring = supervisor.told(EXECUTION, Wiring)[-1]
    assert (wiring.epochs[RISK], wiring.epochs[EXECUTION]) == (1, 0)


def test_what_keeps_dying_is_quarantined_and_halts(supervisor):
    for _ in range(RESTARTS_MAX + 1):
        supervisor.dies(STRATEGY)
        supervisor._tick_restarts(float("inf"))
    assert supervisor._children[STRATEGY].state == "quarantined"
    assert supervisor._latch.is_armed()
    supervisor._heartbeat(float("inf"))
    reported = {each.role: each.state for each in supervisor.told(MONITORING, Heartbeat)}
    assert reported == {SUPERVISOR: "running", STRATEGY: "quarantined"}


def test_without_the_admin_process_the_system_stops_in_order_and_all_exit(supervisor):
    supervisor.receiveMessage(GuardianLost("admin", is_admin=True), None)
    stop_all(supervisor)
    assert any(isinstance(each, thespian.ActorExitRequest) for _, each in supervisor.sent)
    assert not supervisor.has_shut_down


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


BETA = "10.66.0.2:7800"


def host_notice(*, added, host="beta", address=BETA):
    return thespian.ActorSystemConventionUpdate(address, {HOST_CAPABILITY: host}, added)


@pytest.fixture
def leading(tmp_path):
    """A supervisor that has placed the strategy on another host, which has not joined yet."""
    config = tmp_path / "leader.toml"
    config.write_text(
        '[transport]\nbase = "tcp"\nbind_address = "10.66.0.1"\ntrusted_network = "10.66.0.0/24"\n'
        'convention_address = "10.66.0.1:7800"\nplacement = { strategy = "beta" }\n'
    )
    settings = load_settings(config, {"paths.state_dir": str(tmp_path)})
    made = Watched()
    made.receiveMessage(Launch(encode_settings(settings), str(tmp_path), "r-test", os.getpid()), "outside")
    made.ready(*(role for role in ROLES if role != STRATEGY))
    return made


@pytest.fixture
def spread(leading):
    """The same, running: the other host has joined."""
    leading.receiveMessage(host_notice(added=True), None)
    leading.ready(STRATEGY)
    assert leading.answers(Launched)
    return leading


def lose(supervisor):
    supervisor.receiveMessage(host_notice(added=False), None)


def heal(supervisor):
    supervisor.receiveMessage(host_notice(added=True), None)


def test_a_role_that_lives_elsewhere_is_created_there_once_its_host_is_there(leading):
    assert leading.watches_hosts
    assert leading.address(STRATEGY) is None
    for _ in range(2):  # notices may come twice
        heal(leading)
    assert leading.placed == [{HOST_CAPABILITY: "beta"}]
    assert not leading.answers(Launched)
    leading.ready(STRATEGY)
    assert leading.answers(Launched)
    assert leading._children[STRATEGY].restarts == 0


def test_a_launch_says_which_host_is_missing_and_what_to_do_there(leading):
    leading._deadline_s = 0.0
    leading._tick()
    (failed,) = leading.answers(LaunchFailed)
    for word in ("strategy", "'beta'", "openoutcry join --host beta"):
        assert word in failed.error


def test_without_placement_nobody_asks_about_hosts(supervisor):
    assert not supervisor.watches_hosts
    lose(supervisor)
    assert not supervisor._latch.is_armed()


def test_a_lost_host_halts_and_ends_the_life_of_what_was_there(spread):
    before = spread.address(STRATEGY)
    lose(spread)
    halt = spread._latch.read()
    assert ("beta" in halt.reason, "strategy" in halt.reason) == (True, True)
    assert spread.told(EXECUTION, Halt)
    for role in (RISK, EXECUTION, MONITORING):
        wiring = spread.told(role, Wiring)[-1]
        assert (wiring.epochs[STRATEGY], wiring.epochs[role]) == (1, 0)
        assert STRATEGY not in wiring.addresses
        assert wiring.addresses[RISK] == spread.address(RISK)
    spread.sent.clear()
    spread._tick_restarts(float("inf"))
    lose(spread)  # told twice
    spread.receiveMessage(thespian.ChildActorExited(before), None)  # told late
    assert spread._children[STRATEGY].restarts == 1
    assert spread.address(STRATEGY) is None
    assert not [target for target, _ in spread.sent if target == before]


def test_what_a_lost_host_says_late_does_not_count(spread):
    before = spread.address(STRATEGY)
    lose(spread)
    heal(spread)
    spread.receiveMessage(Ready(STRATEGY, {}, 7), before)
    assert not spread._children[STRATEGY].is_ready
    failure = Failure(id="f", role=STRATEGY, handling=Configure.__name__, error="late", at_ns=1)
    spread.receiveMessage(Envelope(STRATEGY, 0, 9, 1, 1, failure), before)
    assert not spread.told(STRATEGY, thespian.ActorExitRequest)
    stopped = Stopped(id="stopped", role=STRATEGY, unreconciled=1)
    spread.receiveMessage(Envelope(STRATEGY, 0, 10, 1, 1, stopped), before)
    assert not spread._children[STRATEGY].is_stopped


def test_a_host_that_is_back_ends_the_earlier_life_and_begins_the_next(spread):
    before = spread.address(STRATEGY)
    lose(spread)
    spread.sent.clear()
    heal(spread)
    after = spread.address(STRATEGY)
    assert after not in (None, before)
    assert [type(each) for target, each in spread.sent if target == before] == [thespian.ActorExitRequest]
    (configured,) = spread.told(STRATEGY, Configure)
    assert configured.restarts == 1
    spread.ready(STRATEGY)
    assert spread.told(RISK, Wiring)[-1].addresses[STRATEGY] == after
    assert len(spread.told(STRATEGY, Start)) == 1
    assert spread._latch.is_armed()  # until somebody lifts it


def test_a_link_that_comes_and_goes_spends_no_restarts(spread):
    for number in range(1, RESTARTS_MAX + 3):
        lose(spread)
        heal(spread)
        spread.ready(STRATEGY)
        assert spread._children[STRATEGY].restarts == number
    assert spread._children[STRATEGY].state == "running"


def test_one_that_dies_elsewhere_is_restarted_like_any_other(spread):
    spread.dies(STRATEGY)
    assert spread._children[STRATEGY].restarts == 1
    assert spread.placed == [{HOST_CAPABILITY: "beta"}] * 2
    assert not spread._latch.is_armed()


def test_one_that_hangs_elsewhere_is_abandoned_and_nobody_trades_on(spread, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    before = spread.address(STRATEGY)
    spread._children[STRATEGY]._alive_at_s = float("-inf")
    spread._kill_what_hangs(0.0)
    assert killed == []
    assert "beta" in spread._latch.read().reason
    assert STRATEGY not in spread.told(RISK, Wiring)[-1].addresses
    assert spread.address(STRATEGY) not in (None, before)
    assert [target for target, each in spread.sent if isinstance(each, thespian.ActorExitRequest)] == [before]


def test_process_ids_are_told_only_where_they_mean_something(spread):
    assert spread.told(STRATEGY, Wiring)[-1].pids == {}
    here = spread.told(RISK, Wiring)[-1].pids
    assert here[SUPERVISOR] == os.getpid()
    assert STRATEGY not in here
    assert here[EXECUTION] == spread._children[EXECUTION].pid != 0


def test_a_stop_does_not_wait_for_a_host_that_is_away(spread):
    lose(spread)
    spread.receiveMessage(StopSystem("enough"), "outside")
    heal(spread)
    assert spread.address(STRATEGY) is None  # nothing is begun any more
    for role in STOP_ORDER:
        if role != STRATEGY:
            assert spread.told(role, Stop)
            spread.says(role, Stopped(id=f"stopped:{role}", role=role))
    (answer,) = spread.answers(SystemStopped)
    assert answer.late == (STRATEGY,)


def test_a_host_that_is_lost_while_its_actor_stops_ends_the_wait_for_it(spread):
    spread.receiveMessage(StopSystem("enough"), "outside")
    for role in STOP_ORDER[: STOP_ORDER.index(STRATEGY)]:
        spread.says(role, Stopped(id=f"stopped:{role}", role=role))
    assert spread.told(STRATEGY, Stop)
    lose(spread)
    assert spread.told(RISK, Stop)
    assert spread._late == [STRATEGY]
    assert not spread._latch.is_armed()  # it stops anyway

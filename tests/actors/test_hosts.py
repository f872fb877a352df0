"""Which host a role lives on, whether it is there, and what the others do when it is not."""

import pytest
import thespian.actors as thespian

from openoutcry.actors.actor import Actor
from openoutcry.actors.hosts import HOST_CAPABILITY, NODE_DIR_VARIABLE, Hosts
from openoutcry.actors.protocol import Configure, Credit, Envelope, Ready, Wiring
from openoutcry.actors.risk import RiskActor
from openoutcry.assembly.settings import encode_settings, load_settings
from openoutcry.assembly.topology import CLASSIFICATION, RISK, STRATEGY, SUPERVISOR
from openoutcry.domain.orders import OrderIntent, Refused

BETA, OTHER_BETA, GAMMA = "10.66.0.2:7800", "10.66.0.3:7800", "10.66.0.4:7800"


@pytest.fixture
def hosts():
    return Hosts({STRATEGY: "beta", CLASSIFICATION: "gamma"})


def test_what_is_not_placed_lives_here_and_needs_no_other_host(hosts):
    assert (hosts.host_of(RISK), hosts.requirements(RISK), hosts.is_reachable(RISK)) == ("", {}, True)
    assert Hosts({}).missing() == []


def test_a_placed_role_waits_for_its_host(hosts):
    assert (hosts.host_of(STRATEGY), hosts.roles_on("beta")) == ("beta", [STRATEGY])
    assert hosts.missing() == ["beta", "gamma"]
    assert hosts.join("beta", BETA)
    assert (hosts.is_reachable(STRATEGY), hosts.is_reachable(CLASSIFICATION)) == (True, False)
    assert hosts.missing() == ["gamma"]


def test_a_notice_is_news_once(hosts):
    assert not hosts.lose("beta", BETA)
    assert [hosts.join("beta", BETA) for _ in range(2)] == [True, False]
    assert [hosts.lose("beta", BETA) for _ in range(2)] == [True, False]
    assert not hosts.is_reachable(STRATEGY)


def test_hosts_that_nothing_is_placed_on_are_left_alone(hosts):
    for host in ("", "delta"):
        assert not hosts.join(host, GAMMA)
        assert not hosts.lose(host, GAMMA)


def test_two_hosts_of_one_name_are_lost_one_by_one(hosts):
    assert hosts.join("beta", BETA)
    assert hosts.join("beta", OTHER_BETA)
    assert hosts.lose("beta", BETA)  # whose actor was it? it counts as lost
    assert hosts.is_reachable(STRATEGY)  # but may begin anew on the other
    assert hosts.lose("beta", OTHER_BETA)
    assert not hosts.is_reachable(STRATEGY)


@pytest.mark.parametrize(
    ("capabilities", "requirements", "may"),
    [
        ({HOST_CAPABILITY: "beta", "Admin Port": 7800}, {HOST_CAPABILITY: "beta"}, True),
        ({HOST_CAPABILITY: "gamma"}, {HOST_CAPABILITY: "beta"}, False),
        ({}, {HOST_CAPABILITY: "beta"}, False),
        ({"Admin Port": 7800}, {}, True),
        ({HOST_CAPABILITY: "beta"}, {}, False),  # what holds the orders is never created elsewhere
        ({"fast": True}, {"fast": True}, True),
        ({}, {"fast": True}, False),
    ],
)
def test_an_actor_is_created_only_where_it_was_placed(capabilities, requirements, may):
    assert Actor.actorSystemCapabilityCheck(capabilities, requirements) is may


class Listener(RiskActor):
    """The risk actor, which says what it hears instead of deciding."""

    myAddress = "risk"  # noqa: N815  Thespian's name

    def __init__(self):
        super().__init__()
        self.sent, self.heard = [], []

    def configure(self):
        return {}

    def send(self, target, message):
        self.sent.append((target, message))

    def wakeupAfter(self, period):  # noqa: N802  Thespian's name
        del period

    def handle(self, message, now_ns):
        del now_ns
        self.heard.append(message.id)

    def sent_to(self, target, kind):
        return [each for to, each in self.sent if to == target and isinstance(each, kind)]

    def wired(self, addresses, epochs, pids=None):
        self.receiveMessage(Wiring(addresses, epochs, pids or {}), SUPERVISOR)

    def hears(self, sequence, epoch=0, source=STRATEGY):
        intent = OrderIntent(
            id=f"{epoch}.{sequence}", symbol="X", strategy="s", exposure=1.0, reference_price_ticks=1,
            volatility=0.0, candle_seconds=1.0, style="immediate", horizon_ns=1, event_ns=1, deadline_ns=1,
        )  # fmt: skip
        self.receiveMessage(Envelope(source, epoch, sequence, 1, 1, intent), f"{source}-{epoch}")


@pytest.fixture
def listener(tmp_path):
    made = Listener()
    configure = Configure(RISK, encode_settings(load_settings(None)), str(tmp_path), "r-test", 0)
    made.receiveMessage(configure, SUPERVISOR)
    made.wired({RISK: "risk", STRATEGY: "strategy-0"}, {RISK: 0, STRATEGY: 0})
    return made


def refusal(number):
    return Refused(
        id=f"refused-{number}", symbol="X", intent_id="i", check="late", limit="", value="", at_ns=1
    )  # fmt: skip


def test_what_an_earlier_life_said_is_refused_as_soon_as_it_is_known_to_be_over(listener):
    listener.hears(1)
    listener.wired({RISK: "risk"}, {RISK: 0, STRATEGY: 1})
    listener.hears(2)
    assert listener.heard == ["0.1"]
    assert listener._inbox.counters["actor_duplicates"] == 1
    listener.hears(1, epoch=1)
    assert listener.heard == ["0.1", "1.1"]


def test_nothing_is_sent_to_a_role_that_is_gone_until_its_next_life(listener):
    listener.hears(1)
    listener.publish(refusal(1))
    listener.wired({RISK: "risk"}, {RISK: 0, STRATEGY: 1})
    listener.sent.clear()
    listener.publish(refusal(2))
    listener.receiveMessage(thespian.WakeupMessage(None), None)  # credit is due as well
    assert listener.sent_to("strategy-0", object) == []
    listener.wired({RISK: "risk", STRATEGY: "strategy-0"}, {RISK: 0, STRATEGY: 1})  # it got the same address
    listener.publish(refusal(3))
    (envelope,) = listener.sent_to("strategy-0", Envelope)
    assert (envelope.sequence, envelope.message.id) == (1, "refused-3")


def test_credit_of_an_earlier_life_counts_for_nothing(listener):
    listener.wired({RISK: "risk", STRATEGY: "strategy-1"}, {RISK: 0, STRATEGY: 1})
    listener.publish(refusal(1))
    credit = Credit(STRATEGY, 0, 1)
    listener.receiveMessage(credit, "strategy-0")
    assert listener._outgoing[STRATEGY].depth == 1
    listener.receiveMessage(credit, "strategy-1")
    assert listener._outgoing[STRATEGY].depth == 0


def test_latencies_are_taken_between_roles_of_one_host(listener):
    listener.hears(1)
    assert listener._latencies == {}
    listener.wired({RISK: "risk", STRATEGY: "strategy-0"}, {RISK: 0, STRATEGY: 0}, {STRATEGY: 7})
    listener.hears(2)
    assert list(listener._latencies) == [f"{STRATEGY}>{RISK}"]


def test_on_another_host_the_log_goes_where_that_host_allows(monkeypatch, tmp_path):
    node = tmp_path / "node"
    node.mkdir()
    monkeypatch.setenv(NODE_DIR_VARIABLE, str(node))
    actor = Listener()
    configure = Configure(
        RISK, encode_settings(load_settings(None)), str(tmp_path / "not-there"), "r-test", 0
    )
    actor.receiveMessage(configure, SUPERVISOR)
    assert actor.sent_to(SUPERVISOR, Ready)
    assert (actor.run_dir, (node / "log.jsonl").exists()) == (node, True)

import pytest

from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import NS_PER_S
from openoutcry.monitoring.observer import MAX_ROLES, STALE_AFTER_NS, Observer

T0 = 1_723_161_600 * NS_PER_S


def beat(role="ingestion", *, pid=1, state="running", **values):
    return Heartbeat(id=f"h:{role}", role=role, pid=pid, state=state, **values)


def value_of(observer, name, role="ingestion", label="", now_ns=T0):
    found = [
        sample.value
        for sample in observer.samples(now_ns)
        if (sample.metric.name, sample.role, sample.label_value) == (name, role, label)
    ]
    assert len(found) == 1
    return found[0]


def test_the_newest_heartbeat_counts():
    observer = Observer()
    observer.observe(beat(counters={"gaps": 1}), T0)
    observer.observe(beat(counters={"gaps": 4}, gauges={"imbalance:5": 0.25}), T0)
    assert value_of(observer, "openoutcry_gaps_total") == 4
    assert value_of(observer, "openoutcry_imbalance", label="5") == 0.25
    assert value_of(observer, "openoutcry_actor_state", label="running") == 1


def test_a_restart_does_not_make_counters_or_latencies_fall():
    observer = Observer()
    observer.observe(beat(counters={"gaps": 3}, latency_us={"a>b": (0, 2)}), T0)
    observer.observe(beat(pid=2, restarts=1, counters={"gaps": 1}, latency_us={"a>b": (0, 0, 5)}), T0)
    observer.observe(beat(pid=2, restarts=1, counters={"gaps": 2}, latency_us={"a>b": (0, 0, 6)}), T0)
    assert value_of(observer, "openoutcry_gaps_total") == 5
    assert observer.latencies()["a>b"].counts[:3] == (0, 2, 6)
    assert observer.status(T0)["totals"]["gaps"] == 5


def test_counters_are_summed_over_roles_whatever_their_spelling():
    observer = Observer()
    observer.observe(beat("risk", counters={"openoutcry_actor_failures_total": 1, "frames:depth": 2}), T0)
    observer.observe(beat("memory", counters={"actor_failures": 2}), T0)
    assert observer.status(T0)["totals"] == {"actor_failures": 3, "frames:depth": 2}


def test_a_silent_a_failed_and_a_missing_actor_are_trouble():
    observer = Observer(expected=("ingestion", "risk"))
    observer.observe(beat(), T0)
    assert observer.troubles(T0) == ("risk: no heartbeat yet",)
    observer.observe(beat("risk", state="failed"), T0)
    assert observer.troubles(T0) == ("risk: failed",)
    observer.observe(beat("risk"), T0)
    assert observer.troubles(T0 + STALE_AFTER_NS) == ()
    late = T0 + STALE_AFTER_NS + 1
    assert observer.troubles(late) == ("ingestion: no heartbeat for 5 s", "risk: no heartbeat for 5 s")
    assert value_of(observer, "openoutcry_up", now_ns=late) == 0
    assert not observer.status(late)["is_healthy"]


def test_a_stopped_actor_is_no_trouble_but_is_not_up():
    observer = Observer()
    observer.observe(beat(state="stopped"), T0)
    assert observer.troubles(T0 + 10 * STALE_AFTER_NS) == ()
    assert value_of(observer, "openoutcry_up") == 0


def test_a_quarantined_actor_is_trouble_of_its_own_and_not_silent():
    observer = Observer()
    observer.observe(beat("risk", state="quarantined"), T0)
    late = T0 + 10 * STALE_AFTER_NS  # nobody speaks for it any more
    assert observer.troubles(late) == ("risk: quarantined",)
    assert not observer.status(late)["actors"]["risk"]["is_silent"]
    assert value_of(observer, "openoutcry_up", "risk") == 0
    assert value_of(observer, "openoutcry_actor_state", "risk", "quarantined") == 1


def test_status_says_who_is_silent_and_how_old_the_last_message_is():
    observer = Observer()
    observer.observe(beat("risk", last_message_ns=T0 - 250_000_000), T0)
    observer.observe(beat("memory"), T0)
    observer.observe(beat("strategy", last_message_ns=T0 + 5), T0)  # it came while the heartbeat was made
    first, late = (observer.status(now_ns)["actors"] for now_ns in (T0, T0 + STALE_AFTER_NS + 1))
    assert [each["last_message_age_ms"] for each in first.values()] == [250, None, 0]
    assert [each["last_message_age_ms"] for each in late.values()] == [5250, None, 4999]
    assert [each["is_silent"] for each in (first["risk"], late["risk"])] == [False, True]


def test_the_figures_of_an_edge_carry_its_name():
    observer = Observer()
    edge = "risk/OrderIntent"
    counters = {f"edge_{what}:{edge}": 1 for what in ("dropped", "conflated", "refused")}
    gauges = {f"edge_depth:{edge}": 4, f"edge_age_seconds:{edge}": 0.5}
    observer.observe(beat("strategy", counters=counters, gauges=gauges), T0)
    assert value_of(observer, "openoutcry_edge_depth", "strategy", edge) == 4
    assert value_of(observer, "openoutcry_edge_age_seconds", "strategy", edge) == 0.5
    for what in ("dropped", "conflated", "refused"):
        assert value_of(observer, f"openoutcry_edge_{what}_total", "strategy", edge) == 1
    assert observer.status(T0)["actors"]["strategy"]["unknown_metrics"] == []


def test_an_unknown_figure_is_counted_and_named_but_not_exported():
    observer = Observer()
    observer.observe(beat(counters={"gapss": 3}, gauges={"gaps": float("nan")}), T0)
    assert value_of(observer, "openoutcry_unknown_metrics") == 1
    assert observer.status(T0)["actors"]["ingestion"]["unknown_metrics"] == ["gapss"]
    assert not [sample for sample in observer.samples(T0) if sample.metric.key == "gaps"]


def test_labels_and_roles_have_a_limit():
    observer = Observer()
    observer.observe(beat(counters={f"frames:{number}": 1 for number in range(1000)}), T0)
    assert len([sample for sample in observer.samples(T0) if sample.metric.key == "frames"]) == 64
    for number in range(1000):
        observer.observe(beat(f"role{number}"), T0)
    assert len(observer.status(T0)["actors"]) == MAX_ROLES


def test_status_gathers_facts_actors_and_latencies():
    observer = Observer(facts={"run_id": "r-1"})
    observer.observe(beat(rss_bytes=7, mailbox=2, detail={"book": [1]}, latency_us={"a>b": (0, 1, 9)}), T0)
    status = observer.status(T0 + 2_000_000)
    assert status["run_id"] == "r-1"
    assert status["actors"]["ingestion"]["heartbeat_age_ms"] == 2
    assert status["actors"]["ingestion"]["detail"] == {"book": [1]}
    assert status["latency_us"] == {"a>b": {"count": 10, "p50": 4, "p99": 4}}
    with pytest.raises(KeyError):
        status["actors"]["risk"]

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from openoutcry.domain.control import Heartbeat
from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import NS_PER_S
from openoutcry.monitoring.exporter import MonitoringServer
from openoutcry.monitoring.observer import STALE_AFTER_NS, Observer

T0 = 1_723_161_600 * NS_PER_S


class Clock:
    now_ns = T0

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def observer():
    observer = Observer(facts={"run_id": "r-1"})
    observer.observe(
        Heartbeat(
            id="h",
            role="ingestion",
            pid=1,
            state="running",
            counters={"frames:depth": 5, 'fees:US"DT\n': 2, "gaps": 1},
            latency_us={"ingestion>risk": (1, 2, 0, 4)},
        ),
        T0,
    )
    return observer


@pytest.fixture
def server(observer, clock):
    server = MonitoringServer(observer, wall_ns=clock)
    yield server
    server.close()


def ask(server, path, method="GET", **headers):
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_metrics_are_what_prometheus_reads(server):
    status, body = ask(server, "/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(body)}
    frames = families["openoutcry_frames"]
    assert frames.type == "counter"
    assert [(each.labels, each.value) for each in frames.samples] == [
        ({"role": "ingestion", "channel": "depth"}, 5.0)
    ]
    assert families["openoutcry_fees"].samples[0].labels["asset"] == 'US"DT\n'
    assert families["openoutcry_up"].samples[0].value == 1


def test_latencies_are_a_cumulative_histogram_in_seconds(server):
    _, body = ask(server, "/metrics")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    samples = families["openoutcry_hop_latency_seconds"].samples
    counts = [sample.value for sample in samples]
    assert counts == sorted(counts)
    by_edge = {sample.labels["le"]: sample.value for sample in samples}
    assert by_edge["1e-06"] == 1
    assert by_edge["2e-06"] == 3
    assert by_edge["8e-06"] == 7
    assert by_edge["+Inf"] == 7
    assert {sample.name for sample in samples} == {"openoutcry_hop_latency_seconds_bucket"}
    assert samples[0].labels["source"] == "ingestion"
    assert samples[0].labels["destination"] == "risk"


def test_status_is_json(server):
    status, body = ask(server, "/status?x=1")
    assert (status, json.loads(body)["run_id"]) == (200, "r-1")


def test_health_follows_the_heartbeats(server, clock):
    assert ask(server, "/healthz") == (200, '{"is_healthy":true,"troubles":[]}')
    clock.now_ns += STALE_AFTER_NS + 1
    status, body = ask(server, "/healthz")
    assert status == 503
    assert json.loads(body)["troubles"] == ["ingestion: no heartbeat for 5 s"]


def test_it_answers_reading_at_known_places_only(server):
    assert ask(server, "/")[0] == 404
    assert ask(server, "/metrics", "POST")[0] == 501
    assert ask(server, "/status", Host="evil.example.com")[0] == 403
    assert ask(server, "/status", Host="localhost:1")[0] == 200


def test_a_port_in_use_is_a_clear_error(observer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*monitoring.port"):
            MonitoringServer(observer, port=port)


def test_after_closing_nobody_listens_and_no_thread_is_left(observer):
    server = MonitoringServer(observer)
    ask(server, "/metrics")
    server.close()
    assert not server._thread.is_alive()
    place = urlsplit(server.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((place.hostname, place.port), timeout=1)

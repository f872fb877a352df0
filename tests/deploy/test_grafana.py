import importlib.util
import json
import re
import time
import urllib.request

import pytest

from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import TimestampNs
from openoutcry.monitoring.catalogue import CATALOGUE, LATENCY_NAME
from openoutcry.monitoring.exporter import MonitoringServer
from openoutcry.monitoring.observer import Observer

DUPLICATES = "those that the actors drop are shown"
# Metrics that neither the dashboard nor an alert shows, each with its reason.
NOT_SHOWN = {
    "openoutcry_actor_state": "the panel of what is up says enough; the state is for /status",
    "openoutcry_classification_duplicate_candles_total": DUPLICATES,
    "openoutcry_plugins_loaded": "`openoutcry doctor` names them",
    "openoutcry_strategy_duplicate_messages_total": DUPLICATES,
    "openoutcry_strategy_orders_unfilled_total": "the ends of orders are shown",
    "openoutcry_strategy_intents_total": "the actor's intents are shown",
    "openoutcry_strategy_signals_total": "the actor's signals are shown",
    "openoutcry_unknown_metrics": "an error of ours: the run of the whole system is tested for 0",
}


@pytest.fixture(scope="module")
def generator(root):
    spec = importlib.util.spec_from_file_location("generate_dashboard", root / "deploy/grafana/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def board(root):
    return json.loads((root / "deploy/grafana/openoutcry.json").read_text())


def _used(expressions):
    return {name for expression in expressions for name in re.findall(r"openoutcry_\w+", expression)}


def test_the_committed_dashboard_is_what_the_generator_makes(generator):
    assert generator.OUTPUT.read_text() == generator.build()


def test_every_expression_of_the_dashboard_is_known_to_the_tests(generator, board):
    shown = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    assert shown == generator.expressions()
    assert len(shown) > 30


def test_every_expression_uses_metrics_of_the_catalogue(generator):
    known = {metric.name for metric in CATALOGUE} | {f"{LATENCY_NAME}_bucket"}
    for expression in generator.expressions():
        assert _used([expression]), expression
        assert _used([expression]) <= known


def test_every_metric_is_shown_or_has_a_reason_not_to_be(generator, root):
    alerts = re.findall(r"expr: (.*)", (root / "deploy/prometheus/rules/openoutcry.yml").read_text())
    shown = _used([*generator.expressions(), *alerts])
    assert {metric.name for metric in CATALOGUE} - shown == set(NOT_SHOWN)


def test_panels_have_ids_of_their_own_and_do_not_overlap(board):
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for position in (panel["gridPos"] for panel in board["panels"])
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_expression_yields_data_of_an_exporter_that_has_every_metric(
    generator, scrape, promtool, eventually
):
    observer = Observer()
    server = MonitoringServer(observer)
    try:
        prometheus = scrape(server.url.removeprefix("http://"))
        beats = 0

        def has_been_scraped_often_enough():
            nonlocal beats
            beats += 1
            observer.observe(_heartbeat(beats), TimestampNs(time.time_ns()))
            return prometheus.get("/api/v1/query", query="count_over_time(up[1m]) >= 4")["result"]

        eventually(has_been_scraped_often_enough, "the fourth scrape")
        end_s = float(prometheus.get("/api/v1/query", query="time()")["result"][1])
        empty = [
            each
            for each in generator.expressions()
            if not prometheus.values(each.replace("$__rate_interval", "4s"), end_s - 30, end_s)
        ]
        assert empty == []
        assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
        metrics = promtool("check", "metrics", input=_body(f"{server.url}/metrics"))
        assert metrics.returncode == 0, metrics.stdout + metrics.stderr
    finally:
        server.close()


def _body(url):
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()


def _heartbeat(beats):
    own = {"up", "actor_state", "heartbeat_age_seconds", "mailbox_messages", "resident_memory_bytes"}
    own |= {"actor_restarts", "unknown_metrics"}
    keys = {
        metric: f"{metric.key}:a" if metric.label else metric.key
        for metric in CATALOGUE
        if metric.key not in own
    }
    return Heartbeat(
        id=f"heartbeat:{beats}",
        role="risk",
        pid=1,
        state="running",
        counters={key: float(beats) for metric, key in keys.items() if metric.kind == "counter"},
        gauges={key: 0.5 for metric, key in keys.items() if metric.kind == "gauge"},
        latency_us={"strategy>risk": (0, beats, beats)},
    )

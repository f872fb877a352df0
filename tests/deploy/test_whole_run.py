"""A real Prometheus scrapes a real run: every panel shows data, and nobody is woken."""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

DEMO = ("demo", "--headless", "--json", "--seed", "7", "--speed", "8")  # of six minutes of market
START_TIMEOUT_S = 120
RUN_TIMEOUT_S = 300
MIN_SCRAPES = 20
RATE_WINDOW = "10s"  # stands for Grafana's own choice
# What has a series only once it has happened, and need not happen in a run that goes well.
RARE = ("openoutcry_orders_rejected_total", "openoutcry_intents_refused_total")


class Demo:
    """The demo as a process of its own, with a state folder of its own."""

    def __init__(self, process, folder):
        self.process = process
        self._folder = folder

    @property
    def errors(self):
        return (self._folder / "err.txt").read_text()

    def monitoring_url(self):
        """Where it serves its metrics, or nothing yet."""
        assert self.process.poll() is None, self.errors
        record = self._folder / "state/runs/latest/run.json"
        return json.loads(record.read_text())["monitoring_url"] if record.exists() else ""


@pytest.fixture
def demo(tmp_path):
    environment = {**os.environ, "OPENOUTCRY_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-m", "openoutcry.cli", *DEMO]
    with (tmp_path / "out.json").open("w") as out, (tmp_path / "err.txt").open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, cwd=tmp_path)
        yield Demo(process, tmp_path)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _expressions(root):
    spec = importlib.util.spec_from_file_location("generate_dashboard", root / "deploy/grafana/generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.expressions()


@pytest.mark.slow
@pytest.mark.timeout(START_TIMEOUT_S + RUN_TIMEOUT_S + 60)
def test_every_panel_shows_data_of_a_run_and_nobody_is_woken(root, demo, scrape, promtool, eventually):
    url = eventually(demo.monitoring_url, "the run's start", START_TIMEOUT_S)
    start_s = time.time()
    prometheus = scrape(url.removeprefix("http://"))
    enough = f'sum_over_time(up{{job="openoutcry"}}[5m]) >= {MIN_SCRAPES}'
    prometheus.wait_until(enough, f"{MIN_SCRAPES} scrapes", START_TIMEOUT_S)
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        metrics = reply.read().decode()
    assert demo.process.wait(RUN_TIMEOUT_S) == 0, demo.errors
    end_s = _last_scrape_s(prometheus)

    assert _empty(root, prometheus, start_s, end_s) == []
    assert prometheus.values("max(openoutcry_unknown_metrics)", start_s, end_s)[-1] == 0
    firing = 'ALERTS{alertstate="firing",severity="critical"}'
    assert prometheus.values(firing, start_s, end_s) == []
    assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
    linted = promtool("check", "metrics", input=metrics)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def _last_scrape_s(prometheus):
    """When the run was last seen up, by Prometheus' clock."""
    now_s = float(prometheus.get("/api/v1/query", query="time()")["result"][1])
    answer = prometheus.get(
        "/api/v1/query_range", query="up > 0", start=now_s - RUN_TIMEOUT_S, end=now_s, step=1
    )
    return max(float(at_s) for series in answer["result"] for at_s, _ in series["values"])


def _empty(root, prometheus, start_s, end_s):
    """The expressions that had no finite value during the run."""
    return [
        expression
        for expression in _expressions(root)
        if not any(name in expression for name in RARE)
        and not prometheus.values(expression.replace("$__rate_interval", RATE_WINDOW), start_s, end_s)
    ]

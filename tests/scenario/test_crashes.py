"""Processes are killed in the middle of a run; the run goes on and nothing is lost or doubled."""

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from demo_process import Demo, decisions, working_order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def pid_of(status, role):
    return status.get("actors", {}).get(role, {}).get("pid")


def restarted(role, before):
    def check(status):
        actor = status.get("actors", {}).get(role, {})
        return actor.get("pid") not in (None, before) and actor.get("state") == "running"

    return check


def test_execution_killed_in_mid_order(tmp_path):
    with Demo(tmp_path, "--speed", "8", "--synthetic", "--duration", "250", "--seed", "1") as demo:
        demo.wait_for(working_order, "an order at work")
        victim = pid_of(demo.status(), "execution")
        os.kill(victim, signal.SIGKILL)
        demo.wait_for(restarted("execution", victim), "execution to be restarted")
        code, summary, err = demo.finish()
    assert code == 0, (summary.get("problems"), err)
    assert summary["restarts"] == {"execution": 1}
    assert summary["unreconciled"] == 0
    assert summary["fills"] >= 1
    assert summary["venue_open_orders"] == 0


def test_every_actor_killed_in_turn(tmp_path):
    roles = ("classification", "strategy", "risk", "memory", "monitoring", "ingestion", "execution")
    with Demo(tmp_path, "--speed", "12", "--synthetic", "--duration", "900", "--seed", "2") as demo:
        demo.wait_for(lambda status: status.get("totals", {}).get("fills", 0) >= 1, "a fill")
        for role in roles:
            victim = demo.wait_for(lambda status, role=role: pid_of(status, role), role)
            os.kill(victim, signal.SIGKILL)
            demo.wait_for(restarted(role, victim), f"{role} to be restarted")
        code, summary, err = demo.finish()
    assert code == 0, (summary.get("problems"), err)
    assert summary["restarts"] == dict.fromkeys(roles, 1)
    assert summary["unreconciled"] == 0
    candles = decisions(Path(summary["journal_path"]).parent, "CandleClosed").values()
    closed_ns = sorted(json.loads(each)["close_ns"] for each in candles)
    assert {later - earlier for earlier, later in itertools.pairwise(closed_ns)} == {5 * 10**9}


def test_an_actor_that_hangs_is_killed_and_replaced(tmp_path):
    with Demo(tmp_path, "--speed", "8", "--synthetic", "--duration", "400", "--seed", "2") as demo:
        victim = demo.wait_for(lambda status: pid_of(status, "strategy"), "the strategy")
        os.kill(victim, signal.SIGSTOP)
        another = restarted("strategy", victim)
        demo.wait_for(
            lambda status: another(status) and status["totals"].get("actor_hangs") == 1,
            "another one, and that it was counted",
        )
        assert not psutil.pid_exists(victim)
        code, summary, err = demo.finish()
        assert code == 0, (summary.get("problems"), err)
        assert summary["restarts"] == {"strategy": 1}
        assert summary["unreconciled"] == 0
        assert any("no sign of life" in text for text in summary["failures"])
        assert demo.left_behind() == []


CRASHING = """
import ctypes, os, pathlib
from openoutcry.models.moving_average_rsi import MovingAverageRsi
from openoutcry.plugins.hooks import hookimpl


class Crashing(MovingAverageRsi, frozen=True):
    @property
    def name(self):
        return "crashing"

    def classify(self, candles):
        first = pathlib.Path(os.environ["CRASHED"])
        if not first.exists():
            first.touch()
            ctypes.string_at(0)  # native code reads where nothing is
        return super().classify(candles)


@hookimpl
def openoutcry_classifiers():
    return {"crashing": Crashing}
"""


def test_a_segmentation_fault_in_native_code_is_noticed_and_survived(tmp_path):
    site = tmp_path / "site"
    information = site / "crashing_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[openoutcry]\ncrashing = crashing_plugin\n")
    (site / "crashing_plugin.py").write_text(CRASHING)
    config = tmp_path / "crashing.toml"
    config.write_text('[[classifiers]]\nname = "crashing"\n[[classifiers]]\nname = "talib-patterns"\n')
    crashed = tmp_path / "crashed"
    market = ("--speed", "12", "--synthetic", "--duration", "300", "--seed", "2", "--config", str(config))
    environment = {"PYTHONPATH": str(site), "CRASHED": str(crashed)}
    with Demo(tmp_path / "state", *market, environment=environment) as demo:
        code, summary, err = demo.finish()
        assert crashed.exists()
        assert code == 0, (summary.get("problems"), err)
        assert summary["restarts"] == {"classification": 1}
        assert summary["unreconciled"] == 0
        assert demo.left_behind() == []


def test_a_halt_from_outside_stops_orders_and_outlasts_the_run(tmp_path):
    def cli(*arguments):
        command = [sys.executable, "-m", "openoutcry.cli", *arguments, "--state-dir", str(tmp_path), "--json"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    with Demo(tmp_path, "--speed", "8", "--synthetic", "--duration", "250", "--seed", "1") as demo:
        demo.wait_for(working_order, "an order at work")
        assert cli("halt", "--reason", "a drill").returncode == 0
        halted = demo.wait_for(
            lambda status: (
                status
                if status.get("actors", {}).get("execution", {}).get("detail", {}).get("halted")
                else None
            ),
            "execution to see the halt",
        )
        orders = halted["totals"]["child_orders"]
        code, summary, err = demo.finish()
    assert code == 1, err
    assert "a drill" in summary["halt"]
    assert summary["unreconciled"] == 0
    assert summary["child_orders"] == orders
    refused = cli("demo", "--synthetic")
    assert refused.returncode == 7
    assert "a drill" in refused.stderr
    assert cli("resume").returncode == 0
    assert cli("status").returncode == 0

"""Processes are killed in the middle of a run; the run goes on and nothing is lost or doubled."""

import os
import signal
import subprocess
import sys

import pytest
from demo_process import Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def pid_of(status, role):
    return status.get("actors", {}).get(role, {}).get("pid")


def restarted(role, before):
    def check(status):
        actor = status.get("actors", {}).get(role, {})
        return actor.get("pid") not in (None, before) and actor.get("state") == "running"

    return check


def working_order(status):
    """A sliced order takes seconds at this speed, so that a heartbeat sees it under way."""
    return status.get("actors", {}).get("execution", {}).get("detail", {}).get("is_settled") is False


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


def test_every_other_actor_killed_in_turn(tmp_path):
    roles = ("classification", "strategy", "risk", "memory", "monitoring", "ingestion")
    arguments = ("--speed", "12", "--synthetic", "--duration", "500", "--seed", "2")
    with Demo(tmp_path, *arguments, command=("run", "--paper")) as demo:
        demo.wait_for(lambda status: status.get("totals", {}).get("fills", 0) >= 1, "a fill")
        for role in roles:
            victim = demo.wait_for(lambda status, role=role: pid_of(status, role), role)
            os.kill(victim, signal.SIGKILL)
            demo.wait_for(restarted(role, victim), f"{role} to be restarted")
        code, summary, err = demo.finish()
    assert code == 0, (summary.get("problems"), err)
    assert summary["restarts"] == dict.fromkeys(roles, 1)
    assert summary["unreconciled"] == 0


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

"""However a run ends: no process, no socket and no folder of it is left, and no order is unexplained."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest
from demo_process import Demo, order_records, working_order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MARKET = ("--speed", "8", "--synthetic", "--duration", "250", "--seed", "1")
KEYS = dict.fromkeys(("OPENOUTCRY_BINANCE_API_KEY", "OPENOUTCRY_BINANCE_SECRET"), "x" * 30)


def parent_of(pid):
    return psutil.Process(pid).ppid()


def supervisor_pid(demo):
    return demo.status()["actors"]["supervisor"]["pid"]


def admin_pid(demo):
    return parent_of(supervisor_pid(demo))


def assert_accounted_for(demo):
    """The last word of the order journal is a comparison with the venue that found nothing wrong."""
    kind, payload = order_records(demo.state / "runs" / "latest")[-1]
    assert kind == "Reconciled"
    assert json.loads(payload)["discrepancies"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_command(tmp_path, number):
    with Demo(tmp_path, *MARKET) as demo:
        demo.wait_for(working_order, "an order at work")
        demo.process.send_signal(number)
        code, summary, err = demo.finish()
        assert code == 0, (summary.get("problems"), err)
        assert summary["unreconciled"] == 0
        assert summary["venue_open_orders"] == 0
        assert demo.left_behind() == []


@pytest.mark.parametrize("victim", [supervisor_pid, admin_pid], ids=["supervisor", "admin"])
def test_whoever_looks_after_the_actors_is_killed(tmp_path, victim):
    with Demo(tmp_path, *MARKET) as demo:
        demo.wait_for(working_order, "an order at work")
        os.kill(victim(demo), signal.SIGKILL)
        code, _, err = demo.finish()
        assert code == 8
        assert "supervisor" in err
        assert_accounted_for(demo)
        assert demo.left_behind() == []


def test_the_command_is_killed(tmp_path):
    """The venue is a process of its own here, as in life: it is still there when the actors withdraw."""
    keys = {name.replace("BINANCE", "EXCHANGE"): key for name, key in KEYS.items()}
    line = [sys.executable, "-m", "openoutcry.cli", "exchange", "--port", "0", "--synthetic", "--start"]
    with subprocess.Popen(
        [*line, "--duration", "3600", "--speed", "8", "--seed", "1"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | keys,
    ) as venue:
        try:
            addresses = json.loads(venue.stdout.readline())
            path = tmp_path / "paper.toml"
            urls = [f'{name} = "{addresses[name]}"' for name in ("rest_url", "stream_url", "ws_api_url")]
            path.write_text("\n".join(["[venue]", *urls, "limit_request_rate = false"]))
            run = ("run", "--paper", "--config", str(path))
            with Demo(tmp_path, command=run, environment=KEYS) as demo:
                demo.wait_for(working_order, "an order at work")
                demo.process.kill()
                demo.wait_until_gone()
                assert_accounted_for(demo)
        finally:
            venue.send_signal(signal.SIGTERM)

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

SMALL = ("--round-trips", 20, "--messages", 200)
DEADLINE_S = 60


@pytest.fixture(autouse=True)
def sockets_collected():
    yield
    gc.collect()


def test_json_is_one_object_with_a_key_for_each_base_and_the_four_hops(oo):
    called = oo("bench", "actors", *SMALL, "--base", "ours", "--json")
    assert (called.code, called.err) == (0, "")
    assert list(called.result) == ["ours", "four_hops_ms"]
    assert called.result["ours"]["lost"] == 0
    assert set(called.result["ours"]["round_trip_us"]) == set(called.result["four_hops_ms"]) == {"p50", "p99"}


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Thespian's TCP
def test_people_see_a_table_with_ratios(oo):
    called = oo("bench", "actors", *SMALL)
    assert called.code == 0
    for word in (
        "ours",
        "stock TCP",
        "ratio",
        "round trip, p99",
        "messages/s",
        " x",
        "lost",
        "four hops, p50",
    ):
        assert word in called.out


@pytest.mark.parametrize("wrong", [("--base", "pigeons"), ("--messages", 0), ("--round-trips", "many")])
def test_what_cannot_be_measured_is_wrong_usage(oo, wrong):
    assert oo("bench", "actors", *wrong).code == 2


def test_a_system_that_does_not_start_is_8_and_says_why(oo, tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    called = oo("bench", "actors", *SMALL, "--base", "ours", "--json")
    assert (called.code, called.error["kind"]) == (8, "SystemFailedError")
    assert "too long for sockets" in called.error["message"]
    assert list(folder.iterdir()) == []


def of_folder(folder):
    """Processes that were started with this temporary folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("base", ["ours", "stock_tcp"])
def test_nothing_is_left_when_it_is_ended_by_a_signal(base):
    code = "import sys; from openoutcry.cli import main; sys.exit(main())"
    with tempfile.TemporaryDirectory(prefix="oo-") as name:  # sockets want a short path
        command = [sys.executable, "-c", code, "bench", "actors", "--round-trips", "10000000", "--base", base]
        process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + DEADLINE_S
        while len(of_folder(name)) < 4 and time.monotonic() < deadline:  # itself, admin, logger, a player
            time.sleep(0.05)
        started = of_folder(name)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, err.strip().splitlines()[-1]) == (130, "error: interrupted")
        assert len(started) >= 4
        assert of_folder(name) == []
        assert list(Path(name).iterdir()) == []

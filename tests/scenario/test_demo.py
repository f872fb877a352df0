"""The whole path, on real recorded data: socket, ccxt, core, votes, risk, orders, fills, journal, report."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from demo_process import SHARED_DATA, Demo, decisions, descendants_of_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
needs_data = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no recordings in {SHARED_DATA}")

KEYS = {
    "data_source", "messages", "candles", "votes", "orders", "fills", "unreconciled", "pnl", "fees",
    "faults_injected", "faults_recovered", "latency_us", "journal_path",
}  # fmt: skip


def cli(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "openoutcry.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of the same recording at different speeds: whatever depends on timing will differ."""
    state = tmp_path_factory.mktemp("demo")
    found = []
    for speed in ("60", "35"):
        with Demo(state, "--speed", speed, "--seed", "7", "--data", str(SHARED_DATA)) as demo:
            found.append(demo.finish())
    return state, found


@needs_data
@pytest.mark.data
def test_it_trades_and_accounts_for_everything(runs):
    for code, summary, err in runs[1]:
        assert code == 0, (summary.get("problems"), err)
        assert summary.keys() >= KEYS
        assert summary["unreconciled"] == 0
        assert summary["fills"] >= 1
        assert (summary["faults_injected"], summary["faults_recovered"]) == (2, 2)
        assert summary["backfilled_trades"] > 0
        assert summary["restarts"] == {}
        assert summary["failures"] == []
        assert "spot_btcusdt_20240808" in summary["data_source"]


@needs_data
@pytest.mark.data
def test_the_same_data_and_seed_give_the_same_candles_votes_and_signals(runs):
    first, second = (Path(summary["journal_path"]).parent for _, summary, _ in runs[1])
    for kind in ("CandleClosed", "Classification", "Signal"):
        ours = decisions(first, kind)
        assert len(ours) > 50
        assert ours == decisions(second, kind)


@needs_data
@pytest.mark.data
def test_every_candle_is_the_recordings_own(runs, recorded_candles):
    run_dir = Path(runs[1][0][1]["journal_path"]).parent
    seen = sorted(
        (each["close_ns"], each["close_ticks"], each["volume_lots"], each["last_trade_id"])
        for each in map(json.loads, decisions(run_dir, "CandleClosed").values())
    )
    assert seen == recorded_candles


@needs_data
@pytest.mark.data
def test_an_order_can_be_explained_back_to_its_candle(runs):
    state, found = runs
    code, out, err = cli("why", found[-1][1]["example_order"], "--json", "--state-dir", str(state))
    assert code == 0, err
    kinds = [link["kind"] for link in json.loads(out)["causes"]]
    for kind in ("Approved", "OrderIntent", "Signal", "Classification", "CandleClosed"):
        assert kind in kinds


@needs_data
@pytest.mark.data
def test_no_secret_is_left_behind(runs):
    """Signed requests and the environment's names of the keys appear in no file of the runs."""
    state, _ = runs
    for path in state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"OPENOUTCRY_BINANCE_SECRET" not in content
            assert b"signature=" not in content, path


def test_on_the_synthetic_market_with_a_stop_in_the_middle(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_SCENARIO", str(tmp_path))
    with Demo(tmp_path, "--speed", "20", "--synthetic", "--duration", "600", "--seed", "3") as demo:
        demo.wait_for(lambda status: status.get("totals", {}).get("candles", 0) >= 10, "ten candles")
        demo.process.send_signal(signal.SIGTERM)
        code, summary, err = demo.finish()
    assert code == 0, err
    assert summary["outcome"] == "stopped by the operator"
    assert summary["unreconciled"] == 0
    assert "synthetic" in summary["data_source"]
    assert descendants_of_run(tmp_path) == []


def test_no_data_where_some_was_named(tmp_path):
    code, _, err = cli("demo", "--json", "--data", str(tmp_path), "--state-dir", str(tmp_path / "state"))
    assert code == 4
    assert str(tmp_path) in json.loads(err.strip().splitlines()[-1])["error"]["message"]

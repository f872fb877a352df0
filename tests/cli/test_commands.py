import json
import os
import sqlite3
import tomllib
from pathlib import Path

import pytest
from tests.backtesting.recorded_run import write_run

from openoutcry.assembly.paths import RunRecord, create_run, write_record
from openoutcry.assembly.settings import Settings, load_settings
from openoutcry.cli import doctor, entry
from openoutcry.domain.control import Heartbeat
from openoutcry.memory.halt_latch import HaltLatch
from openoutcry.monitoring.exporter import MonitoringServer
from openoutcry.monitoring.observer import Observer

ROOT = Path(__file__).parents[2]


# halt and resume


def test_halt_latches_until_resume(oo, state):
    assert oo("halt", "--reason", "drill").out.startswith("halted: drill (by ")
    assert HaltLatch(state).is_armed()
    again = oo("halt", "--reason", "other", "--json")
    assert again.result | {"at_ns": 0, "by": ""} == {
        "halted": True,
        "was_halted": True,
        "reason": "drill",
        "at_ns": 0,
        "by": "",
    }
    assert oo("resume", "--json").result == {"halted": False, "was_halted": True, "reason": "drill"}
    assert not HaltLatch(state).is_armed()
    assert oo("resume").out == "there was no halt\n"


def test_a_halt_that_cannot_be_written_is_an_error(oo, tmp_path):
    (tmp_path / "file").write_text("")
    called = oo("halt", "--state-dir", tmp_path / "file" / "below")
    assert called.code == 6
    assert "could not be changed" in called.err


# status


def record_of(state, **changes):
    paths = create_run(state, "r-1")
    record = RunRecord(run_id="r-1", pid=os.getpid(), mode="paper", started_ns=2**62)
    write_record(
        paths, RunRecord(**{name: getattr(record, name) for name in record.__struct_fields__} | changes)
    )


def test_status_without_a_run_says_how_to_start_one(oo):
    called = oo("status", "--json")
    assert (called.code, called.error["kind"]) == (4, "MissingDataError")
    assert "openoutcry demo" in called.error["message"]


def test_status_of_a_run_that_ended(oo, state):
    write_run(state)
    called = oo("status", "--json")
    assert (called.code, called.result["state"], called.result["outcome"]) == (0, "ended", "the replay ended")
    assert "the replay ended" in oo("status").out


def test_status_of_a_running_system_is_what_it_says_itself(oo, state):
    observer = Observer(facts={"run_id": "r-1"})
    server = MonitoringServer(observer, wall_ns=lambda: 0)
    try:
        record_of(state, monitoring_url=server.url)
        assert oo("status", "--json").result["state"] == "running"
        observer.observe(Heartbeat(id="h", role="risk", pid=1, state="failed"), 0)
        called = oo("status")
        assert called.code == 1
        assert "risk: failed" in called.out
    finally:
        server.close()


def test_another_runs_monitoring_is_not_taken_for_this_ones(oo, state):
    server = MonitoringServer(Observer(facts={"run_id": "r-2"}))
    try:
        record_of(state, monitoring_url=server.url)
        assert oo("status", "--json").result["state"] == "silent"
    finally:
        server.close()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "silent"),
        ({"monitoring_url": "http://127.0.0.1:1"}, "silent"),
        ({"monitoring_url": "file:///etc/passwd"}, "silent"),
        ({"pid": 2**22 + 1}, "killed"),
        (
            {"started_ns": 1},
            "killed",
        ),  # the process of that number was started after the run: it is another one
    ],
)
def test_a_run_that_does_not_answer_is_trouble(oo, state, changes, expected):
    record_of(state, **changes)
    called = oo("status", "--json")
    assert (called.code, called.result["state"]) == (1, expected)


def test_status_shows_a_halt(oo, state):
    write_run(state)
    HaltLatch(state).arm("drill", "me", 1)
    assert oo("status", "--json").result["halt"]["reason"] == "drill"
    assert "armed: drill" in oo("status").out


# why


def test_why_walks_from_a_fill_to_its_candle(oo, state):
    write_run(state)
    called = oo("why", "trade-0", "--json")
    assert called.result["is_complete"]
    kinds = [link["kind"] for link in called.result["causes"]]
    assert kinds == [
        "Fill",
        "ChildIntended",
        "Approved",
        "OrderIntent",
        "Signal",
        "Classification",
        "CandleClosed",
    ]
    shown = oo("why", "parent:0").out
    for word in ("parent:0", "Signal", "vote of bold", "candle:0", "what came of it"):
        assert word in shown


def test_why_of_an_unknown_order_names_near_ones(oo, state):
    write_run(state)
    called = oo("why", "parent:9", "--json")
    assert (called.code, called.error["kind"]) == (2, "InvalidInputError")
    assert "parent:0" in called.error["message"]
    assert oo("why", "parent:0", "--run", "r-none").code == 2


# report


def test_report_sums_up_and_writes_the_file(oo, state):
    paths = write_run(state)
    called = oo("report", "r-te", "--json")
    assert (called.code, called.result["fills"]) == (0, 2)
    assert called.result["report_path"] == str(paths.report)
    assert paths.report.is_file()
    assert "90.00 USDT" in oo("report").out


def test_report_of_a_damaged_journal_says_so(oo, state):
    paths = write_run(state)
    sqlite3.connect(paths.decisions_db).execute("PRAGMA user_version=99").connection.close()
    called = oo("report", "--json")
    assert (called.code, called.error["kind"]) == (6, "JournalError")
    assert "newer" in called.error["message"]


# config


def test_config_check_and_show(oo, tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text("seed = 5\n")
    called = oo("config", "check", path, "--json")
    assert (called.code, called.result["ok"], called.result["mode"]) == (0, True, "paper")
    shown = oo("config", "show", path, "--set", "monitoring.port=9123")
    assert tomllib.loads(shown.out)["monitoring"]["port"] == 9123
    assert oo("config", "show", path, "--json").result["settings"]["seed"] == 5


def test_config_check_of_a_typo(oo, tmp_path):
    path = tmp_path / "paper.toml"
    path.write_text("sede = 5\n")
    called = oo("config", "check", path, "--json")
    assert (called.code, called.error["kind"]) == (3, "ConfigurationError")
    assert "did you mean 'seed'" in called.error["message"]


@pytest.mark.parametrize("name", ["paper", "live"])
def test_the_shipped_settings_are_in_order(oo, name):
    path = ROOT / "deploy" / "config" / f"{name}.toml"
    called = oo("config", "check", path, "--json")
    assert (called.code, called.result["mode"]) == (0, name)
    assert load_settings(path).deployment_id != Settings().deployment_id or name == "paper"


# data


def test_data_check_of_nothing_and_of_nonsense(oo, tmp_path):
    assert oo("data", "check", tmp_path, "--json").code == 4
    (tmp_path / "x.jsonl").write_text("nonsense\n")
    called = oo("data", "check", tmp_path / "x.jsonl", "--json")
    assert called.code in (1, 2, 4)
    assert called.error or not called.result["ok"]


# doctor


def test_doctor_finds_this_machine_fit(oo):
    called = oo("doctor", "--json")
    assert (called.code, called.result["ok"]) == (0, True)
    names = [check["name"] for check in called.result["checks"]]
    assert len(set(names)) == len(names) == 14
    assert all(check["remedy"] for check in called.result["checks"] if check["verdict"] != "ok")


def test_doctor_names_the_remedy_of_what_is_wrong(oo, state, monkeypatch):
    state.mkdir(mode=0o700)
    state.chmod(0o777)
    monkeypatch.setenv("OPENOUTCRY_DATA", str(state / "absent"))
    monkeypatch.setattr(doctor, "PINNED", (("ccxt", "0.0.1"),))
    HaltLatch(state).arm("drill", "me", 1)
    called = oo("doctor", "--json")
    found = {check["name"]: check for check in called.result["checks"]}
    assert called.code == 1
    assert found["state_permissions"]["verdict"] == "fail"
    assert "chmod go-w" in found["state_permissions"]["remedy"]
    assert found["data_source"]["verdict"] == "fail"
    assert found["dependencies"]["verdict"] == "fail"
    assert found["halt_state"]["verdict"] == "warn"
    shown = oo("doctor").out
    assert "fail  dependencies" in shown


def test_a_check_that_breaks_is_a_failure_and_not_the_end():
    def broken():
        raise RuntimeError("odd")

    check = doctor._guarded("broken", broken)
    assert (check.verdict, check.found) == ("fail", "RuntimeError: odd")


def test_json_output_is_one_document(oo, state):
    write_run(state)
    for arguments in (("status",), ("report",), ("config", "show"), ("halt",), ("resume",)):
        json.loads(oo(*arguments, "--json").out)


@pytest.mark.parametrize("command", [("demo",), ("run", "--paper"), ("exchange",)])
def test_one_market_is_played(command):
    code = entry.run([*command, "--synthetic", "--data", "somewhere"])
    assert code == 2


def test_real_orders_are_not_asked_for_where_the_settings_are_for_paper():
    assert entry.run(["run", "--live"]) == 3

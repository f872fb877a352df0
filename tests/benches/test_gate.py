import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benches import gate  # noqa: E402  from the project's root

BASELINE = {"books": 1_000_000, "decoding": 500}


def failed(counted):
    return {each.workload: each.failure for each in gate.judge(BASELINE, counted) if each.failure}


def test_three_per_cent_more_are_allowed_and_not_one_more():
    assert failed({"books": 1_030_000, "decoding": 515}) == {}
    assert failed({"books": 1_030_001, "decoding": 100}) == {"books": "more than +3 %"}


def test_a_workload_without_a_baseline_or_a_baseline_without_a_workload_fails():
    assert failed({"books": 1_000_000, "new": 1}) == {
        "new": "no baseline",
        "decoding": "no such workload any more",
    }


def test_the_table_shows_each_change_and_what_to_do():
    table = gate.table(gate.judge(BASELINE, {"books": 1_100_000, "decoding": 400}))
    books, decoding = table.splitlines()[1:]
    assert books.split(maxsplit=4) == ["books", "1,000,000", "1,100,000", "+10.00%", "more than +3 %"]
    assert decoding.endswith("-20.00%  better: write the baseline anew")


def test_another_compiler_is_named():
    then = {"rustc": "1.95.0", "target": "x86_64-unknown-linux-gnu"}
    found = gate.differences(then, {**then, "rustc": "1.96.0"})
    assert found == ["rustc was '1.95.0' when the baselines were written and is '1.96.0' now"]


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--required"], 1), (["--update"], 1)])
def test_without_valgrind_it_is_skipped_unless_it_is_required(monkeypatch, capsys, arguments, code):
    monkeypatch.setattr(gate.shutil, "which", lambda name: None)
    assert gate.main(arguments) == code
    assert "apt-get install valgrind" in capsys.readouterr().out


def test_every_workload_has_a_committed_baseline():
    source = (ROOT / "rust-core/engine/examples/gate.rs").read_text()
    committed = json.loads(gate.BASELINES.read_text())["instructions"]
    assert all(f'("{name}", ' in source for name in committed)
    assert all(count > 0 for count in committed.values())

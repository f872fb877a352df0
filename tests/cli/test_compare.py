import pytest
from tests.backtesting.backtested import backtested
from tests.backtesting.recorded_run import write_run

from openoutcry.backtesting.run_store import RunStore
from openoutcry.domain.units import atoms_to_text


@pytest.fixture
def backtests(state):
    """Two backtests in the store: their folders and results."""
    with RunStore(state) as store:
        return [(store.save(result), result) for result, _ in (backtested(fast=5), backtested(fast=6))]


def test_the_same_backtest_differs_in_nothing(oo, backtests):
    name = backtests[0][0].name
    called = oo("compare", name, name)
    assert called.code == 0
    assert "they traded the same" in called.out


def test_two_backtests_are_explained_to_the_last_atom(oo, backtests):
    (left, mine), (right, other) = backtests
    told = oo("compare", left.name[:9], right, "--json")
    assert told.code == 1
    found = told.result
    assert found["net_atoms"] == other.net_atoms - mine.net_atoms == sum(found["effects_atoms"].values())
    assert found["effects_atoms"]["unexplained"] == 0
    assert not found["same"]
    shown = oo("compare", left.name, right.name)
    assert shown.code == 1
    assert atoms_to_text(found["net_atoms"]) in shown.out
    assert f"{len(found['differences'])} orders differ" in shown.out
    assert "--all" in shown.out


def test_a_run_with_journals_is_compared_by_its_folder(oo, tmp_path):
    folder = write_run(tmp_path / "runs").run_dir
    told = oo("compare", folder, folder, "--json")
    assert told.code == 0
    assert told.result["left"]["mode"] == "paper"
    assert told.result["matched"] == 2


def test_a_run_that_is_not_there_is_wrong_usage(oo, backtests):
    called = oo("compare", backtests[0][0].name, "b-ffff", "--json")
    assert called.code == 2
    assert "b-ffff" in called.error["message"]


def test_a_backtest_has_a_report(oo, backtests):
    folder, result = backtests[0]
    told = oo("report", folder.name, "--json").result
    assert told["net"] == atoms_to_text(result.net_atoms)
    page = (folder / "report.html").read_text()
    assert told["report_path"] == str(folder / "report.html")
    assert folder.name in page
    shown = oo("report", folder.name)
    assert shown.code == 0
    assert shown.out.startswith(told["verdict"]["line"][:30])

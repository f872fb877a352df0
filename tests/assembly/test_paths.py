import stat

import pytest

from openoutcry.assembly.paths import (
    RunRecord,
    create_run,
    end_record,
    find_run,
    halt_latch,
    new_run_id,
    read_record,
    state_dir,
    write_record,
)
from openoutcry.assembly.settings import load_settings
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.units import NS_PER_S


def test_the_state_folder_is_what_is_given_then_the_variable_then_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_STATE_DIR", str(tmp_path / "variable"))
    assert state_dir(tmp_path) == tmp_path
    assert state_dir() == tmp_path / "variable"
    monkeypatch.delenv("OPENOUTCRY_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_dir() == tmp_path / "openoutcry"


def test_a_run_is_private_and_latest_points_at_it(tmp_path):
    create_run(tmp_path / "state", "r-1")
    paths = create_run(tmp_path / "state", "r-2")
    assert stat.S_IMODE(paths.run_dir.stat().st_mode) == 0o700
    assert find_run(tmp_path / "state") == paths
    assert find_run(tmp_path / "state", "r-1").run_id == "r-1"
    with pytest.raises(InvalidInputError, match="already a run"):
        create_run(tmp_path / "state", "r-2")


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "A", "-a", "a" * 64, "latest\n"])
def test_a_run_id_that_is_no_plain_name_is_refused(tmp_path, run_id):
    with pytest.raises(InvalidInputError, match="run id"):
        create_run(tmp_path, run_id)


def test_a_run_is_found_by_the_beginning_of_its_name_or_its_folder(tmp_path):
    for name in ("r-aa1", "r-aa2", "r-b"):
        write_record(create_run(tmp_path, name), RunRecord(run_id=name, pid=1, mode="paper", started_ns=1))
    assert find_run(tmp_path, "r-b").run_id == "r-b"
    assert find_run(tmp_path, str(tmp_path / "runs" / "r-aa1")).run_id == "r-aa1"
    with pytest.raises(InvalidInputError, match="2 runs begin"):
        find_run(tmp_path, "r-aa")
    with pytest.raises(InvalidInputError, match="did you mean 'r-aa2'"):
        find_run(tmp_path, "q-aa2")
    with pytest.raises(MissingDataError, match="no run"):
        find_run(tmp_path / "elsewhere")


def test_a_run_id_is_its_moment():
    assert new_run_id(1_723_161_660 * NS_PER_S).startswith("r-20240809-000100-")


def test_a_record_is_written_whole_and_ended_once(tmp_path):
    paths = create_run(tmp_path, "r-1")
    with pytest.raises(MissingDataError, match=r"run\.json"):
        read_record(paths)
    record = RunRecord(run_id="r-1", pid=1, mode="paper", started_ns=1, seed=3)
    write_record(paths, record)
    ended = end_record(paths, ended_ns=2, outcome="done", summary={"fills": 1})
    assert read_record(paths) == ended
    assert (ended.seed, ended.ended_ns, ended.summary) == (3, 2, {"fills": 1})
    assert [path.name for path in paths.run_dir.iterdir()] == ["run.json"]


def test_a_state_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="--state-dir"):
        create_run(tmp_path / "file", "r-1")


def test_the_halt_of_a_deployment_lies_above_its_runs(tmp_path):
    latch = halt_latch(load_settings(None, {"paths.state_dir": str(tmp_path)}))
    latch.arm("test", "me", 1)
    assert (tmp_path / "halt.json").is_file()

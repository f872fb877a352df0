"""A search can be repeated, interrupted and spread over processes, and nothing of it changes."""

import importlib.util
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from tests.backtesting.optimise.searching import REQUEST

from openoutcry.backtesting.optimise.engine import InProcess, Processes
from openoutcry.backtesting.optimise.evaluation import columns_of
from openoutcry.backtesting.optimise.optimisation import optimise, plan_of
from openoutcry.backtesting.optimise.proposals import BATCH, stage_of
from openoutcry.backtesting.optimise.study import choose, search
from openoutcry.backtesting.optimise.study_store import StudyStore
from openoutcry.backtesting.run_store import RunStore
from openoutcry.domain.errors import InvalidInputError, OpenOutcryError

ROOT = Path(__file__).resolve().parents[3]


def searched(made, state, series, request=REQUEST, engine=None):
    """The plan and its trials."""
    plan, _ = plan_of(request, [made.market(series)], made.settings())
    engine = engine or InProcess(plan.problem, columns_of([made.market(series)]))
    with RunStore(state) as runs, StudyStore(state) as studies:
        return plan, search(
            plan, request.trials, engine=engine, studies=studies, runs=runs, tell=lambda _: None
        )


def start(state, jobs, trials, killed_after=0, engine="local"):
    module = "tests.backtesting.optimise.searching"
    arguments = [sys.executable, "-m", module, state, engine, str(jobs), str(trials), str(killed_after)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)


def test_a_search_that_was_killed_goes_on_to_what_it_would_have_found(tmp_path):
    whole = start(tmp_path / "whole", 2, 40)
    assert whole.returncode == 0, whole.stderr
    killed = start(tmp_path / "killed", 2, 40, killed_after=23)
    assert killed.returncode == -signal.SIGKILL
    with sqlite3.connect(tmp_path / "killed/backtests/studies.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (23,)
    resumed = start(tmp_path / "killed", 2, 40)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["told"] == list(range(40))
    assert resumed.stdout == whole.stdout
    databases = [tmp_path / name / "backtests/studies.sqlite" for name in ("whole", "killed")]
    trials = []
    for path in databases:
        with sqlite3.connect(path) as connection:
            trials.append(connection.execute("SELECT * FROM trials ORDER BY number").fetchall())
    assert len(trials[0]) == 40
    assert trials[0] == trials[1]


def test_the_workers_of_a_search_that_was_killed_end(made, tmp_path):
    code = (
        "import os, signal, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from tests.backtesting.optimise import markets\n"
        "from openoutcry.backtesting.optimise.engine import Processes\n"
        "from openoutcry.backtesting.optimise.evaluation import columns_of\n"
        "from openoutcry.backtesting.optimise.optimisation import Request, plan_of\n"
        "if __name__ == '__main__':\n"
        "    series = markets.walk_of(1)\n"
        "    request, given = Request(strategy='sma_cross'), [markets.market_of(series)]\n"
        "    plan, _ = plan_of(request, given, markets.settings_of())\n"
        "    engine = Processes(plan.problem, columns_of(given), 2)\n"
        "    list(engine.run([{'fast': 5, 'warmup': 30 + n} for n in range(4)]))\n"
        "    print(*engine._pool._processes, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    killed = subprocess.run(
        [sys.executable, script, ROOT], capture_output=True, text=True, timeout=100, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    workers = [psutil.Process(int(pid)) for pid in killed.stdout.split() if psutil.pid_exists(int(pid))]
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def test_one_process_and_two_find_the_same(made, tmp_path):
    series = made.walk(11)
    plan, alone = searched(made, tmp_path / "1", series)
    engine = Processes(plan.problem, columns_of([made.market(series)]), 2)
    try:
        _, together = searched(made, tmp_path / "2", series, engine=engine)
    finally:
        engine.close()
    assert alone == together
    assert len({trial.outcome.returns for trial in alone}) > 20


def test_a_ray_cluster_of_two_processes_finds_the_same(tmp_path):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs the extra `ray`, which is not installed here")
    local, cluster = (start(tmp_path / name, 2, 12, engine=name) for name in ("local", "ray"))
    assert local.returncode == 0, local.stderr
    assert cluster.returncode == 0, cluster.stderr
    assert cluster.stdout == local.stdout


def test_without_ray_its_engine_says_how_to_get_it(tmp_path):
    if importlib.util.find_spec("ray") is not None:
        pytest.skip("Ray is installed here")
    refused = start(tmp_path, 2, 12, engine="ray")
    assert refused.returncode == 1
    assert "pip install 'openoutcry[ray]'" in refused.stderr


def test_another_seed_searches_elsewhere(made, tmp_path):
    series = made.walk(11)
    _, trials = searched(made, tmp_path / "1", series)
    _, others = searched(made, tmp_path / "2", series, msgspec.structs.replace(REQUEST, seed=8))
    assert trials[0].parameters == {"fast": 20, "warmup": 100} == others[0].parameters  # as it is
    assert [each.parameters for each in trials[1:]] != [each.parameters for each in others[1:]]


def test_more_trials_go_on_with_those_there_are(made, tmp_path):
    series = made.walk(11)
    _, few = searched(made, tmp_path, series, msgspec.structs.replace(REQUEST, trials=13))
    _, more = searched(made, tmp_path, series)
    _, once = searched(made, tmp_path / "once", series)
    assert more[:13] == few
    assert more == once


@pytest.mark.parametrize("window", [0, 1])
def test_what_a_window_chooses_does_not_depend_on_what_comes_after_its_training(made, tmp_path, window):
    series = made.walk(11)
    plan, trials = searched(made, tmp_path / "1", series)
    trained_rows = int(plan.splits[window].train[-1]) + 1
    changed = made.walk(11, changed_from=trained_rows * 24)
    other_plan, others = searched(made, tmp_path / "2", changed)
    assert [split.train.tolist() for split in plan.splits] == [s.train.tolist() for s in other_plan.splits]
    known = [trial.number for trial in trials if stage_of(trial.number, 3) <= window]
    for number in known:
        assert trials[number].parameters == others[number].parameters
        before, after = trials[number].returns, others[number].returns
        assert np.array_equal(before[:trained_rows], after[:trained_rows])
    for each in range(window + 1):
        assert choose(plan, trials, each).number == choose(other_plan, others, each).number
    # Later stages were told of the change: the trials' first halves alone do not make this test pass.
    later = [number for number in range(BATCH, 40) if number not in known]
    assert any(trials[number].parameters != others[number].parameters for number in later)
    assert any(
        not np.array_equal(one.returns, other.returns) for one, other in zip(trials, others, strict=True)
    )


def test_windows_do_not_overlap_and_leave_the_warm_up_out(made):
    series = made.walk(11)
    plan, times_ns = plan_of(REQUEST, [made.market(series)], made.settings())
    assert len(times_ns) == 120
    tested = [row for split in plan.splits for row in split.test.tolist()]
    assert tested == list(range(tested[0], 120))
    for split in plan.splits:
        assert split.test[0] - split.train[-1] - 1 == -(-200 // 24)  # days of the longest warm-up


def test_refused_trials_are_counted_as_such_and_the_rest_is_found(made, tmp_path):
    series = made.walk(11)
    request = msgspec.structs.replace(REQUEST, ranges=("fast=3:60", "warmup=20:40"), study="")
    found = optimise(request, [made.market(series)], made.settings(), state=tmp_path, tell=lambda *_: None)
    assert found.trials == 40
    assert 0 < found.refused < 40
    with RunStore(tmp_path) as runs:
        tried = runs.trials_of("sma-cross", made.record(series).sha256)
        assert len(tried) == found.tried <= 40 - found.refused
        assert {row.study for row in tried} == {found.study}
        kept = runs.load(found.run_id)
    assert kept.net_atoms == found.out_of_sample.net_atoms
    assert found.best["fast"] < found.best["warmup"]


def test_a_strategy_that_refuses_all_is_an_error(made, tmp_path):
    request = msgspec.structs.replace(REQUEST, ranges=("fast=50:60", "warmup=20:40"))
    with pytest.raises(InvalidInputError, match=r"no trial could be run: .*fast.*warmup"):
        searched(made, tmp_path, made.walk(11), request)


def test_a_study_by_the_same_name_about_something_else_is_refused(made, tmp_path):
    series = made.walk(11)
    searched(made, tmp_path, series, msgspec.structs.replace(REQUEST, trials=1))
    with pytest.raises(InvalidInputError, match=r"another objective, seed\)"):
        searched(made, tmp_path, series, msgspec.structs.replace(REQUEST, seed=8, objective="net"))


def test_a_strategy_that_fails_is_named_with_its_parameters(made, tmp_path):
    series = made.walk(11)
    plan, _ = plan_of(REQUEST, [made.market(series)], made.settings())
    broken = columns_of([made.market(series)]).astype(np.float64)[:, :50]
    broken[4] = np.nan  # a market without closes
    with pytest.raises(OpenOutcryError, match=r"sma-cross failed with .*'fast'.*NaN"):
        searched(made, tmp_path, series, engine=InProcess(plan.problem, broken))

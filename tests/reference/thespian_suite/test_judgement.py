"""The judge is judged: it finds what is worse, says it by name, and leaves nothing behind."""

import time
from types import SimpleNamespace

import one_host
import pytest
from judgement import SHOWN_MAX, explained, summary, worse_than
from suite_run import FAILED, PASSED, SKIPPED, STOCK_BASE, SuiteRun

WAIT_S = 60
CONVENTION = next(iter(one_host.EXCLUDED))


@pytest.mark.parametrize("ours", [{"a": (FAILED, "no")}, {"a": (SKIPPED, "unfit")}, {}])
def test_what_the_stock_base_passes_must_be_passed(ours):
    assert worse_than({"a": (PASSED, "")}, ours) == ["a"]


def test_what_the_stock_base_does_not_pass_is_not_asked():
    stock = {"a": (FAILED, "no"), "b": (SKIPPED, "unfit"), "c": (PASSED, "")}
    assert worse_than(stock, {"a": (FAILED, "no"), "c": (PASSED, "")}) == []


def test_each_worse_test_is_named_and_the_first_are_explained():
    worse = [f"test_{i}" for i in range(SHOWN_MAX + 1)]
    text = explained(worse, {test: (FAILED, f"because {test}") for test in worse})
    assert all(test in text for test in worse)
    assert [f"because {test}" in text for test in worse] == [True] * SHOWN_MAX + [False]


def test_a_summary_counts_what_ran():
    outcomes = {"a": (PASSED, ""), "b": (FAILED, "no"), "c": (SKIPPED, "unfit")}
    assert summary("ours", outcomes) == "ours 1/2 (1 skipped)"


def joining():
    similar_asys(None, in_convention=True)  # noqa: F821  its source is read, it is never called


def staying():
    similar_asys(None, in_convention=False)  # noqa: F821  as above


def item(test_id, function):
    return SimpleNamespace(
        nodeid=test_id,
        function=function,
        fixturenames=["asys"],
        _fixtureinfo=SimpleNamespace(name2fixturedefs={}),
    )


def test_only_a_test_that_joins_systems_may_stay_out_and_it_must():
    kept, left_out = item("a", staying), item(f"{CONVENTION}b", joining)
    assert one_host.select([kept, left_out]) == [kept]
    with pytest.raises(pytest.UsageError, match="'a'"):
        one_host.select([item("a", joining)])
    with pytest.raises(pytest.UsageError, match="joins no systems"):
        one_host.select([item(f"{CONVENTION}b", staying)])


def test_a_run_that_finds_no_test_is_an_error(tmp_path):
    with SuiteRun(STOCK_BASE, "thespian/test/absent.py", folder=tmp_path) as run:
        assert run.wait(WAIT_S) != 0
        with pytest.raises(AssertionError, match="no test was found"):
            run.outcomes()


def test_a_run_that_is_broken_off_counts_as_failed_and_leaves_no_process(tmp_path):
    with SuiteRun(STOCK_BASE, "thespian/test/test_troupe.py", folder=tmp_path) as run:
        deadline = time.monotonic() + WAIT_S
        while len(run.alive()) < 3:  # its pytest, an admin, a logger
            assert time.monotonic() < deadline, "no actor system was started"
    assert run.alive() == []
    assert {outcome for outcome, _ in run.outcomes().values()} == {FAILED}

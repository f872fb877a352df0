"""Thespian's own tests judge our base: what stock TCP passes in the same run, ours passes."""

import sys

import pytest
from judgement import explained, passed, summary, worse_than
from suite_run import OUR_BASE, RUN_MAX_S, STOCK_BASE, SuiteRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * RUN_MAX_S)]

STOCK_PASSES_MIN = 250  # of 280: a control that passes less measures nothing
DEAD_LETTER_TESTS = 10
AGAIN_MAX = 20  # so many failures may be the machine's; more are the base's
BIG_MESSAGES = "thespian/test/test_bigmessages.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both bases at the same time; then ours alone where it failed, for their tests wait by sleeping."""
    with (
        SuiteRun(STOCK_BASE, folder=tmp_path_factory.mktemp(STOCK_BASE)) as stock_run,
        SuiteRun(OUR_BASE, folder=tmp_path_factory.mktemp(OUR_BASE)) as our_run,
    ):
        stock_run.wait(RUN_MAX_S)
        our_run.wait(RUN_MAX_S)
        left_behind = our_run.left_behind()
        stock, ours = stock_run.outcomes(), our_run.outcomes()
    again = worse_than(stock, ours)
    if 0 < len(again) <= AGAIN_MAX:
        with SuiteRun(OUR_BASE, *again, folder=tmp_path_factory.mktemp(OUR_BASE)) as run:
            run.wait(RUN_MAX_S)
            left_behind += run.left_behind()
            ours |= run.outcomes()
    line = f"{summary('stock TCP', stock)}, {summary('ours', ours)}, ours run again: {len(again)}"
    return stock, ours, left_behind, line


def test_what_stock_tcp_passes_ours_passes(runs, capsys):
    stock, ours, _, line = runs
    with capsys.disabled():
        sys.stdout.write(f" {line} ")
    assert len(passed(stock)) >= STOCK_PASSES_MIN, summary(STOCK_BASE, stock)
    worse = worse_than(stock, ours)
    assert not worse, explained(worse, ours)


def test_the_dead_letter_tests_are_among_them(runs):
    _, ours, _, _ = runs
    dead_letters = {test: outcome for test, outcome in ours.items() if "test_deadLettering.py" in test}
    assert len(passed(dead_letters)) == DEAD_LETTER_TESTS, dead_letters


def test_our_base_leaves_no_process_behind(runs):
    _, _, left_behind, _ = runs
    assert left_behind == []


def test_a_worse_base_is_found_to_be_worse(runs, tmp_path):
    """UDP cannot carry a big message."""
    stock, _, _, _ = runs
    with SuiteRun("multiprocUDPBase", BIG_MESSAGES, folder=tmp_path) as run:
        run.wait(RUN_MAX_S)
        udp = run.outcomes()
    asked = {test: outcome for test, outcome in stock.items() if test.startswith(BIG_MESSAGES)}
    assert len(worse_than(asked, udp)) >= 6

import msgspec
import numpy as np
import pytest
from tests.backtesting.test_run_store import result_of

from openoutcry.backtesting.run_store import RunStore, row_of
from openoutcry.backtesting.saved_runs import judged_again, keep
from openoutcry.backtesting.statistics.returns import returns_of_curve
from openoutcry.backtesting.statistics.sharpe import deflated_sharpe, moments_of, sharpe_ratios
from openoutcry.backtesting.trial_count import trials_with


def returns(result):
    return returns_of_curve(result.curve, result.opening_atoms).values


def test_the_first_try_is_not_deflated(tmp_path):
    with RunStore(tmp_path) as store:
        trials = trials_with(store, row_of(result_of()))
    assert (trials.count, trials.deflated) == (1, None)


def test_it_is_deflated_by_all_that_was_tried_and_by_how_they_deviate(tmp_path):
    results = [result_of(fast=fast) for fast in range(5)]
    with RunStore(tmp_path) as store:
        store.add([row_of(each, "trial") for each in results[:3]])
        store.save(results[3])
        store.save(result_of(fast=3, seed=9))  # another seed is no new try
        trials = trials_with(store, row_of(results[4]))
        store.save(results[4])
        again = trials_with(store, row_of(results[4]))
    assert trials == again  # kept or not, it counts once
    assert trials.count == 5
    deviation = float(np.std([float(sharpe_ratios(returns(each))) for each in results], ddof=1))
    assert trials.deflated == pytest.approx(deflated_sharpe(moments_of(returns(results[4])), 5, deviation))


def test_tries_over_other_periods_count_and_do_not_deviate(tmp_path):
    with RunStore(tmp_path) as store:
        hourly = msgspec.structs.replace(row_of(result_of(fast=1)), run_id="b-1", period_ns=1, sharpe=99.0)
        store.add([hourly])
        trials = trials_with(store, row_of(result_of()))
    assert trials.count == 2
    assert trials.deflated == pytest.approx(deflated_sharpe(moments_of(returns(result_of())), 2))


def test_what_never_varied_is_counted(tmp_path):
    with RunStore(tmp_path) as store:
        store.save(result_of(fast=1))
        flat = msgspec.structs.replace(row_of(result_of()), sharpe=None, skew=None, kurtosis=None)
        assert (trials_with(store, flat).count, trials_with(store, flat).deflated) == (2, None)


def test_the_verdict_that_is_kept_says_after_how_many_trials(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_STATE_DIR", str(tmp_path))
    results = [result_of(fast=fast) for fast in range(12)]
    judgements = [keep(each, None)[0] for each in results]
    assert [each.trials.count for each in judgements] == list(range(1, 13))
    doubted = [each for each in judgements[1:] if each.trials.deflated < 0.95]
    assert doubted
    for each in doubted:
        assert f"after {each.trials.count} trials: not significant" in each.verdict.line
    with RunStore(tmp_path) as store:
        assert store.find(judgements[-1].result.run_id).verdict == judgements[-1].verdict.line
    first = judged_again(judgements[0].result, None)
    assert first.trials.count == 12  # what came later counts as well


def test_the_result_of_a_search_is_not_deflated_again(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENOUTCRY_STATE_DIR", str(tmp_path))
    found = result_of(parameters={"from": {}})
    with RunStore(tmp_path) as store:
        store.add([row_of(result_of(fast=fast), "trial") for fast in range(5)])
        store.save(found, "walk-forward")
    assert judged_again(found, None).trials.deflated is None

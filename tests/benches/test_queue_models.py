import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from benches.queue_models.__main__ import FIRST_HALF_S
from benches.queue_models.replay import NS_PER_S, ROOT, TOUCH, Phantoms, Plan, agreement, phantoms
from benches.queue_models.scores import brier, fit, groups, reliability, score
from benches.queue_models.table import horizon

RECORDING = ROOT.parent / "shared" / "data" / "lobster_l3_2012"
COUNT = 1_000


def made(bias=0.0, seed=3):
    """Phantoms of which half are filled within 40 s; the model `odd` fills so many of the rest as well."""
    random = np.random.default_rng(seed)
    truth = np.where(random.random(COUNT) < 0.5, random.integers(0, 40 * NS_PER_S, COUNT), -1)
    early = np.where((truth < 0) & (random.random(COUNT) < bias), NS_PER_S, truth)
    touched = np.where(truth < 0, 2 * NS_PER_S, truth)
    return Phantoms(
        at_ns=np.sort(random.integers(0, 10_000 * NS_PER_S, COUNT)),
        depth=random.integers(0, 3, COUNT),
        ahead=random.integers(1, 1_000, COUNT),
        has_left_view=np.zeros(COUNT, dtype=np.bool_),
        cause=(truth >= 0).astype(np.int64),
        came_at_price=np.ones(COUNT, dtype=np.bool_),
        first_ns={"truth": truth, "exact": truth, "odd": early, "never": np.full(COUNT, -1), TOUCH: touched},
        whole_ns={"truth": truth, "exact": truth, "odd": early, "never": np.full(COUNT, -1)},
    )


def test_a_model_that_is_right_has_no_error():
    found = score(made(), "exact", 60)
    assert (found.bias, found.bias_low, found.bias_high, found.false_fills, found.missed_fills) == (0,) * 5
    assert (found.median_error_s, found.p90_error_s, found.whole_bias) == (0, 0, 0)
    assert found.brier == found.brier_floor < 0.25


def test_false_fills_and_their_interval_are_counted():
    study = made(bias=0.2)
    found = score(study, "odd", 60)
    truth, filled = study.first_ns["truth"] >= 0, study.first_ns["odd"] >= 0
    assert (
        found.bias == pytest.approx(100 * (filled.mean() - truth.mean())) == pytest.approx(found.false_fills)
    )
    assert found.bias_low < found.bias < found.bias_high
    assert found.missed_fills == 0
    assert found.median_error_s < 0
    assert found.brier > found.brier_floor


def test_missed_fills_and_where_the_queue_decides():
    study = made()
    found = score(study, "never", 60)
    share = 100 * (study.first_ns["truth"] >= 0).mean()
    assert found.missed_fills == pytest.approx(share) == pytest.approx(-found.bias)
    assert np.isnan(found.median_error_s)
    half = replace(study, came_at_price=study.first_ns["truth"] >= 0)
    assert score(half, "never", 60).queue_bias == -100
    assert score(half, "never", 60).queue_truth == 100


def test_a_horizon_cuts_off_what_comes_later():
    study = made()
    shorter, times_ns = score(study, "exact", 10), study.first_ns["truth"]
    assert shorter.truth == 100 * ((times_ns >= 0) & (times_ns <= 10 * NS_PER_S)).mean()
    assert 0 < shorter.truth < score(study, "exact", 60).truth


def test_the_candidate_with_the_least_bias_is_fitted():
    fitted = fit(made(bias=0.2), ["never", "odd", "exact"], [10, 60])
    assert (fitted.model, fitted.loss) == ("exact", 0)


def test_a_forecast_of_a_group_is_its_share():
    group = np.array([0, 0, 1, 1])
    truth = np.array([True, False, True, True])
    assert brier(truth, truth, group) == pytest.approx((0.25 + 0.25) / 4)
    assert brier(~truth, truth, group) == pytest.approx((0.25 + 0.25 + 1 + 1) / 4)
    assert len(np.unique(groups(made()))) == 30


def test_rates_are_told_by_the_queue_that_was_joined():
    rows = reliability(made(), ["exact"], 60)
    assert sum(row["phantoms"] for row in rows) == COUNT
    assert all(row["truth"] == row["exact"] for row in rows)


def test_the_table_has_a_row_a_model_and_the_interval():
    study = made(bias=0.1)
    scores = [asdict(score(study, model, 60)) for model in ("exact", "odd")]
    found = {
        "scores": scores,
        "fitted": {"power": {"model": "odd"}},
        "best": "odd",
        "intervals": [{"horizon_s": 60, "low": 10.0, "high": 60.0, "truth": 50.0}],
    }
    text = "\n".join(horizon(found, 60))
    assert "| exact |" in text
    assert "| odd (fitted) |" in text
    assert "the truth is in it" in text


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_slice_of_the_study_is_the_same_again_and_its_truth_agrees_with_real_orders():
    if not Path(RECORDING).is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo, which builds the replay")
    plan = Plan(seed=5, count=500, from_s=FIRST_HALF_S[0] + 1_800, to_s=FIRST_HALF_S[0] + 3_600, stay_s=60)
    models = ["risk-averse", "power:1"]
    first, again = (phantoms(RECORDING, plan, models) for _ in range(2))
    assert len(first) == 500
    assert all((first.first_ns[name] == again.first_ns[name]).all() for name in first.first_ns)
    assert score(first, "risk-averse", 60).false_fills == 0
    assert score(first, TOUCH, 60).missed_fills == 0
    real = agreement(RECORDING, plan)
    assert min(real["traded"], real["withdrawn"]) > 100
    assert real["traded_agree"] >= 0.999 * real["traded"]
    assert real["withdrawn_agree"] >= 0.999 * real["withdrawn"]

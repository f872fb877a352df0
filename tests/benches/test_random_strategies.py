import json
from pathlib import Path

import numpy as np
import pytest
from benches.random_strategies import (
    CANDLES_PER_DAY,
    KINDS,
    Kind,
    candle_returns,
    daily_returns,
    family_of,
    flips,
    judge_family,
    markdown,
    study,
    with_skill,
)

from openoutcry.backtesting.statistics.sharpe import sharpe_ratios

CANDLES = Path(__file__).parents[3] / "shared" / "data" / "candles"
RECORDED = np.random.default_rng(4).standard_t(4, 20_000) * 0.001
LONG_OR_SHORT = KINDS[0]


def in_silence(work, _what):
    return iter(work)


def test_an_account_is_compounded_candle_by_candle_and_pays_for_each_turn():
    market = np.zeros(CANDLES_PER_DAY)
    market[:3] = (0.01, 0.02, -0.01)
    sides = np.zeros((CANDLES_PER_DAY, 1), dtype=int)
    sides[1:] = 1  # short over the first candle, long after it
    (day,) = daily_returns(market, sides, Kind("", (-1.0, 1.0), 0.001))[:, 0]
    assert day == pytest.approx((1 - 0.01 - 0.001) * (1 + 0.02 - 0.002) * (1 - 0.01) - 1)


def test_coins_are_held_as_long_as_is_said():
    turns = np.abs(np.diff(flips(np.random.default_rng(2), 50_000, 30), axis=0)).mean(axis=0)
    assert 0.5 / turns[::3].mean() == pytest.approx(12, rel=0.05)
    assert 0.5 / turns[2::3].mean() == pytest.approx(288, rel=0.1)


def test_the_same_seed_gives_the_same_family_and_fees_cost():
    one, again, other = (family_of(RECORDED, (seed, 0), 30, 8)[0] for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
    assert (one[1] <= one[0]).all()


def test_coins_flipped_in_one_market_do_not_hang_together():
    """Else a family of 100 would not be 100 trials."""
    returns = family_of(RECORDED, (3, 0), 200, 40, [LONG_OR_SHORT])[0][0]
    pairs = np.corrcoef(returns.T)[np.triu_indices(40, 1)]
    assert abs(pairs.mean()) < 0.02


def test_planted_skill_is_the_skill_that_was_said():
    returns = family_of(RECORDED, (5, 0), 60, 4, [LONG_OR_SHORT])[0][0]
    added = (sharpe_ratios(with_skill(returns, 6.0)) - sharpe_ratios(returns)) * 365**0.5
    assert added == pytest.approx([6.0, 0.0, 0.0, 0.0])


def small_study(recorded):
    report = study(recorded, 12, 40, 90, seed=1, progress=in_silence)
    for name, row in report["kinds"].items():
        if "flat" not in name or "beside" in name:  # against cash a rising market's holders have something
            assert row["best_deflated"] <= 0.05, name
    luck, skill = report["kinds"][LONG_OR_SHORT.name], report["planted"]["8.0"]
    assert luck["single_deflated"] <= 0.05
    assert 0.02 < luck["single"] < 0.09  # alone, each is judged as promised
    assert luck["best"] > 0.5  # but somebody shows the best only
    assert skill["best_deflated"] > luck["best_deflated"]
    assert skill["overfitting"] < luck["overfitting"]
    return report


def test_the_deflated_sharpe_takes_no_luck_for_skill_where_the_naive_test_does():
    report = small_study([RECORDED])
    assert json.loads(json.dumps(report)) == report
    assert "| long or short, no fees |" in markdown(report)


@pytest.mark.data
def test_on_recorded_candles_too():
    if not CANDLES.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    paths = sorted(CANDLES.glob("*_5m_*.parquet"))
    small_study([candle_returns(path) for path in paths[:2]])


def test_a_test_that_is_sure_of_everything_would_be_seen():
    """The judge counts what it is given: a family of winners is flagged as a whole."""
    winners = np.random.default_rng(1).normal(0.01, 0.01, (100, 10))
    found = judge_family(winners)
    assert all(found["single"])
    assert found["best_deflated"]

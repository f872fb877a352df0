import math

import numpy as np
import pytest

from openoutcry.backtesting.optimise.objective import OBJECTIVES, score


def test_each_objective_is_what_it_says():
    returns = np.array([0.1, -0.5, 0.2])
    total = 1.1 * 0.5 * 1.2 - 1
    assert score(returns, "net") == pytest.approx(total)
    assert score(returns, "calmar") == pytest.approx(total / 0.5)
    assert score(returns, "sharpe") == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert score(returns, "sortino") == pytest.approx(returns.mean() / math.sqrt(0.25 / 3))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_never_trades_scores_0_and_what_wins_more_scores_more(objective):
    assert score(np.zeros(10), objective) == 0
    gains = np.array([0.01, 0.02, 0.01, 0.03])
    assert 0 < score(gains - 0.005, objective) < math.inf
    assert score(gains - 0.015, objective) < score(gains, objective)
    assert score(np.array([0.01, -0.03, 0.005]), objective) < 0

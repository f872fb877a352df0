"""What makes one trial better than another: a number from its returns, after fees."""

import math
from typing import Final, Literal, get_args

import numpy as np

from openoutcry.backtesting.statistics.bootstrap import max_drawdowns, total_returns
from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.backtesting.statistics.sharpe import sharpe_ratios

Objective = Literal["sharpe", "net", "sortino", "calmar"]
OBJECTIVES: Final[tuple[Objective, ...]] = get_args(Objective)
# Below them a ratio says only that there was hardly a trade.
LEAST_DRAWDOWN: Final = 1e-4
LEAST_LOSS: Final = 1e-6


def annual_score(score: float, objective: Objective, periods_per_year: float) -> float:
    """A score as people know it: ratios of a mean to a deviation are told for a year, not for a period."""
    return score * math.sqrt(periods_per_year) if objective in {"sharpe", "sortino"} else score


def score(returns: Floats, objective: Objective) -> float:
    """How good returns (one a period) are; more is better, and 0 is what never trades.

    `sharpe`: mean by deviation, per period. `sortino`: mean by the root mean square of the losses, per
    period. `net`: what they compound to, as a share. `calmar`: that by the deepest drawdown.
    """
    if len(returns) < 2 or np.ptp(returns) == 0:  # noqa: PLR2004  a deviation needs two
        return float(total_returns(returns)) if objective == "net" else 0.0
    if objective == "sharpe":
        return float(sharpe_ratios(returns))
    if objective == "sortino":
        losses = float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2)))
        return float(returns.mean()) / max(losses, LEAST_LOSS)
    total = float(total_returns(returns))
    if objective == "net":
        return total
    return total / max(float(max_drawdowns(returns[:, None])[0]), LEAST_DRAWDOWN)

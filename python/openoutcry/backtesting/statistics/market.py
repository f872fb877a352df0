"""What of a result is the market's: who holds while prices rise earns without skill."""

from typing import Final

import numpy as np

from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.domain.errors import InvalidInputError

ALIKE: Final = 1e-9  # of the variance: what is left then is rounding


def betas(returns: Floats, market: Floats) -> Floats:
    """How much of the market's returns each column (or the one row) had: covariance by the market's variance.

    NaN where the market does not vary. Source: Sharpe (1964), J. of Finance 19(3); cash earns nothing here.

    Raises:
        InvalidInputError: the two are of different lengths.
    """
    if len(returns) != len(market):
        raise InvalidInputError(
            f"{len(returns)} periods cannot be compared with {len(market)} of the market; take the same times"
        )
    around = market - market.mean()
    spread = float(around @ around)
    together = around @ (returns - returns.mean(axis=0))
    return np.asarray(together / spread) if spread > 0 else np.full_like(together, np.nan)


def market_free(returns: Floats, market: Floats) -> Floats:
    """The returns less the market's part, r - beta m: their mean is the alpha, which nobody earns by holding.

    Zeros where nothing but the market's part was there. As it was where the market did not vary.

    Raises:
        InvalidInputError: as `betas`.
    """
    beta = np.nan_to_num(betas(returns, market), nan=0.0)
    free = returns - market.reshape(-1, *[1] * (returns.ndim - 1)) * beta
    moved = free.var(axis=0) > ALIKE * returns.var(axis=0)
    return np.asarray(np.where(moved, free, 0.0))

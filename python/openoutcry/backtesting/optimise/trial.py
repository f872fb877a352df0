"""A trial: the proposed parameters, and what their backtest came to."""

from typing import Any

import msgspec
import numpy as np

from openoutcry.backtesting.run_store import RunRow
from openoutcry.backtesting.statistics.returns import Floats

Parameters = dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of parameters: returns a period as bytes of float64 and the row of the run store.

    `refused` is why the strategy cannot have these parameters; there is nothing else then.
    """

    refused: str = ""
    returns: bytes = b""
    row: RunRow | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A trial of a study. `parameters` are those searched, without the fixed ones."""

    number: int
    parameters: Parameters
    outcome: Outcome

    @property
    def is_refused(self) -> bool:
        """Whether the strategy cannot have these parameters."""
        return bool(self.outcome.refused)

    @property
    def returns(self) -> Floats:
        """After fees, one a period of the study."""
        return np.frombuffer(self.outcome.returns, dtype=np.float64)

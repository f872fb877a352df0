"""Falls of an account from its highest value before."""

import msgspec
import numpy as np

from openoutcry.backtesting.result import Integers


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall, and the longest time below a former high.

    `share` is of the high before (above 1 where more than all was lost), `atoms` the same fall as an amount.
    Times are of the high, of the low, and of when the high was reached again (None if it never was).
    `longest_ns` is the longest time under water, which may be of another fall, or still go on at the end.
    """

    share: float
    atoms: int
    high_ns: int
    low_ns: int
    recovered_ns: int | None
    longest_ns: int


def drawdown_of(times_ns: Integers, equity_atoms: Integers, opening_atoms: int) -> Drawdown:
    """The deepest fall of an account, the opening included; the first moment stands for the opening's.

    Of falls equally deep the first counts. The curve has one moment at least, and the opening is positive.
    """
    highest = np.maximum(np.maximum.accumulate(equity_atoms), opening_atoms)
    falls = (highest - equity_atoms) / highest
    low = int(np.argmax(falls))
    # When each moment's high was reached: a new high, or the same value again, begins anew.
    at_high = np.where(equity_atoms >= highest, np.arange(len(times_ns)), 0)
    high = np.maximum.accumulate(at_high)
    again = np.flatnonzero(equity_atoms[low:] >= highest[low])
    # A fall ends at the moment that is at its high again, so it is measured to there.
    before = np.concatenate(([0], high[:-1]))
    return Drawdown(
        share=float(falls[low]),
        atoms=int(highest[low] - equity_atoms[low]),
        high_ns=int(times_ns[high[low]]),
        low_ns=int(times_ns[low]),
        recovered_ns=int(times_ns[low + again[0]]) if len(again) and falls[low] > 0 else None,
        longest_ns=_longest(times_ns, falls > 0, before),
    )


def _longest(times_ns: Integers, under: np.ndarray, before: Integers) -> int:
    """The longest time from a high to the moment that is at it again, or to the end."""
    ended = np.concatenate(([False], under[:-1])) | under  # under water now or until now
    return int(np.max(np.where(ended, times_ns - times_ns[before], 0)))

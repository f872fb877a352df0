"""How the members of a combination are weighed by what each would have earned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from openoutcry.memory.candle_window import CandleColumns, Prices
from openoutcry.strategies.strategy import Market, Shares, Strategy

HALF_LIVES: Final = 4  # of the judged candles; the weight of the oldest is 1/16
REGIME_PARTS: Final = 10  # the regime is told from a tenth of the judged candles


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What happened on the judged candles: log returns, closes, and what each member held before each return.

    `held` has a row a member; it is what the member wanted at the candle before, or wanted last.
    """

    close: Prices  # one more than returns
    held: Shares

    @property
    def results(self) -> Shares:
        """What each member would have earned, a row each, without costs."""
        returns: Shares = self.held * np.diff(np.log(self.close))
        return returns


Weighing = Callable[[Record], Shares]


def record_of(members: tuple[Strategy, ...], candles: CandleColumns, judged: int) -> Record:
    """The members' record on the last `judged` candles; members must need nothing but candles."""
    held = np.array([_held(_wishes(member, candles, judged)) for member in members])
    return Record(candles.close[-judged - 1 :], held)


def _wishes(member: Strategy, candles: CandleColumns, judged: int) -> Shares:
    """What a member wanted at each of the judged candles but the newest, NaN for no opinion."""
    shares = member.exposures(candles)
    if shares is not None:
        return shares[-judged - 1 : -1]
    wishes = np.full(judged, np.nan)
    for index in range(judged):
        end = len(candles) - judged - 1 + index + 1
        shown = candles.part(end - member.warmup, end)
        wish = member.observe(Market("", shown, shown.close_ns[-1]))
        wishes[index] = np.nan if wish is None else wish.share  # type: ignore[union-attr]  # they do not quote
    return wishes


def _held(wishes: Shares) -> Shares:
    """Without an opinion what was held stays; nothing before the first."""
    spoke = ~np.isnan(wishes)
    last = np.maximum.accumulate(np.where(spoke, np.arange(len(wishes)), -1))
    return np.where(last >= 0, wishes[last], 0.0)


def by_performance(record: Record) -> Shares:
    """The exponentially weighted mean of a member's results, nothing for those that lost."""
    count = record.held.shape[1]
    ages = np.arange(count)[::-1]
    recent = 0.5 ** (ages * HALF_LIVES / count)
    means: Shares = record.results @ recent / recent.sum()
    return means.clip(0.0)


def by_volatility(record: Record) -> Shares:
    """The inverse of the deviation of a member's results; one that never moved counts as the calmest."""
    deviations = record.results.std(axis=1)
    moved = deviations[deviations > 0]
    if not len(moved):
        return np.zeros(len(deviations))
    inverse: Shares = 1.0 / np.maximum(deviations, moved.min())
    return inverse


def by_regime(record: Record) -> Shares:
    """A member's mean result in candles like the present, trending or not, nothing for those that lost.

    Trending is an efficiency ratio above its median: |change over n candles| / sum of |changes|, n being a
    tenth of the judged candles. Source: Kaufman, Smarter Trading, 1995.
    """
    count = record.held.shape[1]
    span = max(count // REGIME_PARTS, 1)
    moves = np.abs(np.diff(record.close))
    paths = np.convolve(moves, np.ones(span), "valid")
    net = np.abs(record.close[span:] - record.close[:-span])
    ratios = np.divide(net, paths, out=np.zeros_like(net), where=paths > 0)
    trending = ratios > np.median(ratios)
    before = trending[:-1] == trending[-1]  # the regime that was known before each result
    if not before.any():
        return np.zeros(len(record.held))
    means: Shares = record.results[:, -len(before) :][:, before].mean(axis=1)
    return means.clip(0.0)


WEIGHTINGS: Final[Mapping[str, Weighing]] = {
    "performance": by_performance,
    "volatility": by_volatility,
    "regime": by_regime,
}

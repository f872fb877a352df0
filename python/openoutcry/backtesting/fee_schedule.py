"""A venue's fees by tiers of what was traded, for venues that are not the simulator (which has its own)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from openoutcry.assembly.backtest_settings import PPM_PER_BPS, BacktestSettings
from openoutcry.domain.units import NS_PER_S, atoms_to_text

NS_PER_DAY: Final = 86_400 * NS_PER_S
TIER_DAYS: Final = 30  # whole UTC days before the one of a fill

FEES_KNOWN_OF: Final = "binance"  # how the names of venues begin whose usual fees a backtest knows
GUESSED: Final = "are a guess"


class FeeSchedule:
    """Rates in parts per million; the tier of a day is that of the volume of the 30 whole days before it."""

    def __init__(self, costs: BacktestSettings) -> None:
        rates = [(costs.taker_fee_ppm, costs.maker_fee_ppm)]
        self._rates = rates + [(tier.taker_fee_ppm, tier.maker_fee_ppm) for tier in costs.fee_tiers]
        self._volumes = [tier.volume_atoms for tier in costs.fee_tiers]
        self._traded: dict[int, int] = {}  # by day, the oldest first
        self._day = -1
        self._now = self._rates[0]

    def rate_ppm(self, at_ns: int, volume_atoms: int, *, is_maker: bool) -> int:
        """What a fill pays; it counts for the tiers from midnight on. Times do not go back."""
        if not self._volumes:
            return self._now[is_maker]
        day = at_ns // NS_PER_DAY
        if day != self._day:
            self._day = day
            self._traded = {each: sum_ for each, sum_ in self._traded.items() if each >= day - TIER_DAYS}
            self._now = self._rates[bisect_right(self._volumes, sum(self._traded.values()))]
        self._traded[day] = self._traded.get(day, 0) + volume_atoms
        return self._now[is_maker]


def fee_sentences(costs: BacktestSettings, received: str = "") -> tuple[str, ...]:
    """What is assumed of fees, in words."""
    first = f"fees are {_rates(costs.taker_fee_ppm, costs.maker_fee_ppm)}{received}"
    if not costs.fee_tiers:
        return (first,)
    tiers = "; ".join(
        f"{_rates(tier.taker_fee_ppm, tier.maker_fee_ppm)} from {atoms_to_text(tier.volume_atoms)}"
        for tier in costs.fee_tiers
    )
    return (
        first,
        f"by what an instrument traded in the 30 whole UTC days before, they are {tiers}",
    )


def guessed_fees(venues: Iterable[str], costs: BacktestSettings) -> Iterator[str]:
    """A sentence for each venue whose usual fees are not known: those of a backtest that names none."""
    taker, maker = (f"{each / PPM_PER_BPS:g} bps" for each in (costs.taker_fee_ppm, costs.maker_fee_ppm))
    fees = taker if taker == maker else f"{taker} for a taker and {maker} for a maker"
    for venue in dict.fromkeys(venues):
        if not venue.startswith(FEES_KNOWN_OF):
            name = venue if venue not in {"", "unknown"} else "the venue"
            yield f"fees of {fees} {GUESSED}: {name}'s are not known; give --fee-bps"


def is_guess(sentence: str) -> bool:
    """Whether an assumption is one of `guessed_fees`."""
    return sentence.startswith("fees of ") and GUESSED in sentence


def _rates(taker_ppm: int, maker_ppm: int) -> str:
    return f"{taker_ppm / PPM_PER_BPS:g} bps for a taker, {maker_ppm / PPM_PER_BPS:g} bps for a maker"

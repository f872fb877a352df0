"""What a perpetual's funding adds to an account, and takes from it."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import TimestampNs

RATE_UNITS: Final = 10**12  # a funding rate is a whole number of 10^-12

CashFlow = tuple[TimestampNs, int]  # when, and how many atoms the account got


def funding_atoms(instrument: Instrument, price_ticks: int, position_lots: int, rate: float) -> int:
    """What the account gets: a long position pays `rate` of its value; rounded against us."""
    return -instrument.part_atoms(price_ticks, position_lots, round(rate * RATE_UNITS), RATE_UNITS)


def funding_of_fills(series: CandleSeries, fills: Sequence[Fill], funding: Funding | None) -> list[CashFlow]:
    """The funding of one instrument's fills, at the last price before each time; before the first, none."""
    lots = np.cumsum([0, *(each.size_lots if each.side == "buy" else -each.size_lots for each in fills)])
    return _flows(series, [each.at_ns for each in fills], lots.tolist(), funding)


def funding_of_holding(series: CandleSeries, lots: int, funding: Funding | None) -> list[CashFlow]:
    """The funding of what is bought at the first close and held, as `funding_of_fills` counts it."""
    return _flows(series, [int(series.close_ns[0])], [0, lots], funding)


def _flows(
    series: CandleSeries, times_ns: Sequence[int], lots: Sequence[int], funding: Funding | None
) -> list[CashFlow]:
    """`lots` are held after each of the times; the one in front before all. What trades then pays not yet."""
    if funding is None:
        return []
    flows: list[CashFlow] = []
    held = np.searchsorted(np.array(times_ns, np.int64), funding.times_ns)
    marks = np.searchsorted(series.close_ns, funding.times_ns, side="right") - 1
    for at_ns, rate, index, mark in zip(
        funding.times_ns.tolist(), funding.rates.tolist(), held.tolist(), marks.tolist(), strict=True
    ):
        if lots[index] and mark >= 0 and at_ns < series.close_ns[-1]:
            price = int(series.close_ticks[mark])
            flows.append((TimestampNs(at_ns), funding_atoms(series.instrument, price, lots[index], rate)))
    return flows

"""The account at every candle's close, from its fills and its funding, in whole atoms."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from openoutcry.backtesting.history.candles import CandleSeries
from openoutcry.backtesting.result import Curve, Integers
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import TimestampNs

PPM: Final = 1_000_000
MAX_ATOMS: Final = 2**62  # half of what an int64 holds: sums of two stay exact

CashFlow = tuple[TimestampNs, int]  # when, and how many atoms the account got


def account_curve(
    series: CandleSeries,
    opening_atoms: int,
    fills: Sequence[Fill],
    funding: Sequence[CashFlow],
    taker_fee_ppm: int,
) -> Curve:
    """Cash and position at each close; fees in the quote asset. Fills are in the order of their times.

    Raises:
        InvalidInputError: a fee is in another asset, or an amount may exceed 64 bits.
    """
    atoms, quote = series.instrument.atoms_per_tick_lot, series.instrument.quote
    lots, paid = [0], [0]
    for fill in fills:
        if fill.fee_asset != quote:
            raise InvalidInputError(f"{fill.id} paid a fee in {fill.fee_asset}; an exact curve needs {quote}")
        signed = fill.size_lots if fill.side == "buy" else -fill.size_lots
        lots.append(lots[-1] + signed)
        paid.append(paid[-1] - signed * fill.price_ticks * atoms - fill.fee_atoms)
    received = [0]
    for _, amount in funding:
        received.append(received[-1] + amount)
    dearest = int(series.high_ticks.max(initial=0)) * atoms
    if max(map(abs, lots)) * dearest + opening_atoms + max(map(abs, received)) > MAX_ATOMS:
        raise InvalidInputError("the account exceeds 4.6e10 units of the quote asset; use a smaller --cash")
    close_ns = series.close_ns
    position = _as_of(close_ns, [fill.at_ns for fill in fills], lots)
    cash = _as_of(close_ns, [fill.at_ns for fill in fills], paid)
    cash += opening_atoms + _as_of(close_ns, [at_ns for at_ns, _ in funding], received)
    return Curve(
        times_ns=close_ns,
        equity_atoms=cash + position * series.close_ticks * atoms,
        benchmark_atoms=bought_and_held(series, opening_atoms, taker_fee_ppm),
        position_lots=position,
        price_ticks=series.close_ticks,
    )


def _as_of(close_ns: Integers, times_ns: Sequence[int], values: Sequence[int]) -> Integers:
    """The last value that was reached before each close; `values` has the one before all times in front.

    What happens at the moment of a close belongs to the next candle, which opens then.
    """
    return np.array(values, np.int64)[np.searchsorted(np.array(times_ns, np.int64), close_ns)]


def bought_and_held(series: CandleSeries, opening_atoms: int, taker_fee_ppm: int) -> Integers:
    """What the whole cash is worth that bought at the first close, with one fee, and never sold."""
    if not len(series):
        return np.zeros(0, np.int64)
    atoms, first = series.instrument.atoms_per_tick_lot, int(series.close_ticks[0])
    lots = opening_atoms * PPM // (first * atoms * (PPM + max(taker_fee_ppm, 0)))
    cost = lots * first * atoms
    if lots * int(series.high_ticks.max()) * atoms > MAX_ATOMS:
        raise InvalidInputError("the yardstick exceeds 4.6e10 units of the quote asset; use a smaller --cash")
    fee = -(-cost * taker_fee_ppm // PPM)
    return (opening_atoms - cost - fee) + lots * series.close_ticks * atoms

"""The account at every candle's close, from its fills and its funding, in whole atoms."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from openoutcry.backtesting.funding_flows import CashFlow, funding_of_holding
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.result import Curve, Integers
from openoutcry.backtesting.worth import most_atoms, worths
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.orders import Fill

PPM: Final = 1_000_000
MAX_ATOMS: Final = 2**62  # half of what an int64 holds: sums of two stay exact


def account_curve(
    series: CandleSeries,
    opening_atoms: int,
    fills: Sequence[Fill],
    funding: Sequence[CashFlow],
    benchmark_atoms: Integers,
) -> Curve:
    """Cash and position at each close; fees in the asset of settlement. Fills are in their order.

    `benchmark_atoms` is the yardstick's column, as it is.

    Raises:
        InvalidInputError: a fee is in another asset, or an amount may exceed 64 bits.
    """
    instrument, settlement = series.instrument, series.instrument.settlement
    lots, paid = [0], [0]
    for fill in fills:
        if fill.fee_asset != settlement:
            raise InvalidInputError(
                f"{fill.id} paid a fee in {fill.fee_asset}; an exact curve needs {settlement}"
            )
        signed = fill.size_lots if fill.side == "buy" else -fill.size_lots
        lots.append(lots[-1] + signed)
        paid.append(paid[-1] + instrument.cash_flow_atoms(fill.price_ticks, signed) - fill.fee_atoms)
    received = _sums(funding)
    most = most_atoms(instrument, series.high_ticks, max(map(abs, lots)))
    if most + opening_atoms + max(map(abs, received)) > MAX_ATOMS:
        raise InvalidInputError(f"the account exceeds 4.6e10 units of {settlement}; use a smaller --cash")
    close_ns = series.close_ns
    position = _as_of(close_ns, [fill.at_ns for fill in fills], lots)
    cash = _as_of(close_ns, [fill.at_ns for fill in fills], paid)
    cash += opening_atoms + _as_of(close_ns, [at_ns for at_ns, _ in funding], received)
    return Curve(
        times_ns=close_ns,
        equity_atoms=cash + worths(instrument, series.close_ticks, position),
        benchmark_atoms=benchmark_atoms,
        position_lots=position,
        price_ticks=series.close_ticks,
    )


def _sums(flows: Sequence[CashFlow]) -> list[int]:
    """What came in after each flow, 0 in front."""
    return list(itertools.accumulate((amount for _, amount in flows), initial=0))


def _as_of(close_ns: Integers, times_ns: Sequence[int], values: Sequence[int]) -> Integers:
    """The last value that was reached before each close; `values` has the one before all times in front.

    What happens at the moment of a close belongs to the next candle, which opens then.
    """
    return np.array(values, np.int64)[np.searchsorted(np.array(times_ns, np.int64), close_ns)]


def bought_and_held(
    series: CandleSeries, opening_atoms: int, taker_fee_ppm: int, funding: Funding | None = None
) -> Integers:
    """What the whole cash is worth that bought at the first close, with one fee, and never sold.

    It pays a contract's funding on what it holds, and receives it, as a strategy's account does.
    """
    if not len(series):
        return np.zeros(0, np.int64)
    instrument, first = series.instrument, int(series.close_ticks[0])
    whole = PPM + max(taker_fee_ppm, 0)
    if instrument.kind == "inverse":
        lots = opening_atoms * PPM * first // (instrument.atoms_at_one_tick * whole)
    else:
        lots = opening_atoms * PPM // (first * instrument.atoms_per_tick_lot * whole)
    flows = funding_of_holding(series, lots, funding)
    received = _sums(flows)
    if most_atoms(instrument, series.high_ticks, lots) + max(map(abs, received)) > MAX_ATOMS:
        asset = instrument.settlement
        raise InvalidInputError(f"the yardstick exceeds 4.6e10 units of {asset}; use a smaller --cash")
    fee = instrument.part_atoms(first, lots, taker_fee_ppm, PPM)
    left = opening_atoms + instrument.cash_flow_atoms(first, lots) - fee
    paid = _as_of(series.close_ns, [at_ns for at_ns, _ in flows], received)
    return left + paid + worths(instrument, series.close_ticks, np.full(len(series), lots))

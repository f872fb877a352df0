"""What it cost to trade at other prices than the ones that were decided on."""

import re
from typing import Final

from openoutcry.backtesting.result import BacktestResult

_CAUSE_NS: Final = re.compile(r"candle:.+:(\d+)")


def slippage_atoms(result: BacktestResult) -> int | None:
    """By how much fills of the first symbol were worse than the closes that caused them, in atoms.

    The implementation shortfall of what was filled (Perold 1988, "The Implementation Shortfall", Journal of
    Portfolio Management 14(3)). It lies in the prices, and so in the profit before costs. None if a fill's
    cause is not known, or its close is not on the curve.
    """
    instrument = result.instruments[result.symbol]
    times, prices = result.curve.times_ns, result.curve.price_ticks
    total = 0
    for fill in result.fills:
        if fill.symbol != result.symbol:
            continue
        found = _CAUSE_NS.search(fill.parent_id)
        caused_ns = int(found[1]) if found else -1
        row = int(times.searchsorted(caused_ns))
        if row == len(times) or times[row] != caused_ns:
            return None
        close = int(prices[row])
        bought = fill.size_lots if fill.side == "buy" else -fill.size_lots
        total += instrument.cash_flow_atoms(close, bought)
        total -= instrument.cash_flow_atoms(fill.price_ticks, bought)
    return total

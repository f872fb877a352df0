"""What the actors know, as gauges of the catalogue: floats for eyes, money stays integer elsewhere."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.order import ChildOrder

MS_PER_S: Final = 1_000


def feed_gauges(feeds: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The state, the age and the touch of feeds, from their snapshots by symbol."""
    gauges = {"feed_live": float(bool(feeds) and all(feed["state"] == "live" for feed in feeds.values()))}
    for symbol, feed in feeds.items():
        for channel, silent_ms in feed["silent_ms"].items():
            key = f"feed_age_seconds:{channel}"
            gauges[key] = max(gauges.get(key, 0.0), silent_ms / MS_PER_S)
        if feed["top"] is None:
            continue
        bid_ticks, _, ask_ticks, _ = feed["top"]
        gauges[f"best_bid:{symbol}"] = float(bid_ticks * Decimal(feed["price_tick"]))
        gauges[f"best_ask:{symbol}"] = float(ask_ticks * Decimal(feed["price_tick"]))
        gauges[f"spread_ticks:{symbol}"] = ask_ticks - bid_ticks
        if "imbalance_5" in feed["features"]:
            gauges[f"imbalance:{symbol}"] = feed["features"]["imbalance_5"]
    return gauges


def account_gauges(
    ledger: Ledger, instruments: Mapping[str, Instrument], orders: Iterable[ChildOrder]
) -> dict[str, float]:
    """Holdings, results and orders under way."""
    states = [order.state for order in orders if not order.is_terminal]
    gauges = {"open_orders": float(len(states)), "unknown_orders": float(states.count("UNKNOWN"))}
    for symbol, instrument in instruments.items():
        gauges[f"position:{symbol}"] = float(ledger.position_lots(symbol) * instrument.step)
        gauges[f"cash:{symbol}"] = ledger.cash_atoms(symbol) / ATOMS_PER_UNIT
        gauges[f"profit:{symbol}"] = ledger.realised_atoms(symbol) / ATOMS_PER_UNIT
        gauges[f"fees_paid:{symbol}"] = ledger.fees_quote_atoms(symbol) / ATOMS_PER_UNIT
    return gauges

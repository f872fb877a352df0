"""History: candles and market events of any origin, checked, hashed and kept."""

from openoutcry.backtesting.history.candles import CandleSeries, Funding, load_candles, load_funding

__all__ = ["CandleSeries", "Funding", "load_candles", "load_funding"]

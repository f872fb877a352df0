"""How many lots an opinion is worth: volatility targeting, always rounded down."""

import math
from typing import Final

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import BASIS_POINTS, PriceTicks, Side, SizeLots
from openoutcry.risk_management.limits import RiskLimits

SECONDS_PER_YEAR: Final = 365 * 24 * 3600  # crypto markets do not close


def volatility_per_year(volatility: float, candle_seconds: float) -> float:
    """Annualise the standard deviation of log returns per candle: sigma · sqrt(candles per year).

    Assumes independent returns, as the square root of time does.
    """
    return volatility * math.sqrt(SECONDS_PER_YEAR / candle_seconds)


def weight(volatility: float, candle_seconds: float, limits: RiskLimits) -> float:
    """The share of equity in a full position: w = min(target / max(sigma, floor), max_weight).

    sigma is annualised. Source: Harvey et al., The Impact of Volatility Targeting, Journal of Portfolio
    Management 45(1), 2018. It steadies risk; it promises no better return.
    """
    sigma = max(volatility_per_year(volatility, candle_seconds), limits.min_volatility_per_year)
    return min(limits.target_volatility_per_year / sigma, limits.max_weight)


def full_position_lots(
    equity_atoms: int, share: float, price_ticks: PriceTicks, instrument: Instrument, limits: RiskLimits
) -> SizeLots:
    """Lots of a full position: the share of equity, capped by the position limit, rounded down."""
    worth_atoms = min(math.floor(max(equity_atoms, 0) * share), limits.max_position_notional_atoms)
    return SizeLots(worth_atoms // instrument.notional_atoms(price_ticks, 1))


def limit_price_ticks(reference_ticks: PriceTicks, side: Side, limits: RiskLimits) -> PriceTicks:
    """The worst price: the reference and `limit_offset_bps` beyond it, rounded towards the reference."""
    offset = reference_ticks * limits.limit_offset_bps // BASIS_POINTS
    return PriceTicks(reference_ticks + offset if side == "buy" else reference_ticks - offset)

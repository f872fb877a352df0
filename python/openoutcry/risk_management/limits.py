"""How much may be risked: every limit, with its unit."""

import math
from typing import Final

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import ATOMS_PER_UNIT, BASIS_POINTS, NS_PER_S

MAX_REMEMBERED_INTENTS: Final = 4_096
MAX_REMEMBERED_TRADES: Final = 65_536
NO_COLLAR_BPS: Final = BASIS_POINTS - 1  # a price so far off is as good as none


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one account. The defaults suit a demo account of 100,000 USDT and BTC/USDT.

    Atoms are 10^-8 of the quote asset, basis points (bps) are 10^-4.

    Attributes:
        target_volatility_per_year: the volatility that a full position shall bring to the account's equity.
        min_volatility_per_year: a measured volatility below this counts as this; a flat market is no
        invitation. max_weight: the most of the equity that a full position may be, in (0, 1].
        no_trade_band_bps: changes smaller than this share of a full position are not worth their fees.
        limit_offset_bps: how far beyond the reference price an order may pay.
        price_collar_bps: an order's limit price further than this from the reference is an error.
        quote_collar_bps: a maker's quote further than this behind the touch is withdrawn; 9,999 is no collar.
        reference_jump_bps: a reference price further than this from one seen `reference_memory_ns` ago or
        less is
            an error.
        max_order_notional_atoms: the most that one order may be worth.
        max_position_notional_atoms: the most that position and open purchases may be worth together.
        max_leverage: the most that all contracts may be worth, as a multiple of the account's value.
        cash_reserve_atoms: cash that is never spent.
        fee_bps: what a fee may take; cash is kept for it.
        max_orders: orders approved within `order_rate_window_ns`.
        max_daily_loss_atoms: beyond this loss of the UTC day only sales are approved.
        max_drawdown_bps: equity this far below its highest halts everything.
        max_rejects: rejections by the venue within `reject_window_ns` that open the circuit breaker.
        breaker_cool_down_ns: how long an open breaker refuses before it lets one order probe.
        max_breaker_trips: so many openings in a row halt everything.
        alert_score: an anomaly this strong, in [0, 1], stops orders for `alert_cool_down_ns`.
        order_slack_ns: time that an order has beyond its horizon before it expires.
    """

    target_volatility_per_year: float = 0.10
    min_volatility_per_year: float = 0.05
    max_weight: float = 0.20
    no_trade_band_bps: int = 1_000
    limit_offset_bps: int = 10
    price_collar_bps: int = 50
    quote_collar_bps: int = NO_COLLAR_BPS
    reference_jump_bps: int = 500
    reference_memory_ns: int = 60 * NS_PER_S
    max_order_notional_atoms: int = 20_000 * ATOMS_PER_UNIT
    max_position_notional_atoms: int = 25_000 * ATOMS_PER_UNIT
    max_leverage: float = 1.0
    cash_reserve_atoms: int = 1_000 * ATOMS_PER_UNIT
    fee_bps: int = 20
    max_orders: int = 30
    order_rate_window_ns: int = 60 * NS_PER_S
    max_daily_loss_atoms: int = 1_000 * ATOMS_PER_UNIT
    max_drawdown_bps: int = 200
    max_rejects: int = 5
    reject_window_ns: int = 60 * NS_PER_S
    breaker_cool_down_ns: int = 30 * NS_PER_S
    max_breaker_trips: int = 3
    alert_score: float = 0.8
    alert_cool_down_ns: int = 10 * NS_PER_S
    order_slack_ns: int = 2 * NS_PER_S

    def __post_init__(self) -> None:
        """Check every limit; raises ConfigurationError naming all that are wrong."""
        wrong = [text for text, is_wrong in self._faults().items() if is_wrong]
        if wrong:
            raise ConfigurationError(f"risk limits: {'; '.join(wrong)}")

    def _faults(self) -> dict[str, bool]:
        faults = {
            f"{name} is {getattr(self, name)}, it must be positive": not getattr(self, name) > 0
            for name in _POSITIVE
        }
        faults |= {
            f"{name} is {getattr(self, name)}, it must not be negative": not getattr(self, name) >= 0
            for name in _NOT_NEGATIVE
        }
        faults |= {
            f"{name} is {getattr(self, name)}, it must be a finite number": not math.isfinite(
                getattr(self, name)
            )
            for name in (
                "target_volatility_per_year",
                "min_volatility_per_year",
                "max_weight",
                "max_leverage",
                "alert_score",
            )
        }
        faults |= {
            f"{name} is {getattr(self, name)}, it must be below {BASIS_POINTS}": getattr(self, name)
            >= BASIS_POINTS
            for name in (
                "limit_offset_bps",
                "price_collar_bps",
                "quote_collar_bps",
                "no_trade_band_bps",
                "fee_bps",
                "max_drawdown_bps",
            )
        }
        faults[f"max_weight is {self.max_weight}, it must not be above 1 (no borrowing)"] = (
            self.max_weight > 1
        )
        faults[
            f"limit_offset_bps {self.limit_offset_bps} is above price_collar_bps {self.price_collar_bps}: "
            "every order would be refused"
        ] = self.limit_offset_bps > self.price_collar_bps
        return faults


_POSITIVE: Final = (
    "target_volatility_per_year",
    "min_volatility_per_year",
    "max_weight",
    "max_leverage",
    "price_collar_bps",
    "quote_collar_bps",
    "reference_jump_bps",
    "reference_memory_ns",
    "max_order_notional_atoms",
    "max_position_notional_atoms",
    "max_orders",
    "order_rate_window_ns",
    "max_daily_loss_atoms",
    "max_drawdown_bps",
    "max_rejects",
    "reject_window_ns",
    "breaker_cool_down_ns",
    "max_breaker_trips",
    "order_slack_ns",
)
_NOT_NEGATIVE: Final = (
    "no_trade_band_bps",
    "limit_offset_bps",
    "cash_reserve_atoms",
    "fee_bps",
    "alert_score",
    "alert_cool_down_ns",
)

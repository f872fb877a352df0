"""Durations in a replay that runs faster than the market did.

Actors live by the wall clock, so at a speed of 15 a second of theirs is 15 s of the market's time. Orders
are to take as long of the market's time at any speed: horizons shrink with it. All other durations are
what the settings say, by the wall clock; a backtest, which knows the market's time only, has them grow.
"""

from typing import Any, Final

import msgspec

from openoutcry.assembly.settings import Settings
from openoutcry.domain.units import NS_PER_MS, NS_PER_S

UNPACED_SPEED: Final = 200.0  # what "as fast as it goes" comes to, for the horizons of orders
HORIZON_NS: Final = 30 * NS_PER_S  # of the market's time, over which an order is sliced
SLICE_INTERVAL_NS: Final = 6 * NS_PER_S
MIN_HORIZON_NS: Final = 500 * NS_PER_MS
MIN_SLICE_INTERVAL_NS: Final = 100 * NS_PER_MS
REPLAY_ORDERS_MAX: Final = 200  # a replay's minute is shorter than a minute

_INTENTS: Final = ("horizon_ns", "ttl_ns")
_RISK: Final = (
    "reference_memory_ns",
    "order_rate_window_ns",
    "reject_window_ns",
    "breaker_cool_down_ns",
    "alert_cool_down_ns",
    "order_slack_ns",
)
_EXECUTION: Final = (
    "slice_interval_ns",
    "answer_timeout_ns",
    "answer_limit_ns",
    "query_backoff_ns",
    "query_backoff_max_ns",
    "fills_grace_ns",
    "recv_window_ns",
    "fence_slack_ns",
)
_FEED: Final = ("depth_stale_ms", "trade_stale_ms", "book_ticker_stale_ms", "staleness_check_ms")


def replay_overrides(speed: float) -> dict[str, object]:
    """Settings by dotted key for a replay at a speed (0: as fast as it goes)."""
    pace = speed or UNPACED_SPEED
    return {
        "strategy.intents.horizon_ns": max(int(HORIZON_NS / pace), MIN_HORIZON_NS),
        "execution.slice_interval_ns": max(int(SLICE_INTERVAL_NS / pace), MIN_SLICE_INTERVAL_NS),
        "risk.max_orders": REPLAY_ORDERS_MAX,
    }


def in_market_time(settings: Settings, speed: float) -> Settings:
    """Settings of a replay at a speed, with each duration by the wall clock as one of the market's time."""
    if speed == 1:
        return settings
    strategy = msgspec.structs.replace(
        settings.strategy, intents=_grown(settings.strategy.intents, _INTENTS, speed)
    )
    return msgspec.structs.replace(
        settings,
        strategy=strategy,
        risk=_grown(settings.risk, _RISK, speed),
        execution=_grown(settings.execution, _EXECUTION, speed),
        feed=_grown(settings.feed, _FEED, speed),
    )


def _grown(section: Any, names: tuple[str, ...], speed: float) -> Any:
    return msgspec.structs.replace(section, **{name: round(getattr(section, name) * speed) for name in names})

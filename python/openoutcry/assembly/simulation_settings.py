"""How the simulator replays events: who is first in the queue, and what may go wrong."""

from typing import Annotated, Literal

import msgspec

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.units import NS_PER_S

FillMode = Literal["partial", "whole"]
QueueModel = Literal["risk-averse", "power", "power2", "power3", "log", "log2", "fifo"]
Latency = Annotated[int, msgspec.Meta(ge=0, le=60 * NS_PER_S)]


class SimulationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulator's rules for backtests on events; median latencies and fees are those of [backtest].

    `fill_mode`: `partial` conserves sizes, `whole` fills an order at once, as hftbacktest does.
    `queue_model` is where others' cancellations happen: behind us only (`risk-averse`, the least
    favourable), spread by a function with `queue_exponent`, or where they did (`fifo`, of data by order
    alone); `auto` is `fifo` for data by order, else `risk-averse`. Orders are rejected with
    `reject_probability`, by the seed, and beyond `max_resting_orders`. In `halts_ns`, pairs of from and until
    in ns of the venue's time, it rejects orders and nothing matches.

    `impact_coefficient` is an option that is off at 0: what takes pays c·s·√(Q/V) on top of each price, in
    whole ticks rounded up, at most its limit. Q is the order's size; s is what the mid moved (the root of
    its squared changes) and V what was traded in the UTC day so far and the one before, by the data up to
    then (nothing before 60 seconds with trades). That is the square-root law: Almgren, Thum, Hauptmann and
    Li, "Direct estimation of equity market impact" (Risk, 2005) found an exponent of 0.6, Tóth et al.
    (Physical Review X 1, 021006, 2011) one half, with c of the order of one. Measure c for a market: 1 is a
    place to begin. The law is of all that belongs together, and here each order counts by itself: what is
    sent in many small orders pays too little. The book does not react.

    With both percentiles above 0 latencies are drawn from lognormal distributions, by the seed, else they
    are constant. `feed_latency_ns` is for quotes, which do not tell when they were received. Every
    `candle_ms` of trades makes a candle of the curve, and of what a strategy on candles sees.
    """

    fill_mode: FillMode = "partial"
    queue_model: QueueModel | Literal["auto"] = "auto"
    queue_exponent: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 3.0
    reject_probability: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.0
    impact_coefficient: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 0.0
    max_resting_orders: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 200
    halts_ns: tuple[tuple[int, int], ...] = ()
    order_latency_p99_ns: Latency = 0
    report_latency_p99_ns: Latency = 0
    feed_latency_ns: Latency = 0
    candle_ms: Annotated[int, msgspec.Meta(ge=100, le=86_400_000)] = 1_000

    def __post_init__(self) -> None:
        """Check what depends on each other; raises ConfigurationError."""
        if (self.order_latency_p99_ns > 0) != (self.report_latency_p99_ns > 0):
            raise ConfigurationError(
                "simulation: order_latency_p99_ns and report_latency_p99_ns go together; give both, or none"
            )

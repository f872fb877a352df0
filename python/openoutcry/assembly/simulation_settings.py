"""How the simulator replays events: who is first in the queue, and what may go wrong."""

from typing import Annotated, Literal

import msgspec

FillMode = Literal["partial", "whole"]
QueueModel = Literal["risk-averse", "power", "power2", "power3", "log", "log2"]


class SimulationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The simulator's rules for backtests on events; latencies and fees are those of [backtest].

    `fill_mode`: `partial` conserves sizes, `whole` fills an order at once, as hftbacktest does.
    `queue_model` is where others' cancellations happen: behind us only (`risk-averse`, the least
    favourable), or spread by a function with `queue_exponent`. Orders are rejected with
    `reject_probability`, by the seed. Every `candle_ms` of trades makes a candle of the curve, and of what
    a strategy on candles sees.
    """

    fill_mode: FillMode = "partial"
    queue_model: QueueModel = "risk-averse"
    queue_exponent: Annotated[float, msgspec.Meta(gt=0.0, le=10.0)] = 3.0
    reject_probability: Annotated[float, msgspec.Meta(ge=0.0, lt=1.0)] = 0.0
    candle_ms: Annotated[int, msgspec.Meta(ge=100, le=86_400_000)] = 1_000

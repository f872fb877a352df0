"""What a backtest found: its equity, its fills, and all that is needed to repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import TimestampNs

Integers = npt.NDArray[np.int64]
DataKind = Literal["candles", "events", "funding"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a check found in the data: how bad, what, where (`row` counts from 0), what to do."""

    severity: Literal["note", "warning", "error"]
    kind: str
    count: int
    row: int
    detail: str
    remedy: str


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Which data a backtest saw. `sha256` is of the content, not of the file that it came in.

    `sha256` is empty where time goes back: such rows have no order to be hashed in, and are unfit.
    A contract's funding follows the data of its symbol.
    """

    name: str
    path: str
    kind: DataKind
    venue: str
    symbol: str
    first_ns: TimestampNs
    last_ns: TimestampNs
    rows: int
    sha256: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The account at moments of the market's time, all columns of one length.

    `equity_atoms` is cash and positions at the prices then, fees and funding included; `benchmark_atoms` the
    opening cash bought and held, in equal parts of all symbols, one fee each and their funding included.
    Price and position are of the first symbol.
    """

    times_ns: Integers
    equity_atoms: Integers
    benchmark_atoms: Integers
    position_lots: Integers
    price_ticks: Integers

    def __len__(self) -> int:
        return len(self.times_ns)


@dataclass(frozen=True, slots=True, eq=False)
class BacktestResult:
    """One backtest. Amounts are in atoms (10^-8) of the first symbol's quote asset.

    `funding_atoms` is what was paid; below 0 it was received. `counts` are intents, refusals, orders,
    rejects, cancels and such by name; `refusals` by check.
    `assumptions` says in words what the simulation assumed, for the report. `halt_reason` is why risk ended
    trading before the data ended, or empty; `idle_reason` why nothing was traded. `unfilled` says by
    intent's id why it did not trade, where the backtest kept it: over recorded frames. `marks` are the last
    prices by symbol, in ticks. `replay_speed` is that of the replay whose durations the settings have, 0
    where no frames were replayed. `source_sha256` is of the strategy's own files, empty for one of
    openoutcry's. `wall_s` is no part of the result's bytes.
    """

    run_id: str
    strategy: str
    parameters: Mapping[str, Any]
    instruments: Mapping[str, Instrument]
    datasets: tuple[DatasetRecord, ...]
    seed: int
    settings: Mapping[str, Any]
    config_hash: str
    versions: Mapping[str, str]
    opening_atoms: int
    curve: Curve
    fills: tuple[Fill, ...]
    fees_atoms: int
    funding_atoms: int
    counts: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    halt_reason: str = ""
    idle_reason: str = ""
    unfilled: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    replay_speed: float = 0.0
    source_sha256: str = ""
    wall_s: float = 0.0

    @property
    def symbol(self) -> str:
        """The first symbol: the one of the curve's price and position."""
        return next(iter(self.instruments))

    @property
    def net_atoms(self) -> int:
        """What was won or lost, after fees and funding."""
        return int(self.curve.equity_atoms[-1]) - self.opening_atoms if len(self.curve) else 0

"""What a simulated account is worth as time goes: mids of the market, and one curve over all instruments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from openoutcry.backtesting.account_curve import account_curve, bought_and_held
from openoutcry.backtesting.funding_flows import CashFlow
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.result import Curve, DatasetRecord
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.native import Simulator

MAX_MARKS: Final = 100_000  # points of a curve


def mark_interval_ns(records: Sequence[DatasetRecord], least_ns: int) -> int:
    """How far apart marks lie, at the least, so that a curve stays bounded: a multiple of `least_ns`."""
    span_ns = max(each.last_ns for each in records) - min(each.first_ns for each in records)
    return least_ns * max(-(-span_ns // (least_ns * MAX_MARKS)), 1)


class Marks:
    """The mids of all instruments at moments that lie `interval_ns` apart or more, in ticks, rounded down."""

    def __init__(self, simulator: Simulator, instruments: Sequence[Instrument], interval_ns: int) -> None:
        self.interval_ns = interval_ns
        self._simulator = simulator
        self._instruments = tuple(instruments)
        self._next_ns = 0
        self._mids = [0] * len(self._instruments)
        self._rows: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, now_ns: int) -> None:
        """Note the mids now, if it is time; not before every instrument had one."""
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + self.interval_ns
            self._note(now_ns)

    def take_last(self, now_ns: int) -> None:
        """Note the mids at the end, for what happened up to now."""
        if self._rows and self._rows[-1][0] > now_ns:
            self._rows.pop()
        self._note(now_ns + 1)

    def mid_ticks(self, number: int) -> int:
        """The mid of one instrument now; its last one if a side is empty; 0 before the first."""
        touch = self._simulator.touch(number)
        if touch is not None:
            self._mids[number] = (touch[0] + touch[2]) // 2
        return self._mids[number]

    def _note(self, at_ns: int) -> None:
        mids = [self.mid_ticks(number) for number in range(len(self._instruments))]
        if all(mids):
            self._rows.append((at_ns, *mids))

    def series(self) -> list[CandleSeries]:
        """Each instrument's mids as candles that close at them."""
        columns = np.array(self._rows, np.int64).reshape(-1, len(self._instruments) + 1).T
        opens_ns = columns[0] - self.interval_ns
        return [
            CandleSeries(
                instrument, self.interval_ns, opens_ns, mids, mids, mids, mids, np.zeros(len(mids), np.int64)
            )
            for instrument, mids in zip(self._instruments, columns[1:], strict=True)
        ]


def joint_curve(
    series: Sequence[CandleSeries],
    opening_atoms: int,
    fills: Sequence[Fill],
    paid: Mapping[str, Sequence[CashFlow]],
    taker_fee_ppm: int,
    *,
    rates: Mapping[str, Funding],
) -> Curve:
    """One account's curve over instruments with the same times; price and position are of the first.

    `paid` is the funding by symbol. Fills are in the order of their times. The benchmark is the opening cash
    in equal parts, each bought and held; it pays the funding of `rates`, by symbol, on what it holds.

    Raises:
        InvalidInputError: as `account_curve`.
    """
    part, rest = divmod(opening_atoms, len(series))
    curves, held = [], []
    for index, each in enumerate(series):
        symbol = each.instrument.symbol
        own = [fill for fill in fills if fill.symbol == symbol]
        cash, share = (0, part) if index else (opening_atoms, part + rest)
        held.append(bought_and_held(each, share, taker_fee_ppm, rates.get(symbol)))
        curves.append(account_curve(each, cash, own, paid.get(symbol, ()), held[-1]))
    first, *others = curves
    return replace(
        first,
        equity_atoms=sum((each.equity_atoms for each in others), first.equity_atoms),
        benchmark_atoms=sum(held[1:], held[0]),
    )

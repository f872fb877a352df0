"""What a simulated account is worth as time goes: mids of the market, and one curve over all instruments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from openoutcry.backtesting.account_curve import CashFlow, account_curve, bought_and_held
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.result import Curve, DatasetRecord
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.native import Simulator

MAX_MARKS: Final = 100_000  # points of a curve
RATE_UNITS: Final = 10**12  # a funding rate is a whole number of 10^-12


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
) -> Curve:
    """One account's curve over instruments with the same times; price and position are of the first.

    `paid` is the funding by symbol. Fills are in the order of their times. The benchmark is the opening cash
    in equal parts, each bought and held.

    Raises:
        InvalidInputError: as `account_curve`.
    """
    part, rest = divmod(opening_atoms, len(series))
    curves, held = [], []
    for index, each in enumerate(series):
        symbol = each.instrument.symbol
        own = [fill for fill in fills if fill.symbol == symbol]
        cash = 0 if index else opening_atoms
        curves.append(account_curve(each, cash, own, paid.get(symbol, ()), taker_fee_ppm))
        held.append(bought_and_held(each, part if index else part + rest, taker_fee_ppm))
    first, *others = curves
    return replace(
        first,
        equity_atoms=sum((each.equity_atoms for each in others), first.equity_atoms),
        benchmark_atoms=sum(held[1:], held[0]),
    )


def funding_atoms(instrument: Instrument, price_ticks: int, position_lots: int, rate: float) -> int:
    """What the account gets: a long position pays `rate` of its value; rounded against us."""
    return -instrument.part_atoms(price_ticks, position_lots, round(rate * RATE_UNITS), RATE_UNITS)


def funding_of_fills(series: CandleSeries, fills: Sequence[Fill], funding: Funding | None) -> list[CashFlow]:
    """The funding of one instrument's fills, at the last price before each time; before the first, none."""
    if funding is None:
        return []
    flows: list[CashFlow] = []
    lots = np.cumsum([0, *(each.size_lots if each.side == "buy" else -each.size_lots for each in fills)])
    held = np.searchsorted(np.array([each.at_ns for each in fills], np.int64), funding.times_ns)
    marks = np.searchsorted(series.close_ns, funding.times_ns, side="right") - 1
    for at_ns, rate, fill, mark in zip(funding.times_ns, funding.rates, held, marks, strict=True):
        if lots[fill] and mark >= 0 and at_ns < series.close_ns[-1]:
            price = int(series.close_ticks[mark])
            flows.append((at_ns, funding_atoms(series.instrument, price, int(lots[fill]), float(rate))))
    return flows

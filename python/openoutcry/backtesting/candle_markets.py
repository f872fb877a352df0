"""What a backtest on candles trades on: one instrument, or several side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import msgspec
import numpy as np

from openoutcry.backtesting.history.candles import (
    CandleSeries,
    Funding,
    interval_text,
    record_funding,
)
from openoutcry.backtesting.result import DatasetRecord, Finding, Integers
from openoutcry.domain.errors import InvalidInputError, MissingDataError
from openoutcry.domain.units import TimestampNs

LEAST_IN_COMMON: Final = 0.5  # of an instrument's candles; fewer say that the files do not belong together


@dataclass(frozen=True, slots=True, eq=False)
class CandleMarket:
    """Candles of one instrument, the record of where they came from, and the funding of a contract."""

    series: CandleSeries
    dataset: DatasetRecord | None = None
    funding: Funding | None = None

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.series.instrument.symbol

    @property
    def name(self) -> str:
        """What errors call it."""
        return self.dataset.path if self.dataset is not None and self.dataset.path else self.symbol

    @property
    def records(self) -> tuple[DatasetRecord, ...]:
        """The records of the candles and of the funding, as far as there are any."""
        paid = () if self.funding is None else (record_funding(self.funding, self.series.instrument),)
        return paid if self.dataset is None else (self.dataset, *paid)

    def slice(self, start: int, stop: int) -> "CandleMarket":
        """Candles `start` up to `stop`, at least one, with the record of them."""
        series, dataset = self.series.slice(start, stop), self.dataset
        if dataset is not None:
            first_ns, last_ns = TimestampNs(int(series.open_ns[0])), TimestampNs(int(series.close_ns[-1]))
            dataset = msgspec.structs.replace(dataset, first_ns=first_ns, last_ns=last_ns, rows=len(series))
        return replace(self, series=series, dataset=dataset)


def together(markets: Sequence[CandleMarket]) -> tuple[CandleMarket, ...]:
    """Several markets in the time that all of them have candles of; one stays as it is.

    A candle that closes when another instrument has none trades what rests, but the strategy is not asked
    then; a finding of its dataset says how many there are, and the first row.

    Raises:
        MissingDataError: a market has no candle, or they have no time in common.
        InvalidInputError: two are of one symbol; their venues, their quote assets, kinds or intervals differ;
            or more than half of the candles of one have no counterpart.
    """
    for market in markets:
        if not len(market.series):
            raise MissingDataError("there are no candles in this span; give a wider one, or other data")
    if len(markets) == 1:
        return tuple(markets)
    _check_fit(markets)
    first_ns = max(int(each.series.open_ns[0]) for each in markets)
    last_ns = min(int(each.series.close_ns[-1]) for each in markets)
    if first_ns >= last_ns:
        spans = "; ".join(f"{each.name} from {_span(each)}" for each in markets)
        raise MissingDataError(f"the data have no time in common: {spans}; give data of the same time")
    parts = tuple(_within(each, first_ns, last_ns) for each in markets)
    common = parts[0].series.close_ns
    for part in parts[1:]:
        common = np.intersect1d(common, part.series.close_ns, assume_unique=True)
    return tuple(_with_counterparts(part, common) for part in parts)


def in_step(markets: Sequence[CandleMarket]) -> tuple[CandleMarket, ...]:
    """Markets that lie `together`, with those candles alone that have a counterpart: row by row side by side.

    Raises:
        MissingDataError: there are none.
    """
    common = markets[0].series.close_ns
    for market in markets[1:]:
        common = np.intersect1d(common, market.series.close_ns, assume_unique=True)
    if not len(common):
        raise MissingDataError("the data have no candle of the same time; give data of the same time")
    return tuple(_at(market, common) for market in markets)


def side_by_side(series: Sequence[CandleSeries]) -> list[CandleSeries]:
    """Each instrument's last close at every moment at which any of them closed a candle.

    They begin when all have closed one; what has no candle then keeps its last price. Volume is not kept.
    """
    if len(series) == 1:
        return list(series)
    times = np.unique(np.concatenate([each.close_ns for each in series]))
    times = times[times >= max(int(each.close_ns[0]) for each in series)]
    interval_ns, none = series[0].interval_ns, np.zeros(len(times), np.int64)
    marks = []
    for each in series:
        closes = each.close_ticks[np.searchsorted(each.close_ns, times, side="right") - 1]
        marks.append(
            CandleSeries(
                each.instrument, interval_ns, times - interval_ns, closes, closes, closes, closes, none
            )
        )
    return marks


def in_order(series: Sequence[CandleSeries]) -> tuple[list[int], list[int]]:
    """All candles in the order of their closes: of which instrument each is, and its row there.

    Of one moment they come in the order of the instruments.
    """
    closes = np.concatenate([each.close_ns for each in series])
    numbers = np.repeat(np.arange(len(series)), [len(each) for each in series])
    rows = np.concatenate([np.arange(len(each)) for each in series])
    order = np.argsort(closes, kind="stable")
    return numbers[order].tolist(), rows[order].tolist()


def _check_fit(markets: Sequence[CandleMarket]) -> None:
    first = markets[0].series
    symbols = [each.symbol for each in markets]
    if len(set(symbols)) < len(symbols):
        raise InvalidInputError(
            f"two data are of one symbol ({', '.join(symbols)}); give one for each symbol"
        )
    for market in markets[1:]:
        mine, other = first.instrument, market.series.instrument
        for what, one, another in (
            ("venue", mine.venue, other.venue),
            ("quote asset", mine.quote, other.quote),
            ("asset of settlement", mine.settlement, other.settlement),
            ("kind of instrument", mine.kind, other.kind),
            ("interval", interval_text(first.interval_ns), interval_text(market.series.interval_ns)),
        ):
            if one != another:
                raise InvalidInputError(
                    f"{markets[0].name} and {market.name} differ in their {what} ({one}, {another}), and one "
                    f"account trades both; give candles of one {what}"
                )


def _within(market: CandleMarket, first_ns: int, last_ns: int) -> CandleMarket:
    """The candles that open and close within a time."""
    series = market.series
    start = int(np.searchsorted(series.open_ns, first_ns))
    stop = int(np.searchsorted(series.close_ns, last_ns, side="right"))
    if start >= stop:
        raise MissingDataError(
            f"{market.name} has no candle from {_moment(first_ns)} to {_moment(last_ns)}, where the others "
            "have theirs; give data of the same time"
        )
    return market if (start, stop) == (0, len(series)) else market.slice(start, stop)


def _at(market: CandleMarket, closes_ns: Integers) -> CandleMarket:
    """Its candles that close at these moments."""
    series = market.series
    if len(series) == len(closes_ns):
        return market
    rows = np.searchsorted(series.close_ns, closes_ns)
    columns = (column[rows] for column in series.columns())
    part = CandleSeries(series.instrument, series.interval_ns, *columns)
    return replace(market, series=part).slice(0, len(part))


def _with_counterparts(market: CandleMarket, common: Integers) -> CandleMarket:
    """The same, with a finding on its candles that close when another instrument has none."""
    series, dataset = market.series, market.dataset
    alone = np.flatnonzero(~np.isin(series.close_ns, common, assume_unique=True))
    if not len(alone):
        return market
    row, at = int(alone[0]), _moment(int(series.close_ns[alone[0]]))
    detail = f"{len(alone):,} of {len(series):,} candles close when another symbol has none, first at {at}"
    if len(alone) > LEAST_IN_COMMON * len(series):
        raise InvalidInputError(
            f"{market.name}, row {row}: {detail}; give candles whose intervals begin at the same moments"
        )
    if dataset is None:
        return market
    finding = Finding(
        severity="note",
        kind="no_counterpart",
        count=len(alone),
        row=row,
        detail=f"{detail}; the strategy is not asked then, and what rests may trade",
        remedy="none is needed; complete data leaves none out",
    )
    return replace(market, dataset=msgspec.structs.replace(dataset, findings=(*dataset.findings, finding)))


def _span(market: CandleMarket) -> str:
    series = market.series
    return f"{_moment(int(series.open_ns[0]))} to {_moment(int(series.close_ns[-1]))}"


def _moment(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S}"

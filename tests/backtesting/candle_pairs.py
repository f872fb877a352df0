"""Candles of two symbols for tests, and a strategy that looks at both."""

import msgspec
import numpy as np
from tests.backtesting.candle_histories import instrument, random_series, series

from openoutcry.backtesting.candle_markets import CandleMarket
from openoutcry.backtesting.history.candles import CandleSeries, record_candles
from openoutcry.strategies.strategy import Needs, Strategy


class Apart(Strategy, frozen=True):
    """Holds what closed lower than the other, and sells the other; nothing at equal closes."""

    needs = Needs(symbols=2)
    warmup: int = 1
    leg: float = 0.5

    def observe(self, market):
        ((other, candles),) = market.others.items()
        sign = float(np.sign(candles.close[-1] - market.close[-1]))
        return self.hold(sign * self.leg, "apart", others={other: -sign * self.leg})


def second(of, symbol="ETH"):
    """The same candles as another symbol's."""
    kind, named = of.instrument.kind, f"{symbol}/USDT"
    made = msgspec.structs.replace(
        instrument(kind),
        symbol=named if kind == "spot" else f"{named}:USDT",
        venue_symbol=f"{symbol}USDT",
        base=symbol,
    )
    return CandleSeries(made, of.interval_ns, *of.columns())


def market(of, **rest):
    """Candles with their record."""
    record = record_candles(of, name=of.instrument.base, path=f"{of.instrument.base}.csv", findings=())
    return CandleMarket(of, record, **rest)


def two(first_rows, second_rows, kind="linear"):
    """Two markets of rows as `series` takes them."""
    return [market(series(first_rows, kind)), market(second(series(second_rows, kind)))]


def random_two(seed, count=250, kind="linear"):
    """Two random walks, each with its own gaps."""
    return [market(random_series(seed, count, kind)), market(second(random_series(seed + 1, count, kind)))]

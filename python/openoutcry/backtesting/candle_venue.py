"""A venue made of candles: what an order would at worst have got, where nothing but candles is known.

The rule. An order that arrives when the part f of a candle's time is over trades, as a taker, at
`open + f·(high - open)` for a purchase and `open - f·(open - low)` for a sale, rounded against it, and half a
spread beyond; at f = 0 that is the open. If that is beyond its limit, it does not trade then. What rests
trades in a later candle, as a maker, at its limit, and only if that candle's price goes through the limit and
not just to it; it is known at the candle's end. All orders together take at most a share of a candle's
volume. Where there is no candle, nothing trades. Funding is paid on what is held at its time, valued at the
last close, rounded against us.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final

from openoutcry.assembly.backtest_settings import BacktestSettings
from openoutcry.backtesting.fee_schedule import FeeSchedule
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.order_reports import report_of
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Liquidity, OrderState
from openoutcry.domain.units import Atoms, PriceTicks, SizeLots, TimestampNs
from openoutcry.execution.commands import (
    CancelOrder,
    Command,
    FundingSettled,
    OrderAbsent,
    OrderReport,
    QueryOrder,
    SubmitOrder,
    VenueEvent,
)

RATE_UNITS: Final = 10**12  # a funding rate is a whole number of 10^-12
PPM: Final = 1_000_000  # parts per million: a hundredth of a basis point is one
FIRST_ROWS: Final = 64  # searched at once for a candle that trades through a limit


class _Order:
    """An order at the venue."""

    def __init__(self, order: SubmitOrder, venue_order_id: str) -> None:
        self.order: Final = order
        self.venue_order_id: Final = venue_order_id
        self.state: OrderState = "ACCEPTED"
        self.filled_lots = 0
        self.trades: list[OrderReport] = []
        self.fill_candle = 0  # in which what rests can trade next

    @property
    def open_lots(self) -> int:
        """What may still trade."""
        return self.order.size_lots - self.filled_lots


class CandleVenue:
    """Takes commands when they arrive, and answers with what happened. It looks ahead; nobody else may.

    `wake_ns` is when something that rests trades, or funding is due; `wake` must be called then.
    """

    def __init__(self, series: CandleSeries, terms: BacktestSettings, funding: Funding | None = None) -> None:
        self._series = series
        self._instrument: Instrument = series.instrument
        self._terms = terms
        self._fees = FeeSchedule(terms)
        self._end_ns = int(series.open_ns[-1]) + series.interval_ns if len(series) else 0
        self._open_ns, self._open, self._high, self._low, self._close, self._volume = series.views()
        self._orders: dict[str, _Order] = {}
        self._resting: dict[str, _Order] = {}
        self._taken: tuple[int, int] = (-1, 0)  # a candle, and the lots that our orders had of it
        self._trades = 0
        self._position_lots = 0
        self._funding_ns: list[int] = [] if funding is None else funding.times_ns.tolist()
        self._rates: list[float] = [] if funding is None else funding.rates.tolist()
        self.funding: list[FundingSettled] = []  # all that was settled
        self.wake_ns: TimestampNs | None = None

    def take(self, command: Command, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """Carry out a command that arrives now."""
        kind = type(command)
        if kind is SubmitOrder:
            return self._submit(command, now_ns)  # type: ignore[arg-type]
        known = self._orders.get(command.client_order_id)
        if known is None:
            return (OrderAbsent(client_order_id=command.client_order_id, server_ns=now_ns),)
        if kind is QueryOrder:
            return (*known.trades, self._report(known, now_ns))
        assert isinstance(command, CancelOrder)
        if self._resting.pop(command.client_order_id, None) is not None:
            known.state = "CANCELED"
            self._look_ahead(now_ns)
        return (self._report(known, now_ns, reason=command.reason),)

    def wake(self, now_ns: TimestampNs) -> Sequence[VenueEvent | FundingSettled]:
        """Funding is settled, and the candles that end now trade what rests; oldest orders first."""
        events: list[VenueEvent | FundingSettled] = [*self._settle_funding(now_ns)]
        for resting in tuple(self._resting.values()):
            candle = resting.fill_candle
            if self._ends(candle) > now_ns:
                continue
            lots = min(resting.open_lots, self._left_lots(candle))
            if lots:
                price = resting.order.price_ticks
                events.append(
                    self._trade(resting, candle, lots, price=price, liquidity="maker", now_ns=now_ns)
                )
            if resting.open_lots:
                resting.fill_candle = self._trades_through(resting.order, candle + 1)
            else:
                del self._resting[resting.order.client_order_id]
        self._look_ahead(now_ns)
        return events

    def _submit(self, order: SubmitOrder, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        if order.client_order_id in self._orders:
            return (self._report(self._orders[order.client_order_id], now_ns),)
        placed = self._orders[order.client_order_id] = _Order(order, f"v{len(self._orders) + 1}")
        candle, elapsed_ns = self._candle_at(now_ns)
        events: list[VenueEvent] = []
        if elapsed_ns >= 0:
            price = self._taker_price(order, candle, elapsed_ns)
            is_marketable = price <= order.price_ticks if order.side == "buy" else price >= order.price_ticks
            lots = min(order.size_lots, self._left_lots(candle)) if is_marketable else 0
            if lots and not (order.time_in_force == "FOK" and lots < order.size_lots):
                events.append(
                    self._trade(placed, candle, lots, price=price, liquidity="taker", now_ns=now_ns)
                )
                self._look_ahead(now_ns)
                if not placed.open_lots:
                    return events
        if order.time_in_force == "GTC":
            is_whole = elapsed_ns == 0 and not events  # all of this candle is still to come
            placed.fill_candle = self._trades_through(order, candle if is_whole else candle + 1)
            self._resting[order.client_order_id] = placed
            self._look_ahead(now_ns)
            return events or [self._report(placed, now_ns)]
        placed.state = "EXPIRED"
        return [*events, self._report(placed, now_ns)]

    def _candle_at(self, now_ns: int) -> tuple[int, int]:
        """The candle whose time it is and what of it is over, in ns; -1 ns where there is no candle."""
        candle = bisect_right(self._open_ns, now_ns) - 1
        if candle < 0:
            return candle, -1
        elapsed_ns = now_ns - self._open_ns[candle]
        return candle, elapsed_ns if elapsed_ns < self._series.interval_ns else -1

    def _taker_price(self, order: SubmitOrder, candle: int, elapsed_ns: int) -> PriceTicks:
        """The worst price that the candle may have had by then, and half a spread; rounded against us."""
        opens, spread_ppm = self._open[candle], self._terms.half_spread_ppm
        interval_ns = self._series.interval_ns
        if order.side == "buy":
            price = opens - (opens - self._high[candle]) * elapsed_ns // interval_ns
            return PriceTicks(price + -(-price * spread_ppm // PPM))
        price = opens + (self._low[candle] - opens) * elapsed_ns // interval_ns
        return PriceTicks(price - -(-price * spread_ppm // PPM))

    def _trades_through(self, order: SubmitOrder, start: int) -> int:
        """The first candle from `start` on whose price goes through the order's limit, else their number."""
        rows, price = FIRST_ROWS, order.price_ticks
        column = self._series.low_ticks if order.side == "buy" else self._series.high_ticks
        while start < len(column):
            chunk = column[start : start + rows]
            through = chunk < price if order.side == "buy" else chunk > price
            if through.any():
                return start + int(through.argmax())
            start += rows
            rows *= 2
        return len(column)

    def _ends(self, candle: int) -> int:
        """The last moment of a candle: at its close the next one opens."""
        return self._open_ns[candle] + self._series.interval_ns - 1

    def _settle_funding(self, now_ns: TimestampNs) -> Sequence[FundingSettled]:
        """What is held pays rate · value if it is long, and is paid that if it is short."""
        index = bisect_left(self._funding_ns, now_ns)
        candle = bisect_right(self._open_ns, now_ns - self._series.interval_ns) - 1  # the last that closed
        if not self._position_lots or candle < 0 or self._funding_ns[index : index + 1] != [now_ns]:
            return ()
        rate, close = round(self._rates[index] * RATE_UNITS), self._close[candle]
        paid = self._instrument.part_atoms(close, self._position_lots, rate, RATE_UNITS)
        settled = FundingSettled(
            symbol=self._instrument.symbol,
            settlement_id=f"f{now_ns}",
            amount_atoms=Atoms(-paid),
            at_ns=now_ns,
        )
        self.funding.append(settled)
        return (settled,)

    def _look_ahead(self, now_ns: int) -> None:
        """Set the moment at which something happens next without a command."""
        candle = min((each.fill_candle for each in self._resting.values()), default=len(self._series))
        moments = [self._ends(candle)] if candle < len(self._series) else []
        due = bisect_right(self._funding_ns, now_ns)
        if self._position_lots and due < len(self._funding_ns) and self._funding_ns[due] < self._end_ns:
            moments.append(self._funding_ns[due])
        self.wake_ns = TimestampNs(min(moments)) if moments else None

    def _left_lots(self, candle: int) -> int:
        """What our orders may still have of a candle's volume."""
        taken = self._taken[1] if self._taken[0] == candle else 0
        return max(self._volume[candle] * self._terms.volume_share_ppm // PPM - taken, 0)

    def _trade(
        self, placed: _Order, candle: int, lots: int, *, price: int, liquidity: Liquidity, now_ns: TimestampNs
    ) -> OrderReport:
        order, instrument = placed.order, self._instrument
        self._taken = (candle, lots + (self._taken[1] if self._taken[0] == candle else 0))
        self._trades += 1
        placed.filled_lots += lots
        self._position_lots += lots if order.side == "buy" else -lots
        placed.state = "FILLED" if placed.filled_lots == order.size_lots else "PARTIALLY_FILLED"
        volume_atoms = abs(instrument.cash_flow_atoms(price, lots))
        fee_ppm = self._fees.rate_ppm(now_ns, volume_atoms, is_maker=liquidity == "maker")
        report = self._report(
            placed,
            now_ns,
            trade_id=f"t{self._trades}",
            last_price_ticks=PriceTicks(price),
            last_lots=SizeLots(lots),
            fee_atoms=instrument.part_atoms(price, lots, fee_ppm, PPM),
            fee_asset=instrument.settlement,
            liquidity=liquidity,
        )
        placed.trades.append(report)
        return report

    def _report(self, placed: _Order, now_ns: TimestampNs, **told: Any) -> OrderReport:
        return report_of(
            placed.order, placed.venue_order_id, placed.state, placed.filled_lots, now_ns, **told
        )

"""The venue behind the wire: matching in the core, orders and money here, events for the user stream."""

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import Side
from openoutcry.exchanges.local import venue_errors
from openoutcry.exchanges.local.account import Account, paying_asset
from openoutcry.exchanges.local.filters import MAX_OPEN_ORDERS, MAX_PRICE_UNITS, OrderRequest
from openoutcry.exchanges.local.orders import VenueOrder, VenueTrade, WireFormat
from openoutcry.native import SimulatedVenue

# Orders are remembered for the whole run; beyond this many the venue takes no more.
MAX_ORDERS: Final = 100_000

Event = dict[str, object]
Report = tuple[int, str, Side, int, int, int, int, int, bool, int]


class Venue:
    """One symbol's market with our orders in it. It is told the time, in ms of the wall clock.

    `publish` takes the events of the user stream in the order in which they happen.
    """

    def __init__(self, instrument: Instrument, account: Account, publish: Callable[[Event], None]) -> None:
        self.instrument = instrument
        self.account = account
        self.wire = WireFormat(instrument)
        self.core = SimulatedVenue(
            product="spot",
            symbol=instrument.venue_symbol,
            price_tick=instrument.price_tick,
            size_step=instrument.size_step,
        )
        self.orders: dict[int, VenueOrder] = {}
        self.trades: list[VenueTrade] = []
        self._open: dict[str, VenueOrder] = {}  # by client order id, which is unique among open orders only
        self._latest: dict[str, VenueOrder] = {}  # by client order id
        self._publish = publish
        self._order_ids = itertools.count(1)
        self._execution_ids = itertools.count(1)
        self._market_ns = 0

    @property
    def open_orders(self) -> list[VenueOrder]:
        """What rests, oldest first."""
        return list(self._open.values())

    def apply(self, frame: bytes, received_ns: int, now_ms: int) -> None:
        """Apply a recorded frame or snapshot; our orders may be filled by it. Raises DecodeError."""
        self._market_ns = received_ns
        self._settle(self.core.apply(frame, received_ns), now_ms)

    def place(self, request: OrderRequest, now_ms: int) -> VenueOrder:
        """Take a new order.

        Raises:
            RequestRefusedError: duplicate id, too little balance, no book, too many orders, LIMIT_MAKER that
                would match. Nothing has changed then.
        """
        if request.client_order_id in self._open:
            raise venue_errors.duplicate_order()
        if len(self._open) >= MAX_OPEN_ORDERS:
            raise venue_errors.filter_failure("MAX_NUM_ORDERS")
        if len(self.orders) >= MAX_ORDERS:
            raise venue_errors.too_many_orders(MAX_ORDERS)
        if self.core.top() is None:
            raise venue_errors.RequestRefusedError(-1112, "No orders on book for symbol.")
        order = VenueOrder(
            order_id=next(self._order_ids),
            client_order_id=request.client_order_id or secrets.token_hex(11),
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            price_ticks=request.price_ticks or 0,
            reserve_price_ticks=self._reserve_price_ticks(request),
            size_lots=request.size_lots,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        paying = paying_asset(order.side, self.instrument.base, self.instrument.quote)
        if not self.account.reserve(paying, self._reservation(order, order.size_lots)):
            raise venue_errors.insufficient_balance()
        self._submit(order)
        return order

    def cancel(self, order: VenueOrder, cancel_id: str, now_ms: int) -> str:
        """Withdraw an order; returns the cancel's own id. Raises RequestRefusedError if it is not open."""
        if not order.is_open:
            raise venue_errors.unknown_order()
        cancel_id = cancel_id or secrets.token_hex(11)
        self._settle(self.core.cancel(order.order_id, self._market_ns), now_ms, cancel_id)
        return cancel_id

    def find(self, order_id: int | None, client_order_id: str) -> VenueOrder | None:
        """An order by its id, or else the latest with that client order id; None if there is none."""
        if order_id is None:
            return self._latest.get(client_order_id)
        order = self.orders.get(order_id)
        return order if order and client_order_id in {"", order.client_order_id} else None

    def _reserve_price_ticks(self, request: OrderRequest) -> int:
        """The price at which to reserve: the limit, or for a market buy the most that the balance allows.

        With that cap a market buy can never cost more than is there.
        """
        if request.price_ticks is not None or request.side == "sell":
            return request.price_ticks or 0
        free = self.account.of(self.instrument.quote).free
        affordable = free // self.instrument.notional_atoms(1, request.size_lots)
        top = self.core.top()
        if top is None or affordable < top[2]:
            raise venue_errors.insufficient_balance()
        return min(affordable, int(MAX_PRICE_UNITS / self.instrument.tick))

    def _reservation(self, order: VenueOrder, size_lots: int) -> int:
        """Atoms of the paying asset that so many lots of an order hold."""
        if order.side == "buy":
            return self.instrument.notional_atoms(order.reserve_price_ticks, size_lots)
        return size_lots * self.instrument.base_atoms_per_lot

    def _submit(self, order: VenueOrder) -> None:
        is_market_buy = order.order_type == "MARKET" and order.side == "buy"
        reports = self.core.submit(
            order_id=order.order_id,
            side=order.side,
            price_ticks=order.reserve_price_ticks if is_market_buy else order.price_ticks or None,
            size_lots=order.size_lots,
            time_in_force="IOC" if is_market_buy else order.time_in_force,
            post_only=order.order_type == "LIMIT_MAKER",
            now_ns=self._market_ns,
        )
        if reports[0][1] == "REJECTED":
            self._release(order)
            raise venue_errors.would_match()
        self.orders[order.order_id] = order
        self._latest[order.client_order_id] = order
        self._open[order.client_order_id] = order
        self._settle(reports, order.created_ms)

    def _release(self, order: VenueOrder) -> None:
        paying = paying_asset(order.side, self.instrument.base, self.instrument.quote)
        self.account.release(paying, self._reservation(order, order.leaves_lots))

    def _settle(self, reports: Iterable[Report], now_ms: int, cancel_id: str | None = None) -> None:
        """Carry the core's reports out on orders and balances, and publish them."""
        is_settled = False
        for report in reports:
            is_settled = True
            order = self.orders[report[0]]
            self._publish(self._event(order, report, now_ms, cancel_id))
        if is_settled:
            assets = (self.instrument.base, self.instrument.quote)
            self._publish(self.wire.account_position(self.account, assets, now_ms))

    def _event(self, order: VenueOrder, report: Report, now_ms: int, cancel_id: str | None) -> Event:
        execution_id = next(self._execution_ids)
        order.updated_ms = now_ms
        match report[1]:
            case "NEW":
                return self.wire.execution_report(order, "NEW", execution_id=execution_id)
            case "TRADE":
                trade = self._fill(order, report, now_ms)
                return self.wire.execution_report(order, "TRADE", execution_id=execution_id, trade=trade)
            case "CANCELED" | "EXPIRED" as kind:
                order.status = "CANCELED" if kind == "CANCELED" else "EXPIRED"
                del self._open[order.client_order_id]
                self._release(order)
                return self.wire.execution_report(
                    order, order.status, execution_id=execution_id, cancel_id=cancel_id
                )
        raise AssertionError(f"the core reported {report[1]!r} of order {order.order_id}")

    def _fill(self, order: VenueOrder, report: Report, now_ms: int) -> VenueTrade:
        _, _, side, price_ticks, last_lots, filled_lots, leaves_lots, trade_id, is_maker, _ = report
        instrument = self.instrument
        cost_atoms = instrument.notional_atoms(price_ticks, last_lots)
        base_atoms = last_lots * instrument.base_atoms_per_lot
        paid, received = (
            (instrument.quote, instrument.base) if side == "buy" else (instrument.base, instrument.quote)
        )
        paid_atoms, received_atoms = (cost_atoms, base_atoms) if side == "buy" else (base_atoms, cost_atoms)
        commission_atoms = self.account.commission(received_atoms, is_maker=is_maker)
        self.account.exchange(
            paid=paid,
            paid_atoms=paid_atoms,
            received=received,
            received_atoms=received_atoms,
            commission_atoms=commission_atoms,
        )
        self.account.release(paid, self._reservation(order, last_lots) - paid_atoms)
        order.filled_lots += last_lots
        if (order.filled_lots, order.leaves_lots) != (filled_lots, leaves_lots):
            raise AssertionError(
                f"order {order.order_id}: the core counts {filled_lots} lots filled, we {order.filled_lots}"
            )
        order.quote_atoms += cost_atoms
        order.status = "PARTIALLY_FILLED" if leaves_lots else "FILLED"
        if not leaves_lots:
            del self._open[order.client_order_id]
        trade = VenueTrade(
            trade_id=trade_id,
            order_id=order.order_id,
            side=side,
            price_ticks=price_ticks,
            size_lots=last_lots,
            quote_atoms=cost_atoms,
            commission_atoms=commission_atoms,
            commission_asset=received,
            is_maker=is_maker,
            at_ms=now_ms,
        )
        order.trades.append(trade)
        self.trades.append(trade)
        return trade

    def trades_of(self, order_id: int | None, first_trade_id: int) -> Iterator[VenueTrade]:
        """Our trades from an id on, of one order or of all."""
        trades = self.trades
        if order_id is not None:
            order = self.orders.get(order_id)
            trades = order.trades if order else []
        return (trade for trade in trades if trade.trade_id >= first_trade_id)

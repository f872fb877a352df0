"""The simulator as the venue of a trading floor: commands in, reports out."""

from collections.abc import Sequence
from typing import Final

from openoutcry.backtesting.order_reports import report_of
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import OrderState
from openoutcry.domain.units import Atoms, PriceTicks, SizeLots, TimestampNs
from openoutcry.execution.commands import (
    CancelOrder,
    Command,
    OrderAbsent,
    OrderReport,
    QueryOrder,
    SubmitFailed,
    SubmitOrder,
    VenueEvent,
)
from openoutcry.native import OrderError, Simulator

_ENDS: Final[dict[str, OrderState]] = {
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
}


class _Order:
    """An order of ours, as far as the venue's reports of it have come."""

    def __init__(self, order: SubmitOrder, number: int) -> None:
        self.order: Final = order
        self.number: Final = number
        self.state: OrderState | None = None  # no report has come
        self.filled_lots = 0
        self.trades: list[OrderReport] = []
        self.cancel_reason = ""
        self.at_ns = TimestampNs(0)


class SimulatedVenue:
    """Carries the desk's commands to the simulator, which keeps the latencies both ways.

    So a command is taken at once and answered by `reports`; only what the desk's side knows already, as of an
    order that is over, is answered directly.
    """

    wake_ns: TimestampNs | None = None  # the simulator wakes by itself

    def __init__(self, simulator: Simulator, instruments: Sequence[Instrument]) -> None:
        """`instruments` are those of the simulator, in its order."""
        self._simulator = simulator
        self._instruments = tuple(instruments)
        self._numbers = {instrument.symbol: index for index, instrument in enumerate(instruments)}
        self._orders: dict[str, _Order] = {}
        self._placed: dict[int, _Order] = {}
        self._trades = 0

    def take(self, command: Command, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """Carry out a command."""
        known = self._orders.get(command.client_order_id)
        if isinstance(command, SubmitOrder):
            return self._submit(command, now_ns) if known is None else self._known(known)
        if known is None:
            return (OrderAbsent(client_order_id=command.client_order_id, server_ns=now_ns),)
        if isinstance(command, QueryOrder):
            return (*known.trades, *self._known(known))
        return self._cancel(command, known)

    def wake(self, now_ns: TimestampNs) -> Sequence[VenueEvent]:  # noqa: ARG002  a venue's
        """Nothing happens but what the simulator reports."""
        return ()

    def reports(self, number: int) -> list[VenueEvent]:
        """What the simulator has reported of one instrument since the last time."""
        events: list[VenueEvent] = []
        for (
            order_id,
            kind,
            refusal,
            _side,
            price,
            last,
            filled,
            _leaves,
            is_maker,
            fee_atoms,
            at_ns,
        ) in self._simulator.reports(number):
            placed = self._placed[order_id]
            placed.at_ns = TimestampNs(at_ns)
            if kind == "fill":
                events.append(self._trade(placed, number, price, last, fee_atoms, is_maker=is_maker))
                continue
            if kind == "accepted":
                placed.state = "PARTIALLY_FILLED" if filled else "ACCEPTED"
            elif kind in _ENDS:
                placed.state = _ENDS[kind]
            events += self._known(placed, refusal or (placed.cancel_reason if kind == "canceled" else ""))
        return events

    def _submit(self, order: SubmitOrder, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        try:
            number = self._simulator.submit(
                self._numbers[order.symbol],
                order.side,
                order.price_ticks,
                order.size_lots,
                order.time_in_force,
            )
        except OrderError as error:
            return (
                SubmitFailed(
                    client_order_id=order.client_order_id,
                    ambiguous=False,
                    code=0,
                    reason=str(error),
                    at_ns=now_ns,
                ),
            )
        self._orders[order.client_order_id] = self._placed[number] = _Order(order, number)
        return ()

    def _cancel(self, command: CancelOrder, known: _Order) -> Sequence[VenueEvent]:
        try:
            self._simulator.cancel(self._numbers[command.symbol], known.number)
        except OrderError:  # it is over, or being withdrawn
            return self._known(known, command.reason)
        known.cancel_reason = command.reason
        return ()

    def _trade(
        self, placed: _Order, number: int, price: int, lots: int, fee_atoms: int, *, is_maker: bool
    ) -> OrderReport:
        order, instrument = placed.order, self._instruments[number]
        self._trades += 1
        placed.filled_lots += lots
        placed.state = "FILLED" if placed.filled_lots == order.size_lots else "PARTIALLY_FILLED"
        report = report_of(
            order,
            f"v{placed.number}",
            placed.state,
            placed.filled_lots,
            placed.at_ns,
            trade_id=f"t{self._trades}",
            last_price_ticks=PriceTicks(price),
            last_lots=SizeLots(lots),
            fee_atoms=Atoms(fee_atoms),
            fee_asset=instrument.settlement,
            liquidity="maker" if is_maker else "taker",
        )
        placed.trades.append(report)
        return report

    def _known(self, placed: _Order, reason: str = "") -> Sequence[VenueEvent]:
        """What is known of an order; nothing while its first report is on its way."""
        order = placed.order
        if placed.state is None:
            return ()
        return (
            report_of(
                order,
                f"v{placed.number}",
                placed.state,
                placed.filled_lots,
                placed.at_ns,
                reason=reason,
            ),
        )

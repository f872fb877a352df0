"""The local exchange's venue, without its wire: the same matching, filters, fees and words, in market time.

Orders meet the recorded book as they do in `run --paper`. What they took stays gone until the recording
updates the level; what rests queues behind what stood there; the recorded market does not react.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import NS_PER_MS, TimestampNs
from openoutcry.exchanges.binance_reports import (
    OrderReply,
    TradeReply,
    decode_reply,
    from_execution_report,
    from_order_reply,
    from_trades,
)
from openoutcry.exchanges.local.account import Account
from openoutcry.exchanges.local.filters import check_order
from openoutcry.exchanges.local.venue import Venue
from openoutcry.exchanges.local.venue_errors import RequestRefusedError
from openoutcry.exchanges.order_parameters import order_parameters
from openoutcry.execution.commands import (
    CancelOrder,
    Command,
    OrderAbsent,
    OrderReport,
    SubmitFailed,
    SubmitOrder,
    VenueEvent,
)

SNAPSHOT_LEVELS: Final = 5_000  # as the venue's REST depth gives
_CANCEL_ID: Final = "cancel"  # a cancel's own id, which no report of ours repeats


class ReplayedVenue:
    """Takes recorded frames and our commands, and answers with what happened."""

    def __init__(self, instrument: Instrument, cash_atoms: int, *, maker_ppm: int, taker_ppm: int) -> None:
        """Open an account. Raises InvalidInputError for a fee below 0, which the local exchange has not."""
        self.wake_ns: TimestampNs | None = None  # it wakes by its frames
        self._instrument = instrument
        account = Account(
            {instrument.quote: cash_atoms}, maker_fee_millionths=maker_ppm, taker_fee_millionths=taker_ppm
        )
        self._venue = Venue(instrument, account, self._publish)
        self._told: list[VenueEvent] = []

    @property
    def has_book(self) -> bool:
        """The recording's snapshot has come."""
        core = self._venue.core
        return core.top() is not None and bool(core.last_update_id)

    def depth(self) -> bytes:
        """The book as the venue's REST reply."""
        return self._venue.core.snapshot(SNAPSHOT_LEVELS)

    def apply(self, frame: bytes, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """Apply a recorded frame or snapshot. Raises DecodeError."""
        self._venue.apply(frame, now_ns, now_ns // NS_PER_MS)
        return self._take_told()

    def take(self, command: Command, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """Carry out a command that arrives now."""
        match command:
            case SubmitOrder():
                return self._submit(command, now_ns)
            case CancelOrder():
                return self._cancel(command, now_ns)
        return self._query(command.client_order_id, now_ns)

    def wake(self, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """Nothing happens here between frames."""
        del now_ns
        return ()

    def _submit(self, order: SubmitOrder, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        instrument = self._instrument
        try:
            request = check_order(order_parameters(order, instrument), instrument, market_price_ticks=None)
            self._venue.place(request, now_ns // NS_PER_MS)
        except RequestRefusedError as error:
            refused = SubmitFailed(
                client_order_id=order.client_order_id,
                ambiguous=False,
                code=error.code,
                reason=f"order {order.client_order_id}: {error.message} ({error.code})",
                at_ns=now_ns,
            )
            return (refused,)
        return self._take_told()

    def _cancel(self, order: CancelOrder, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        """A refused cancel is asked about, as the execution actor does."""
        known = self._venue.find(None, order.client_order_id)
        if known is None or not known.is_open:
            return self._query(order.client_order_id, now_ns)
        self._venue.cancel(known, _CANCEL_ID, now_ns // NS_PER_MS)
        return self._take_told()

    def _query(self, client_order_id: str, now_ns: TimestampNs) -> Sequence[VenueEvent]:
        order = self._venue.find(None, client_order_id)
        if order is None:
            return (OrderAbsent(client_order_id=client_order_id, server_ns=now_ns),)
        wire, instrument = self._venue.wire, self._instrument
        report = from_order_reply(_read(wire.queried(order), OrderReply), instrument)
        trades = [_read(wire.own_trade(trade), TradeReply) for trade in order.trades]
        return (*from_trades(report, trades, instrument), report)

    def _publish(self, event: dict[str, object]) -> None:
        """An event of the user stream; balances are not followed."""
        if event["e"] != "executionReport":
            return
        report: OrderReport | None = from_execution_report(msgspec.json.encode(event), self._instrument)
        if report is not None:
            self._told.append(report)

    def _take_told(self) -> Sequence[VenueEvent]:
        told, self._told = self._told, []
        return told


def _read(reply: dict[str, object], kind: type[Any]) -> Any:
    return decode_reply(msgspec.json.encode(reply), kind, "the replayed venue's reply")

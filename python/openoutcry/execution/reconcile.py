"""Do journal, ledger and venue agree, to the last lot and atom? A list of where they do not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import atoms_to_text
from openoutcry.execution.commands import FundingSettled, OrderReport
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.order import ChildOrder


class Discrepancy(msgspec.Struct, frozen=True, order=True):
    """One disagreement: what about, of which order, trade or asset, and the two figures."""

    kind: str
    subject: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: ours {self.ours}, venue's {self.theirs}"


def reconcile(
    *,
    instruments: Mapping[str, Instrument],
    opening_balances: Mapping[str, int],
    journal_fills: Iterable[Fill],
    journal_funding: Iterable[FundingSettled] = (),
    ledger: Ledger,
    orders: Iterable[ChildOrder],
    venue_open: Sequence[OrderReport],
    venue_fills: Sequence[OrderReport],
    venue_balances: Mapping[str, int],
) -> tuple[Discrepancy, ...]:
    """Compare four views: the journal's fills and funding, the ledger, our orders, and what the venue says.

    `venue_fills` are the trades of `orders`, one report each; `venue_open` is all that rests, also of others;
    `venue_balances` are totals, free and locked. The result is sorted and says the same for the same input.
    """
    fills, known = tuple(journal_fills), {order.order.client_order_id: order for order in orders}
    booked = Ledger(instruments, opening_balances)
    for fill in fills:
        booked.book(fill)
    for funding in journal_funding:
        booked.fund(funding)
    found = [
        *_open_orders(known, venue_open),
        *_fills(known, fills, venue_fills),
        *_ledger(booked, ledger, instruments),
        *_balances(ledger, venue_balances),
    ]
    return tuple(sorted(found))


def _open_orders(known: Mapping[str, ChildOrder], venue_open: Sequence[OrderReport]) -> Iterator[Discrepancy]:
    theirs = {report.client_order_id: report for report in venue_open}
    for order_id, report in theirs.items():
        ours = known.get(order_id)
        if ours is None:
            yield Discrepancy("open order", order_id, "not ours", f"{report.side} {report.size_lots} lots")
        elif ours.is_terminal:
            yield Discrepancy("open order", order_id, ours.state, report.state)
    for order_id, order in known.items():
        if not order.is_terminal and order_id not in theirs:
            yield Discrepancy("open order", order_id, order.state, "not open")


def _fills(
    known: Mapping[str, ChildOrder], fills: Sequence[Fill], venue_fills: Sequence[OrderReport]
) -> Iterator[Discrepancy]:
    ours = {(fill.symbol, fill.trade_id): _terms(fill) for fill in fills}
    theirs = {(report.symbol, report.trade_id): _venue_terms(report) for report in venue_fills}
    for key in ours.keys() | theirs.keys():
        mine, yours = ours.get(key, "not in the journal"), theirs.get(key, "unknown")
        if mine != yours:
            yield Discrepancy("fill", f"{key[0]} trade {key[1]}", mine, yours)
    by_order: Counter[str] = Counter()
    for fill in fills:
        by_order[fill.client_order_id] += fill.size_lots
    for order_id, order in known.items():
        if by_order[order_id] != max(order.reported_lots, order.filled_lots):
            yield Discrepancy("filled lots", order_id, str(by_order[order_id]), str(order.reported_lots))


def _ledger(booked: Ledger, ledger: Ledger, instruments: Mapping[str, Instrument]) -> Iterator[Discrepancy]:
    """The ledger in memory against one rebuilt from the journal; here "venue's" is the journal's."""
    for symbol in instruments:
        rebuilt, live = booked.position_lots(symbol), ledger.position_lots(symbol)
        if rebuilt != live:
            yield Discrepancy(
                "ledger position in lots (against the journal)", symbol, str(live), str(rebuilt)
            )
    for asset in booked.balances.keys() | ledger.balances.keys():
        rebuilt_atoms, live_atoms = booked.balances[asset], ledger.balances[asset]
        if rebuilt_atoms != live_atoms:
            yield Discrepancy(
                "ledger balance (against the journal)",
                asset,
                atoms_to_text(live_atoms),
                atoms_to_text(rebuilt_atoms),
            )


def _balances(ledger: Ledger, venue_balances: Mapping[str, int]) -> Iterator[Discrepancy]:
    for asset in ledger.balances.keys() | venue_balances.keys():
        ours, theirs = ledger.balances[asset], venue_balances.get(asset, 0)
        if ours != theirs:
            yield Discrepancy("balance", asset, atoms_to_text(ours), atoms_to_text(theirs))


def _terms(fill: Fill) -> str:
    fee = f"fee {atoms_to_text(fill.fee_atoms)} {fill.fee_asset}"
    return f"{fill.client_order_id} {fill.side} {fill.size_lots} lots at {fill.price_ticks} ticks, {fee}"


def _venue_terms(report: OrderReport) -> str:
    fee = f"fee {atoms_to_text(report.fee_atoms)} {report.fee_asset}"
    terms = f"{report.side} {report.last_lots} lots at {report.last_price_ticks} ticks"
    return f"{report.client_order_id} {terms}, {fee}"

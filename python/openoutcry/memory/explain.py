"""Why an order happened: cause by cause from a fill, a child or a parent back to the candle."""

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.decision_journal import DecisionReader
from openoutcry.memory.order_journal import JournalEntry, OrderJournalReader

MAX_CAUSES: Final = 32
MAX_NEAR_IDS: Final = 5

_ROOT_KIND: Final = "CandleClosed"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One step: what happened, when, and its record. A cause that no journal holds is "missing"."""

    kind: str
    id: str
    at_ns: int
    record: dict[str, Any]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`causes` from the thing asked about back to its candle; `effects` are what came of it, in time's order.

    `is_complete` says that the chain ends at a candle and no link is missing.
    """

    subject: str
    causes: tuple[Link, ...]
    effects: tuple[Link, ...]

    @property
    def is_complete(self) -> bool:
        """The chain reaches a candle."""
        return bool(self.causes) and self.causes[-1].kind == _ROOT_KIND


def explain(reference: str, orders_db: Path, decisions_db: Path) -> Explanation:
    """Explain a parent id, a client order id or a trade id; an unambiguous beginning is enough.

    Raises:
        InvalidInputError: no id, or several, begin like that; names near ones.
        JournalError: a journal is absent or damaged.
    """
    orders = OrderJournalReader(orders_db)
    try:
        parent_id, client_order_id, trade_id = _resolve(reference, orders.identifiers())
        entries = orders.of_parent(parent_id)
    finally:
        orders.close()
    planned = next(entry for entry in entries if entry.kind == "ParentPlanned")
    child = [
        entry
        for entry in entries
        if entry.kind == "ChildIntended" and entry.client_order_id == client_order_id
    ]
    fill = [entry for entry in entries if entry.kind == "Fill" and entry.trade_id == trade_id and trade_id]
    approved = _decode(planned.payload)["approved"]
    own = [_link(entry) for entry in (*fill, *child)]
    own += [
        Link(kind="Approved", id=parent_id, at_ns=planned.at_ns, record=approved["order"]),
        Link(
            kind="OrderIntent",
            id=approved["intent"]["id"],
            at_ns=approved["intent"]["event_ns"],
            record=approved["intent"],
        ),
    ]
    decisions = DecisionReader(decisions_db)
    try:
        causes = (*own, *_causes(approved["intent"].get("cause_id", ""), decisions))
    finally:
        decisions.close()
    return Explanation(
        subject=trade_id or client_order_id or parent_id,
        causes=causes,
        effects=() if trade_id else tuple(_effects(entries, client_order_id)),
    )


def _resolve(reference: str, identifiers: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    """Find (parent, child, trade) by an id or its beginning."""
    if not reference:
        raise InvalidInputError("no order was named; give a parent id, a client order id or a trade id")
    named = {row[2] or row[1] or row[0]: row for row in identifiers}
    if reference in named:
        return named[reference]
    found = [name for name in named if name.startswith(reference)]
    if len(found) == 1:
        return named[found[0]]
    if found:
        shown = ", ".join(found[:MAX_NEAR_IDS])
        raise InvalidInputError(f"{len(found)} ids begin with {reference!r} ({shown}, …); give more of it")
    near = (
        difflib.get_close_matches(reference, named, n=MAX_NEAR_IDS, cutoff=0.4) or list(named)[-MAX_NEAR_IDS:]
    )
    hint = f"near it: {', '.join(near)}" if near else "the journal holds no order yet"
    raise InvalidInputError(f"no order, child or trade has the id {reference!r}; {hint}")


def _causes(cause_id: str, decisions: DecisionReader) -> Iterator[Link]:
    """Follow `cause_id` through the decision journal."""
    for _ in range(MAX_CAUSES):
        if not cause_id:
            return
        found = decisions.find(cause_id)
        if not found:
            yield Link(kind="missing", id=cause_id, at_ns=0, record={})
            return
        record = found[0]
        yield Link(kind=record.kind, id=record.id, at_ns=record.at_ns, record=_decode(record.payload))
        if record.cause_id == cause_id:
            return
        cause_id = record.cause_id


def _effects(entries: list[JournalEntry], client_order_id: str) -> Iterator[Link]:
    """What came of a child, or of all children of a parent: intents, fills, changes of state, the end."""
    shown: Callable[[JournalEntry], bool]
    if client_order_id:
        shown = lambda entry: entry.client_order_id == client_order_id and entry.kind != "ChildIntended"  # noqa: E731
    else:
        shown = lambda entry: entry.kind != "ParentPlanned"  # noqa: E731
    return (_link(entry) for entry in entries if shown(entry) and entry.kind != "OrderReport")


def _link(entry: JournalEntry) -> Link:
    return Link(
        kind=entry.kind,
        id=entry.trade_id or entry.client_order_id or entry.parent_id,
        at_ns=entry.at_ns,
        record=_decode(entry.payload),
    )


def _decode(payload: bytes) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(payload)
    return record

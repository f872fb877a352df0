import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.domain.errors import JournalError
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.execution.commands import FundingSettled
from openoutcry.execution.ledger import Ledger
from openoutcry.execution.parent import client_order_id
from openoutcry.execution.reconcile import reconcile
from openoutcry.execution.record_store import JournaledRecords, RecordsInMemory, store_of
from openoutcry.execution.records import ChildIntended, ParentPlanned

CASH = 100_000 * ATOMS_PER_UNIT
FUNDING = FundingSettled(symbol="BTC/USDT", settlement_id="f1", amount_atoms=-7, at_ns=5)


@pytest.fixture(params=["disk", "memory"])
def kept(request, journal):
    """A journal of either kind."""
    return journal if request.param == "disk" else RecordsInMemory()


def traded(new_desk, approved, report, now_ns, kept):
    """A desk that has traded a twap of two slices, the first in two parts."""
    desk, _ = new_desk(journal=kept)
    (first,) = desk.on_approved(approved(slices=2), now_ns).commands
    desk.on_venue_event(report(first, "PARTIALLY_FILLED", 2_000, trade="t1", lots=2_000), now_ns)
    desk.on_venue_event(report(first, "FILLED", 5_000, trade="t2", lots=3_000), now_ns)
    (second,) = desk.on_timer(now_ns + NS_PER_S).commands
    desk.on_venue_event(report(second, "FILLED", 5_000, trade="t3", lots=5_000, fee=9), now_ns + NS_PER_S)
    desk.on_funding(FUNDING, now_ns + NS_PER_S)
    return desk


def test_both_journals_hold_the_same_records(new_desk, approved, report, now_ns, journal):
    desks = [traded(new_desk, approved, report, now_ns, kept) for kept in (journal, RecordsInMemory())]
    on_disk, in_memory = ([*desk._records.read()] for desk in desks)
    assert on_disk == in_memory
    assert len(on_disk) > 10
    assert {type(desk._records) for desk in desks} == {JournaledRecords, RecordsInMemory}


def test_a_restart_takes_up_either_journal(new_desk, approved, report, now_ns, kept):
    before = traded(new_desk, approved, report, now_ns, kept)
    after, decision = new_desk(journal=kept)
    assert after.ledger.balances == before.ledger.balances
    assert after.ledger.cash_atoms("BTC/USDT") == CASH - 6_180_000 * 10_000 * 10 - 9 - 7
    assert after.is_settled
    assert not decision.commands


def test_either_journal_knows_what_was_written_and_refuses_it_twice(new_desk, approved, report, now_ns, kept):
    traded(new_desk, approved, report, now_ns, kept)
    store = store_of(kept)
    assert store.knows_parent("parent")
    assert store.knows_order(client_order_id("test", "parent", 1, 0))
    assert store.knows_trade("BTC/USDT", "t3")
    assert not store.knows_parent("x") | store.knows_order("x") | store.knows_trade("BTC/USDT", "x")
    kinds = (ParentPlanned, ChildIntended, Fill)
    for kind in kinds:
        again = next(record for record, _ in store_of(kept).read() if isinstance(record, kind))
        if not store.failure:  # the disk's journal takes nothing more after its first refusal
            with pytest.raises(JournalError):
                store.write([again], now_ns)


def test_a_refused_turn_leaves_nothing_in_memory(new_desk, approved, report, now_ns):
    kept = RecordsInMemory()
    traded(new_desk, approved, report, now_ns, kept)
    before = [*kept.read()]
    with pytest.raises(JournalError, match="written before"):
        kept.write([FUNDING, before[1][0]], now_ns)
    assert [*kept.read()] == before


def test_funding_is_booked_once_told_to_risk_and_reconciled(new_desk, now_ns, btc):
    desk, _ = new_desk()
    (report,) = desk.on_funding(FUNDING, now_ns).messages
    assert report.cash_atoms == CASH - 7
    assert desk.on_funding(FUNDING, now_ns).messages == ()
    assert desk.ledger.realised_atoms("BTC/USDT") == 0
    views = {
        "instruments": {"BTC/USDT": btc},
        "opening_balances": {"USDT": CASH},
        "journal_fills": [],
        "ledger": desk.ledger,
        "orders": [],
        "venue_open": [],
        "venue_fills": [],
        "venue_balances": {"USDT": CASH - 7},
    }
    assert reconcile(**views, journal_funding=[FUNDING]) == ()
    assert [found.kind for found in reconcile(**views)] == ["ledger balance (against the journal)"]
    assert not Ledger({"BTC/USDT": btc}, {}).balances["USDT"]


@given(st.text())
def test_an_order_id_has_the_parents_hash_in_base32(parent_id):
    digest = hashlib.blake2b(parent_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    if parent_id.isprintable():
        expected = base64.b32encode(digest).decode().rstrip("=").lower()
        assert client_order_id("d", parent_id, 3, 1) == f"d-{expected}-3-1"

import msgspec
import pytest

from openoutcry.domain.errors import InvalidInputError, JournalError
from openoutcry.domain.market import CandleClosed
from openoutcry.domain.opinions import Classification, Signal, Vote
from openoutcry.domain.orders import Approved, OrderIntent, SizedOrder
from openoutcry.memory.decision_journal import DecisionJournal
from openoutcry.memory.explain import explain
from openoutcry.memory.order_journal import JournalEntry, OrderJournal

CANDLE = CandleClosed(
    id="candle-1",
    symbol="BTC/USDT",
    open_ns=0,
    close_ns=5,
    open_ticks=1,
    high_ticks=1,
    low_ticks=1,
    close_ticks=1,
    volume_lots=1,
    buy_volume_lots=1,
    notional=1,
    trade_count=1,
    first_trade_id=1,
    last_trade_id=1,
)
VOTE = Vote(id="vote-1", cause_id="candle-1", symbol="BTC/USDT", classifier="rsi", up=0.7, flat=0.2, down=0.1)
CLASSIFICATION = Classification(
    id="class-1",
    cause_id="candle-1",
    symbol="BTC/USDT",
    close_ns=5,
    close_ticks=1,
    up=0.7,
    flat=0.2,
    down=0.1,
    abstained=False,
    votes=(VOTE,),
)
SIGNAL = Signal(
    id="signal-1", cause_id="class-1", symbol="BTC/USDT", strategy="s", exposure=0.5, reason="up", at_ns=6
)
INTENT = OrderIntent(
    id="intent-1",
    cause_id="signal-1",
    symbol="BTC/USDT",
    strategy="s",
    exposure=0.5,
    reference_price_ticks=1,
    volatility=0.1,
    candle_seconds=5.0,
    style="immediate",
    horizon_ns=0,
    event_ns=5,
    deadline_ns=9,
)
ORDER = SizedOrder(
    symbol="BTC/USDT",
    side="buy",
    size_lots=3,
    limit_price_ticks=1,
    style="immediate",
    horizon_ns=0,
    deadline_ns=9,
)


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "orders.db", tmp_path / "decisions.db"


@pytest.fixture
def written(paths):
    """A whole story in both journals; gives a function that explains a reference."""
    approved = Approved(id="approved-1", cause_id="intent-1", intent=INTENT, order=ORDER)
    orders = OrderJournal(paths[0], venue="v")
    rows = [
        ("ParentPlanned", "", "", {"type": "ParentPlanned", "approved": msgspec.to_builtins(approved)}),
        ("ChildIntended", "desk-abc-0-0", "", {"order": {}}),
        ("OrderReport", "desk-abc-0-0", "", {}),
        ("Fill", "desk-abc-0-0", "9001", {"size_lots": 3}),
        ("Done", "", "", {"filled_lots": 3}),
    ]
    orders.append(
        [
            JournalEntry(
                kind=kind,
                at_ns=7 + index,
                symbol="BTC/USDT",
                payload=msgspec.json.encode(payload),
                parent_id="approved-1",
                client_order_id=child,
                trade_id=trade,
            )
            for index, (kind, child, trade, payload) in enumerate(rows)
        ]
    )
    orders.close()
    decisions = DecisionJournal(paths[1])
    for message in (CANDLE, VOTE, CLASSIFICATION, SIGNAL, INTENT):
        decisions.record(message, 6)
    decisions.close()
    return lambda reference: explain(reference, *paths)


CAUSES = ["Approved", "OrderIntent", "Signal", "Classification", "CandleClosed"]


@pytest.mark.parametrize(
    ("reference", "first", "effects"),
    [
        ("9001", ["Fill", "ChildIntended"], []),
        ("90", ["Fill", "ChildIntended"], []),
        ("desk-abc-0-0", ["ChildIntended"], ["Fill"]),
        ("desk", ["ChildIntended"], ["Fill"]),
        ("approved-1", [], ["ChildIntended", "Fill", "Done"]),
    ],
)
def test_every_kind_of_order_is_explained_back_to_the_candle(written, reference, first, effects):
    explanation = written(reference)
    assert [link.kind for link in explanation.causes] == [*first, *CAUSES]
    assert [link.kind for link in explanation.effects] == effects
    assert explanation.is_complete
    votes = explanation.causes[-2].record["votes"]
    assert votes[0]["classifier"] == "rsi"


def test_a_missing_cause_is_said_and_not_passed_over(paths, written):
    paths[1].unlink()
    for suffix in ("-wal", "-shm"):
        paths[1].with_name(paths[1].name + suffix).unlink(missing_ok=True)
    DecisionJournal(paths[1]).close()
    explanation = written("9001")
    assert [link.kind for link in explanation.causes][-1] == "missing"
    assert explanation.causes[-1].id == "signal-1"
    assert not explanation.is_complete


def test_an_unknown_id_names_near_ones(written):
    with pytest.raises(InvalidInputError, match=r"no order.*desk-abd-0-0.*near it: desk-abc-0-0"):
        written("desk-abd-0-0")


def test_an_ambiguous_beginning_asks_for_more(paths, written):
    orders = OrderJournal(paths[0], venue="v")
    row = JournalEntry(
        kind="Fill", at_ns=1, symbol="s", payload=b"{}", parent_id="approved-1", trade_id="9002"
    )
    orders.append([row])
    orders.close()
    with pytest.raises(InvalidInputError, match="2 ids begin with '900'"):
        written("900")


def test_nothing_named_is_an_error(written):
    with pytest.raises(InvalidInputError, match="no order was named"):
        written("")


def test_no_journal_is_an_error(tmp_path):
    with pytest.raises(JournalError, match="there is no journal"):
        explain("x", tmp_path / "a.db", tmp_path / "b.db")

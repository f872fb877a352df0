import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Fill
from openoutcry.domain.units import ATOMS_PER_UNIT
from openoutcry.execution.ledger import Ledger

BTC = "BTC/USDT"
CASH = 100_000 * ATOMS_PER_UNIT


@pytest.fixture
def ledger(btc):
    return Ledger({BTC: btc}, {"USDT": CASH})


def test_a_round_trip_realises_its_profit_with_fees_apart(ledger, fill):
    ledger.book(fill("buy", 100_000, 6_000_000, fee=60 * ATOMS_PER_UNIT))
    ledger.book(fill("sell", 100_000, 6_100_000, fee=61 * ATOMS_PER_UNIT))
    assert ledger.realised_atoms(BTC) == 1_000 * ATOMS_PER_UNIT
    assert ledger.fees_quote_atoms(BTC) == 121 * ATOMS_PER_UNIT
    assert ledger.cash_atoms(BTC) == CASH + 879 * ATOMS_PER_UNIT
    assert ledger.position_lots(BTC) == 0


def test_a_fee_in_the_base_asset_shrinks_the_holding(ledger, fill):
    ledger.book(fill("buy", 100_000, 6_000_000, fee=ATOMS_PER_UNIT // 1_000, fee_asset="BTC"))
    assert ledger.base_atoms(BTC) == ATOMS_PER_UNIT * 999 // 1_000
    assert ledger.position_lots(BTC) == 99_900
    assert ledger.fees_quote_atoms(BTC) == 60 * ATOMS_PER_UNIT
    assert ledger.fees == {"BTC": ATOMS_PER_UNIT // 1_000}
    assert ledger.realised_atoms(BTC) == 0


def test_a_fee_in_a_third_asset_is_kept_in_that_asset(ledger, fill):
    ledger.book(fill("buy", 1_000, 6_000_000, fee=7, fee_asset="BNB"))
    assert (ledger.fees["BNB"], ledger.balances["BNB"], ledger.fees_quote_atoms(BTC)) == (7, -7, 0)


def test_a_trade_is_booked_once(ledger, fill):
    trade = fill("buy", 1_000, 6_000_000, trade_id="7")
    assert ledger.book(trade)
    assert not ledger.book(trade)
    assert ledger.position_lots(BTC) == 1_000


def test_an_unknown_symbol_is_refused_by_name(fill):
    with pytest.raises(InvalidInputError, match="does not know BTC/USDT"):
        Ledger({}, {}).book(fill("buy", 1, 1))


trades = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(min_value=1, max_value=10**6),
        st.integers(min_value=1, max_value=10**7),
        st.integers(min_value=0, max_value=99),
        st.sampled_from(["USDT", "BTC"]),
    ),
    max_size=30,
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(trades, st.integers(min_value=1, max_value=10**7))
def test_equity_changes_by_profit_less_fees_exactly(story, price_ticks):
    instrument = Instrument(
        venue="v",
        symbol=BTC,
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="0.01",
        size_step="0.00001",
        min_size_lots=1,
        max_size_lots=10**9,
        min_notional_atoms=0,
    )
    ledger = Ledger({BTC: instrument}, {"USDT": CASH})
    for index, (side, lots, price, fee, asset) in enumerate(story):
        ledger.book(
            Fill(
                id="f",
                symbol=BTC,
                parent_id="p",
                client_order_id="c",
                venue_order_id="v",
                trade_id=str(index),
                side=side,
                price_ticks=price,
                size_lots=lots,
                fee_atoms=fee,
                fee_asset=asset,
                liquidity="taker",
                at_ns=0,
            )
        )
    change = ledger.cash_atoms(BTC) - CASH + ledger.base_atoms(BTC) * price_ticks // 100
    parts = (
        ledger.realised_atoms(BTC) + ledger.unrealised_atoms(BTC, price_ticks) - ledger.fees_quote_atoms(BTC)
    )
    assert parts == change

import itertools

import pytest

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.orders import Approved, Fill, OrderIntent, SizedOrder
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.execution.commands import OrderReport, SubmitOrder
from openoutcry.execution.desk import DeskSettings, ExecutionDesk
from openoutcry.memory.order_journal import OrderJournal

T0 = 1_723_161_600 * NS_PER_S


@pytest.fixture
def now_ns():
    return T0


@pytest.fixture
def btc():
    return Instrument(
        venue="model",
        symbol="BTC/USDT",
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="0.01",
        size_step="0.00001",
        min_size_lots=1,
        max_size_lots=900_000,
        min_notional_atoms=5 * ATOMS_PER_UNIT,
    )


@pytest.fixture
def approved():
    """A factory of approvals."""

    def make(name="parent", *, side="buy", lots=10_000, slices=1, deadline_ns=None, price_ticks=6_180_000):
        intent = OrderIntent(
            id=f"{name}-intent",
            cause_id=f"{name}-signal",
            symbol="BTC/USDT",
            strategy="test",
            exposure=0.5,
            reference_price_ticks=price_ticks,
            volatility=0.0002,
            candle_seconds=5.0,
            style="immediate" if slices == 1 else "twap",
            horizon_ns=(slices if slices > 1 else 0) * NS_PER_S,
            event_ns=T0,
            deadline_ns=T0 + NS_PER_S,
        )
        order = SizedOrder(
            symbol="BTC/USDT",
            side=side,
            size_lots=lots,
            limit_price_ticks=price_ticks,
            style=intent.style,
            horizon_ns=intent.horizon_ns,
            deadline_ns=deadline_ns or T0 + intent.horizon_ns + 2 * NS_PER_S,
        )
        return Approved(id=name, cause_id=intent.id, intent=intent, order=order)

    return make


@pytest.fixture
def report():
    """A factory of the venue's reports on an order."""

    def make(order: SubmitOrder, state, filled=0, *, at_ns=T0, trade="", lots=0, fee=0, fee_asset="USDT"):
        return OrderReport(
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            venue_order_id="v1",
            state=state,
            side=order.side,
            price_ticks=order.price_ticks,
            size_lots=order.size_lots,
            filled_lots=filled,
            at_ns=at_ns,
            trade_id=trade,
            last_price_ticks=order.price_ticks if trade else 0,
            last_lots=lots,
            fee_atoms=fee,
            fee_asset=fee_asset if trade else "",
        )

    return make


@pytest.fixture
def fill():
    """A factory of fills with consecutive trade ids."""
    trade_ids = itertools.count(1)

    def make(side, lots, price_ticks, *, fee=0, fee_asset="USDT", trade_id=None):
        return Fill(
            id="fill",
            symbol="BTC/USDT",
            parent_id="parent",
            client_order_id="child",
            venue_order_id="v1",
            trade_id=trade_id or str(next(trade_ids)),
            side=side,
            price_ticks=price_ticks,
            size_lots=lots,
            fee_atoms=fee,
            fee_asset=fee_asset,
            liquidity="taker",
            at_ns=T0,
        )

    return make


@pytest.fixture
def journal(tmp_path):
    journal = OrderJournal(tmp_path / "orders.db", venue="model")
    yield journal
    journal.close()


@pytest.fixture
def new_desk(btc, journal):
    """A factory of restored desks on one journal: the second one is a restart."""

    def make(now_ns=T0, **overrides):
        options = {
            "deployment_id": "test",
            "venue": "model",
            "instruments": {"BTC/USDT": btc},
            "journal": journal,
            "opening_balances": {"USDT": 100_000 * ATOMS_PER_UNIT, "BTC": 0},
            "settings": DeskSettings(recv_window_ns=2 * NS_PER_S),
        }
        desk = ExecutionDesk(**{**options, **overrides})
        return desk, desk.restore(now_ns)

    return make

import pytest

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import VenueStatus
from openoutcry.domain.orders import Approved, Done, Fill, OrderIntent, PositionReport
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.officer import RiskOfficer

T0 = 1_723_161_600 * NS_PER_S
CASH = 100_000 * ATOMS_PER_UNIT


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
def intent():
    def make(name="i1", **fields):
        values = {
            "symbol": "BTC/USDT",
            "strategy": "test",
            "exposure": 1.0,
            "reference_price_ticks": 6_180_000,
            "volatility": 0.0002,
            "candle_seconds": 5.0,
            "style": "twap",
            "horizon_ns": 4 * NS_PER_S,
            "event_ns": T0,
            "deadline_ns": T0 + 3_600 * NS_PER_S,
        }
        return OrderIntent(id=name, cause_id="s1", **{**values, **fields})

    return make


@pytest.fixture
def position():
    def make(lots=0, *, cash=CASH, base=None, open_buy=0, open_sell=0):
        return PositionReport(
            id="position",
            symbol="BTC/USDT",
            position_lots=lots,
            base_atoms=lots * 1_000 if base is None else base,
            cash_atoms=cash,
            open_buy_lots=open_buy,
            open_sell_lots=open_sell,
            fees_quote_atoms=0,
            at_ns=T0,
        )

    return make


@pytest.fixture
def live():
    return VenueStatus(id="live", venue="model", symbol="BTC/USDT", state="live", reason="", at_ns=T0)


@pytest.fixture
def new_officer(btc, live, position):
    """A factory of officers with a live feed and a known position."""

    def make(limits=None, *, lots=0, ready=True, **options):
        officer = RiskOfficer({"BTC/USDT": btc}, limits or RiskLimits(), **options)
        if ready:
            officer.decide(live, T0)
            officer.decide(position(lots), T0)
        return officer

    return make


@pytest.fixture
def filled():
    """A factory of the fill of (a part of) an approved order."""

    def make(approved: Approved, trade_id="1", lots=None, price=None):
        order = approved.order
        return Fill(
            id=f"fill-{trade_id}",
            symbol=order.symbol,
            parent_id=approved.id,
            client_order_id="c",
            venue_order_id="v",
            trade_id=trade_id,
            side=order.side,
            price_ticks=price or approved.intent.reference_price_ticks,
            size_lots=lots or order.size_lots,
            fee_atoms=0,
            fee_asset="USDT",
            liquidity="taker",
            at_ns=T0,
        )

    return make


@pytest.fixture
def done():
    def make(approved: Approved, filled_lots=0):
        return Done(
            id=f"{approved.id}:done",
            symbol=approved.order.symbol,
            parent_id=approved.id,
            ordered_lots=approved.order.size_lots,
            filled_lots=filled_lots,
            reason="test",
            at_ns=T0,
        )

    return make

"""Several symbols on one purse, and contracts that can be sold short."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.errors import ConfigurationError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import VenueStatus
from openoutcry.domain.orders import Approved, Done, Fill, OrderIntent, PositionReport, Refused
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.officer import RiskOfficer

UNIT = ATOMS_PER_UNIT
T0 = 1_723_161_600 * NS_PER_S
CASH = 100_000 * UNIT
PRICE = {"BTC/USDT": 6_000_000, "ETH/USDT": 300_000}  # ticks of 0.01
WIDE = RiskLimits(
    target_volatility_per_year=100.0,
    max_weight=1.0,
    max_order_notional_atoms=10 * CASH,
    max_position_notional_atoms=10 * CASH,
    max_daily_loss_atoms=CASH,
    max_drawdown_bps=9_999,
    max_orders=100_000,
    reference_jump_bps=9_999,
)


def instrument(symbol, kind="spot"):
    base, quote = symbol.split("/")
    return Instrument(
        venue="model",
        symbol=symbol,
        venue_symbol=base + quote,
        base=base,
        quote=quote,
        price_tick="0.01",
        size_step="0.00001",
        min_size_lots=1,
        max_size_lots=10**9,
        min_notional_atoms=5 * UNIT,
        kind=kind,
    )


def officer_of(symbols, kind="spot", limits=WIDE):
    officer = RiskOfficer({symbol: instrument(symbol, kind) for symbol in symbols}, limits)
    for symbol in symbols:
        officer.decide(
            VenueStatus(id=f"live:{symbol}", venue="model", symbol=symbol, state="live", reason="", at_ns=T0),
            T0,
        )
        officer.decide(report(symbol), T0)
    return officer


def live(symbol):
    return VenueStatus(id=f"live:{symbol}", venue="model", symbol=symbol, state="live", reason="", at_ns=T0)


def report(symbol, lots=0, cash=CASH):
    return PositionReport(
        id=f"report:{symbol}",
        symbol=symbol,
        position_lots=lots,
        base_atoms=lots * 1_000,
        cash_atoms=cash,
        open_buy_lots=0,
        open_sell_lots=0,
        fees_quote_atoms=0,
        at_ns=T0,
    )


def intent(name, symbol, exposure, price=None):
    return OrderIntent(
        id=name,
        symbol=symbol,
        strategy="test",
        exposure=exposure,
        reference_price_ticks=price or PRICE[symbol],
        volatility=0.001,
        candle_seconds=300.0,
        style="immediate",
        horizon_ns=0,
        event_ns=T0,
        deadline_ns=T0 + 10**18,
    )


def filled(approved, lots=None, price=None):
    order = approved.order
    return Fill(
        id=f"fill:{approved.id}",
        symbol=order.symbol,
        parent_id=approved.id,
        client_order_id="c",
        venue_order_id="v",
        trade_id=approved.id,
        side=order.side,
        price_ticks=price or order.limit_price_ticks,
        size_lots=lots or order.size_lots,
        fee_atoms=0,
        fee_asset="USDT",
        liquidity="taker",
        at_ns=T0,
    )


def done(approved):
    return Done(
        id=f"{approved.id}:done",
        symbol=approved.order.symbol,
        parent_id=approved.id,
        ordered_lots=approved.order.size_lots,
        filled_lots=approved.order.size_lots,
        reason="test",
        at_ns=T0,
    )


def answer(officer, wish, kind):
    return next(each for each in officer.decide(wish, T0) if isinstance(each, kind))


def trade(officer, wish):
    approved = answer(officer, wish, Approved)
    officer.decide(filled(approved), T0)
    officer.decide(done(approved), T0)
    return approved.order


def test_two_symbols_spend_the_same_cash_once():
    officer = officer_of(PRICE)
    first = trade(officer, intent("i1", "BTC/USDT", 0.8))
    refused = answer(officer, intent("i2", "ETH/USDT", 0.9), Refused)
    assert first.size_lots * first.limit_price_ticks * 10 > 75_000 * UNIT  # ten atoms in a tick and a lot
    assert refused.check == "cash"
    assert trade(officer, intent("i3", "ETH/USDT", 0.15)).side == "buy"


def test_the_accounts_value_is_of_all_symbols():
    officer = officer_of(PRICE)
    trade(officer, intent("i1", "BTC/USDT", 0.5))
    trade(officer, intent("i2", "ETH/USDT", 0.3))
    before = officer.gauges
    assert before["equity:BTC/USDT"] == before["equity:ETH/USDT"]
    officer.decide(intent("i3", "BTC/USDT", 0.5, price=3_000_000), T0)
    assert officer.gauges["equity:ETH/USDT"] == pytest.approx(before["equity:ETH/USDT"] - 25_000, rel=0.01)


def test_nothing_is_sized_before_every_position_of_the_purse_is_known():
    officer = RiskOfficer({symbol: instrument(symbol) for symbol in PRICE}, WIDE)
    officer.decide(live("BTC/USDT"), T0)
    officer.decide(report("BTC/USDT"), T0)
    assert answer(officer, intent("i1", "BTC/USDT", 0.5), Refused).check == "position_known"
    officer.decide(report("ETH/USDT", lots=100), T0)  # held, but at what price?
    assert answer(officer, intent("i2", "BTC/USDT", 0.5), Refused).check == "position_known"


def test_spot_and_contracts_do_not_share_a_purse():
    instruments = {"BTC/USDT": instrument("BTC/USDT"), "ETH/USDT": instrument("ETH/USDT", "linear")}
    with pytest.raises(ConfigurationError, match="run one account for each kind"):
        RiskOfficer(instruments, WIDE)


def test_a_contract_is_sold_short_and_bought_back():
    officer = officer_of(["BTC/USDT"], "linear")
    short = trade(officer, intent("i1", "BTC/USDT", -0.5))
    assert short.side == "sell"
    assert short.size_lots * 6_000_000 * 10 == pytest.approx(50_000 * UNIT, rel=0.01)
    back = trade(officer, intent("i2", "BTC/USDT", 0.0))
    assert (back.side, back.size_lots) == ("buy", short.size_lots)


def test_spot_is_never_sold_short():
    refused = answer(officer_of(["BTC/USDT"]), intent("i1", "BTC/USDT", -1.0), Refused)
    assert refused.check == "no_trade_band"


@pytest.mark.parametrize(("leverage", "check"), [(1.0, "margin"), (3.0, None)])
def test_leverage_is_limited_over_all_contracts(leverage, check):
    limits = msgspec.structs.replace(WIDE, max_leverage=leverage)
    officer = officer_of(PRICE, "linear", limits)
    trade(officer, intent("i1", "BTC/USDT", -0.9))
    answers = officer.decide(intent("i2", "ETH/USDT", 0.9), T0)
    assert [each.check for each in answers if isinstance(each, Refused)] == ([check] if check else [])


def test_after_the_days_loss_a_short_may_still_be_closed():
    limits = msgspec.structs.replace(WIDE, max_daily_loss_atoms=1_000 * UNIT)
    officer = officer_of(["BTC/USDT"], "linear", limits)
    trade(officer, intent("i1", "BTC/USDT", -0.5))
    dearer = 6_300_000
    assert answer(officer, intent("i2", "BTC/USDT", -0.9, dearer), Refused).check == "daily_loss"
    assert trade(officer, intent("i3", "BTC/USDT", 0.0, dearer)).side == "buy"


stories = st.lists(
    st.tuples(st.sampled_from(sorted(PRICE)), st.floats(-1, 1), st.integers(-300, 300), st.integers(1, 4)),
    max_size=30,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(stories, st.sampled_from([1.0, 2.0, 5.0]))
def test_contracts_never_exceed_the_leverage_at_the_price_of_the_order(story, leverage):
    officer = officer_of(PRICE, "linear", msgspec.structs.replace(WIDE, max_leverage=leverage))
    cash, held, marks = CASH, dict.fromkeys(PRICE, 0), dict(PRICE)
    for number, (symbol, exposure, move_bps, part) in enumerate(story):
        marks[symbol] += marks[symbol] * move_bps // 10_000
        answers = officer.decide(intent(f"i{number}", symbol, exposure, marks[symbol]), T0)
        for approved in (each for each in answers if isinstance(each, Approved)):
            order = approved.order
            before = held[symbol]
            sign = 1 if order.side == "buy" else -1
            equity = cash + sum(held[each] * marks[each] * 10 for each in PRICE)
            after = before + sign * order.size_lots
            worth = sum(abs(after if each == symbol else held[each]) * marks[each] * 10 for each in PRICE)
            if abs(after) > abs(before) or after * before < 0:  # it did not only reduce
                assert worth <= equity * leverage * 1.01  # its limit price is 10 bps beyond the mark
            lots = max(order.size_lots // part, 1)
            officer.decide(filled(approved, lots), T0)
            officer.decide(done(approved), T0)
            held[symbol] += sign * lots
            cash -= sign * lots * order.limit_price_ticks * 10
    for symbol, exposure in officer._exposures.items():
        assert exposure.position_lots == held[symbol]
        assert exposure.cash_atoms == cash

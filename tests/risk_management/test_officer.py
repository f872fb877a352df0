import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.control import Halt, ReportPosition, Start, Stop
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.instrument import Instrument
from openoutcry.domain.market import MarketAlert, VenueStatus
from openoutcry.domain.orders import (
    Accepted,
    Approved,
    Done,
    Fill,
    OrderIntent,
    PositionReport,
    Refused,
    Rejected,
)
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.officer import RiskOfficer
from openoutcry.risk_management.review import position_report

UNIT = ATOMS_PER_UNIT


def only(messages, kind):
    found = [message for message in messages if isinstance(message, kind)]
    assert len(found) == 1, messages
    return found[0]


def refused(officer, intent, now_ns, check):
    answers = officer.decide(intent, now_ns)
    assert not any(isinstance(answer, Approved) for answer in answers)
    answer = only(answers, Refused)
    assert answer.check == check, answer
    assert answer.intent_id == intent.id
    assert answer.limit
    assert answer.value
    return answers


def rejected(name, now_ns):
    return Rejected(
        id=name, symbol="BTC/USDT", parent_id="p", client_order_id="c", code=-2010, reason="no", at_ns=now_ns
    )


def accepted(name, now_ns, parent="p"):
    return Accepted(
        id=name, symbol="BTC/USDT", parent_id=parent, client_order_id="c", venue_order_id="v", at_ns=now_ns
    )


def test_an_intent_is_sized_and_approved(new_officer, intent, btc, now_ns):
    approved = only(new_officer().decide(intent(), now_ns), Approved)
    order = approved.order
    assert (order.side, order.style, approved.cause_id) == ("buy", "twap", "i1")
    assert 5_000 * UNIT <= btc.notional_atoms(order.limit_price_ticks, order.size_lots) <= 20_000 * UNIT
    assert order.limit_price_ticks == 6_180_000 + 6_180
    assert order.deadline_ns == now_ns + 6 * NS_PER_S


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"exposure": float("nan")}, "exposure"),
        ({"exposure": float("inf")}, "exposure"),
        ({"exposure": 1.01}, "exposure"),
        ({"volatility": float("nan")}, "volatility"),
        ({"volatility": float("inf")}, "volatility"),
        ({"volatility": -0.1}, "volatility"),
        ({"candle_seconds": 0.0}, "candle_seconds"),
        ({"candle_seconds": float("nan")}, "candle_seconds"),
        ({"reference_price_ticks": 0}, "reference_price"),
        ({"reference_price_ticks": -5}, "reference_price"),
        ({"horizon_ns": -1}, "horizon"),
        ({"symbol": "XRP/USDT"}, "known_symbol"),
        ({"deadline_ns": 0}, "deadline"),
        ({"exposure": 0.0}, "no_trade_band"),
        ({"exposure": -1.0}, "no_trade_band"),
        ({"exposure": 0.0001}, "no_trade_band"),
    ],
)
def test_unusable_intents_are_refused(new_officer, intent, now_ns, fields, check):
    refused(new_officer(), intent(**fields), now_ns, check)


def test_an_intent_is_judged_once(new_officer, intent, now_ns):
    officer = new_officer()
    only(officer.decide(intent(), now_ns), Approved)
    refused(officer, intent(), now_ns, "duplicate_intent")


def test_without_a_live_feed_nothing_is_approved(new_officer, intent, live, position, now_ns):
    officer = new_officer(ready=False)
    officer.decide(position(), now_ns)
    refused(officer, intent("a"), now_ns, "feed")
    officer.decide(live, now_ns)
    only(officer.decide(intent("b"), now_ns), Approved)
    stale = VenueStatus(id="s", venue="model", symbol="BTC/USDT", state="stale", reason="", at_ns=now_ns)
    officer.decide(stale, now_ns)
    refused(officer, intent("c"), now_ns, "feed")


def test_without_a_known_position_nothing_is_approved_and_it_is_asked_for(
    new_officer, intent, live, position, now_ns
):
    officer = new_officer(ready=False)
    assert only(officer.decide(Start(id="start"), now_ns), ReportPosition).symbol == "BTC/USDT"
    officer.decide(live, now_ns)
    answers = refused(officer, intent("a"), now_ns, "position_known")
    assert only(answers, ReportPosition).symbol == "BTC/USDT"
    officer.decide(position(), now_ns)
    only(officer.decide(intent("b"), now_ns), Approved)


def test_a_halt_latches(new_officer, intent, now_ns):
    officer = new_officer()
    officer.decide(Halt(id="h", reason="operator", by="me", at_ns=now_ns), now_ns)
    refused(officer, intent(), now_ns, "halt")
    refused(new_officer(halt_reason="from the latch"), intent(), now_ns, "halt")


@pytest.mark.parametrize("score", [0.8, 1.0, float("nan")])
def test_after_an_alert_it_waits(new_officer, intent, now_ns, score):
    officer = new_officer()
    alert = MarketAlert(id="a", symbol="BTC/USDT", at_ns=now_ns, detector="z", score=score, evidence="")
    officer.decide(alert, now_ns)
    refused(officer, intent("a"), now_ns + 10 * NS_PER_S - 1, "alert_cool_down")
    only(officer.decide(intent("b"), now_ns + 10 * NS_PER_S), Approved)


def test_a_weak_alert_does_not_stop_it(new_officer, intent, now_ns):
    officer = new_officer()
    alert = MarketAlert(id="a", symbol="BTC/USDT", at_ns=now_ns, detector="z", score=0.5, evidence="")
    officer.decide(alert, now_ns)
    only(officer.decide(intent(), now_ns), Approved)


def test_a_price_out_of_line_with_what_was_just_seen_is_refused(new_officer, intent, now_ns):
    officer = new_officer()
    officer.decide(intent("a"), now_ns)
    refused(officer, intent("b", reference_price_ticks=61_800_000), now_ns, "reference_jump")
    refused(officer, intent("c", reference_price_ticks=5_800_000), now_ns, "reference_jump")


def test_the_order_rate_is_limited(new_officer, intent, done, now_ns):
    officer = new_officer(RiskLimits(max_orders=2))
    for name in ("a", "b"):
        approved = only(officer.decide(intent(name), now_ns), Approved)
        officer.decide(done(approved), now_ns)
    refused(officer, intent("c"), now_ns + 60 * NS_PER_S - 1, "order_rate")
    only(officer.decide(intent("d"), now_ns + 60 * NS_PER_S), Approved)


def test_a_reservation_counts_at_once_and_is_released_at_the_end(new_officer, intent, done, now_ns):
    officer = new_officer()
    approved = only(officer.decide(intent("a"), now_ns), Approved)
    refused(officer, intent("b"), now_ns, "no_trade_band")
    officer.decide(done(approved), now_ns)
    assert only(officer.decide(intent("c"), now_ns), Approved).order.size_lots == approved.order.size_lots


def test_fills_move_the_reservation_into_the_position(new_officer, intent, filled, done, now_ns):
    officer = new_officer()
    approved = only(officer.decide(intent("a"), now_ns), Approved)
    half = approved.order.size_lots // 2
    officer.decide(filled(approved, "1", half), now_ns)
    officer.decide(filled(approved, "1", half), now_ns)  # told twice
    exposure = officer._exposures["BTC/USDT"]
    assert exposure.position_lots == half
    assert exposure.reserved_lots("buy") == approved.order.size_lots - half
    officer.decide(done(approved, half), now_ns)
    assert exposure.reserved_lots("buy") == 0
    again = only(officer.decide(intent("b"), now_ns), Approved)
    assert again.order.size_lots == approved.order.size_lots - half


def test_flat_sells_everything_and_never_more(new_officer, intent, now_ns):
    officer = new_officer(lots=12_345)
    order = only(officer.decide(intent(exposure=0.0), now_ns), Approved).order
    assert (order.side, order.size_lots) == ("sell", 12_345)
    assert order.limit_price_ticks == 6_180_000 - 6_180


def test_sales_are_limited_to_what_fees_left(new_officer, intent, position, now_ns):
    officer = new_officer()
    officer.decide(position(10_000, base=9_990_000 + 999), now_ns)
    order = only(officer.decide(intent(exposure=-1.0), now_ns), Approved).order
    assert order.size_lots == 9_990


def test_what_was_there_before_is_not_ours_to_sell(new_officer, intent, position, now_ns):
    officer = new_officer()
    officer.decide(position(0, base=5 * UNIT), now_ns)
    refused(officer, intent(exposure=-1.0), now_ns, "no_trade_band")


def test_never_buy_while_a_sale_is_open(new_officer, intent, now_ns):
    officer = new_officer(lots=10_000)
    only(officer.decide(intent("a", exposure=0.0), now_ns), Approved)
    refused(officer, intent("b"), now_ns, "opposite_order")


def test_dust_is_refused_as_below_the_minimum(new_officer, intent, now_ns):
    refused(new_officer(lots=3), intent(exposure=0.0), now_ns, "min_notional")


def test_cash_must_pay_for_order_fees_and_reserve(new_officer, intent, position, now_ns):
    officer = new_officer(RiskLimits(cash_reserve_atoms=95_000 * UNIT))
    refused(officer, intent(), now_ns, "cash")


def test_the_position_is_limited_at_the_worst_price(new_officer, intent, btc, now_ns):
    limits = RiskLimits(max_position_notional_atoms=10_000 * UNIT)
    order = only(new_officer(limits).decide(intent(), now_ns), Approved).order
    worth = btc.notional_atoms(order.limit_price_ticks, order.size_lots)
    assert 9_999 * UNIT < worth <= 10_000 * UNIT  # at the worst price that it may pay


def test_one_order_is_limited_and_the_rest_comes_later(new_officer, intent, btc, now_ns):
    limits = RiskLimits(max_order_notional_atoms=1_000 * UNIT)
    order = only(new_officer(limits).decide(intent(), now_ns), Approved).order
    worth = btc.notional_atoms(order.limit_price_ticks, order.size_lots)
    assert 999 * UNIT < worth <= 1_000 * UNIT


def test_the_days_loss_stops_purchases_but_not_sales(new_officer, intent, position, now_ns):
    officer = new_officer(RiskLimits(max_daily_loss_atoms=100 * UNIT))
    officer.decide(intent("a", exposure=0.0), now_ns)
    officer.decide(position(cash=99_800 * UNIT), now_ns)
    refused(officer, intent("b"), now_ns, "daily_loss")
    officer.decide(position(1_000, cash=99_000 * UNIT), now_ns)
    assert only(officer.decide(intent("c", exposure=0.0), now_ns), Approved).order.side == "sell"


def test_a_drawdown_halts(new_officer, intent, position, now_ns):
    officer = new_officer()
    officer.decide(intent("a", exposure=0.0), now_ns)
    halt = only(officer.decide(position(cash=97_000 * UNIT), now_ns), Halt)
    assert "drawdown" in halt.reason
    refused(officer, intent("b"), now_ns, "halt")
    assert officer.decide(position(cash=90_000 * UNIT), now_ns) == []  # said once


def test_rejects_open_the_breaker_and_too_many_trips_halt(new_officer, intent, now_ns):
    officer = new_officer(RiskLimits(max_rejects=2, max_breaker_trips=2))
    officer.decide(rejected("1", now_ns), now_ns)
    officer.decide(rejected("2", now_ns), now_ns)
    refused(officer, intent("a"), now_ns, "circuit_breaker")
    later_ns = now_ns + 30 * NS_PER_S
    approved = only(officer.decide(intent("b"), later_ns), Approved)
    halt = only(officer.decide(rejected("3", later_ns), later_ns), Halt)
    assert "keeps refusing" in halt.reason
    assert approved.id == "b:approved"


def test_a_success_closes_the_breaker(new_officer, intent, done, now_ns):
    officer = new_officer(RiskLimits(max_rejects=1))
    officer.decide(rejected("1", now_ns), now_ns)
    later_ns = now_ns + 30 * NS_PER_S
    probe = only(officer.decide(intent("a"), later_ns), Approved)
    officer.decide(accepted("2", later_ns, probe.id), later_ns)
    officer.decide(done(probe), later_ns)
    only(officer.decide(intent("b"), later_ns), Approved)


def test_a_veto_refuses_and_one_that_raises_refuses_too(new_officer, intent, now_ns):
    seen = []

    def one_at_a_time(asked, order, report):
        seen.append((asked.id, order.side, report.position_lots))
        return "not now"

    def broken(_intent, _order, _report):
        raise RuntimeError("bug")

    answer = only(new_officer(vetoes=[one_at_a_time]).decide(intent(), now_ns), Refused)
    assert (answer.check, answer.value) == ("veto", "not now")
    assert seen == [("i1", "buy", 0)]
    answer = only(new_officer(vetoes=[broken]).decide(intent(), now_ns), Refused)
    assert (answer.check, answer.value) == ("veto", "raised RuntimeError: bug")
    only(new_officer(vetoes=[lambda *_: None]).decide(intent(), now_ns), Approved)


def test_orders_open_from_before_a_restart_are_reserved(new_officer, intent, position, done, now_ns):
    officer = new_officer()
    officer.decide(position(open_buy=10_000), now_ns)
    exposure = officer._exposures["BTC/USDT"]
    assert exposure.reserved_lots("buy") == 10_000
    ended = Done(
        id="d",
        symbol="BTC/USDT",
        parent_id="from before",
        ordered_lots=10_000,
        filled_lots=0,
        reason="x",
        at_ns=now_ns,
    )
    assert only(officer.decide(ended, now_ns), ReportPosition)
    officer.decide(position(), now_ns)
    assert exposure.reserved_lots("buy") == 0


def test_a_report_does_not_count_our_own_orders_twice(new_officer, intent, position, now_ns):
    officer = new_officer()
    approved = only(officer.decide(intent(), now_ns), Approved)
    officer.decide(accepted("1", now_ns, approved.id), now_ns)
    officer.decide(position(open_buy=approved.order.size_lots), now_ns)
    assert officer._exposures["BTC/USDT"].reserved_lots("buy") == approved.order.size_lots


def test_a_message_of_a_wrong_kind_is_an_error_of_the_wiring(new_officer, now_ns):
    with pytest.raises(TypeError, match="risk takes no Stop"):
        new_officer().decide(Stop(id="s"), now_ns)


def test_news_of_an_unknown_symbol_is_an_error(new_officer, now_ns):
    status = VenueStatus(id="s", venue="v", symbol="XRP/USDT", state="live", reason="", at_ns=now_ns)
    with pytest.raises(InvalidInputError, match="XRP/USDT"):
        new_officer().decide(status, now_ns)


def test_the_officers_own_report_is_what_execution_would_say(new_officer, position, now_ns):
    officer = new_officer()
    told = position(10_000, cash=7 * UNIT)
    officer.decide(told, now_ns)
    ours = position_report(officer._exposures["BTC/USDT"], now_ns)
    for name in ("position_lots", "base_atoms", "cash_atoms", "open_buy_lots", "open_sell_lots"):
        assert getattr(ours, name) == getattr(told, name)


steps = st.lists(
    st.tuples(
        st.sampled_from(["intent", "fill", "done"]),
        st.floats(min_value=-1, max_value=1),
        st.integers(min_value=6_100_000, max_value=6_200_000),
        st.floats(min_value=0, max_value=0.01),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(steps)
def test_whatever_comes_position_cash_and_orders_stay_within_their_limits(story):
    btc = Instrument(
        venue="model",
        symbol="BTC/USDT",
        venue_symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_tick="0.01",
        size_step="0.00001",
        min_size_lots=1,
        max_size_lots=900_000,
        min_notional_atoms=5 * UNIT,
    )
    limits = RiskLimits(max_orders=1_000)
    officer = RiskOfficer({"BTC/USDT": btc}, limits)
    now_ns, cash, held, live = 10**18, 100_000 * UNIT, 0, {}
    officer.decide(
        VenueStatus(id="l", venue="v", symbol="BTC/USDT", state="live", reason="", at_ns=0), now_ns
    )
    officer.decide(_report(held, cash, now_ns), now_ns)
    for number, (what, exposure, price, volatility) in enumerate(story):
        now_ns += NS_PER_S
        if what == "intent":
            for answer in officer.decide(_intent(number, exposure, price, volatility, now_ns), now_ns):
                if isinstance(answer, Approved):
                    live[answer.id] = [answer, answer.order.size_lots]
        elif live:
            name, (approved, left) = next(iter(live.items()))
            lots = left if what == "done" else max(left // 2, 1)
            sign = 1 if approved.order.side == "buy" else -1
            held += sign * lots
            cash -= sign * btc.notional_atoms(approved.order.limit_price_ticks, lots)
            officer.decide(_fill(approved, number, lots, now_ns), now_ns)
            live[name][1] -= lots
            if not live[name][1]:
                del live[name]
                officer.decide(_done(approved, now_ns), now_ns)
        open_buys = sum(left for approved, left in live.values() if approved.order.side == "buy")
        open_sells = sum(left for approved, left in live.values() if approved.order.side == "sell")
        assert held - open_sells >= 0
        assert cash >= limits.cash_reserve_atoms
        assert len({approved.order.side for approved, _ in live.values()}) <= 1
        worst = btc.notional_atoms(6_100_000, held + open_buys)
        assert worst <= limits.max_position_notional_atoms
        for approved, _ in live.values():
            worth = btc.notional_atoms(approved.order.limit_price_ticks, approved.order.size_lots)
            assert btc.min_notional_atoms <= worth <= limits.max_order_notional_atoms


def _report(lots, cash, now_ns):
    return PositionReport(
        id="r",
        symbol="BTC/USDT",
        position_lots=lots,
        base_atoms=lots * 1_000,
        cash_atoms=cash,
        open_buy_lots=0,
        open_sell_lots=0,
        fees_quote_atoms=0,
        at_ns=now_ns,
    )


def _intent(number, exposure, price, volatility, now_ns):
    return OrderIntent(
        id=f"i{number}",
        symbol="BTC/USDT",
        strategy="s",
        exposure=exposure,
        reference_price_ticks=price,
        volatility=volatility,
        candle_seconds=5.0,
        style="immediate",
        horizon_ns=0,
        event_ns=now_ns,
        deadline_ns=now_ns + 1,
    )


def _fill(approved, number, lots, now_ns):
    return Fill(
        id=f"f{number}",
        symbol="BTC/USDT",
        parent_id=approved.id,
        client_order_id="c",
        venue_order_id="v",
        trade_id=str(number),
        side=approved.order.side,
        price_ticks=approved.order.limit_price_ticks,
        size_lots=lots,
        fee_atoms=0,
        fee_asset="USDT",
        liquidity="taker",
        at_ns=now_ns,
    )


def _done(approved, now_ns):
    return Done(
        id=f"{approved.id}:done",
        symbol="BTC/USDT",
        parent_id=approved.id,
        ordered_lots=approved.order.size_lots,
        filled_lots=approved.order.size_lots,
        reason="filled",
        at_ns=now_ns,
    )

"""Fee tiers, impact and coin-margined contracts: ledgers by hand, to the last atom."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.backtesting.candle_histories import instrument, random_series
from tests.backtesting.candle_histories import series as candle_series
from tests.backtesting.candle_histories import settings as candle_settings
from tests.backtesting.event_histories import dataset, event_settings, traded
from tests.backtesting.test_events_run import CASH, TICK_LOT, Fixed, Lean, scripted, signed
from tests.native.simulated_flow import ASK, flow

from openoutcry.assembly.backtest_settings import BacktestSettings, FeeTier
from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.candle_venue import CandleVenue
from openoutcry.backtesting.events_run import run_events
from openoutcry.backtesting.fee_schedule import NS_PER_DAY, FeeSchedule
from openoutcry.backtesting.history.instruments import make_instrument, settled_as
from openoutcry.backtesting.runner import run_candles
from openoutcry.backtesting.statistics.round_trips import round_trips
from openoutcry.domain.errors import ConfigurationError, InvalidInputError
from openoutcry.domain.orders import Fill
from openoutcry.execution.commands import SubmitOrder
from openoutcry.execution.ledger import Ledger
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.sma_cross import SmaCross

HOUR = 3_600_000  # ms
TIERS = [
    {"volume_atoms": 20_000_000, "taker_fee_ppm": 800, "maker_fee_ppm": -500},
    {"volume_atoms": 50_000_000, "taker_fee_ppm": 300, "maker_fee_ppm": -700},
]
COIN = "100"  # a lot of 100 USD at a tick of a cent: 10^12 coin atoms at a price of one tick
AT_ONE_TICK = 10**12
BUSY = {"quote_lots": 5, "max_position_lots": 50, "risk_aversion": 0.001, "arrival_decay": 1.5}
STEADY = {"simulation__candle_ms": 60_000, "risk__max_orders": 10_000}


def up(part: Fraction) -> int:
    """An amount against us."""
    return -(-part.numerator // part.denominator)


def test_a_makers_fees_follow_its_volume_from_midnight_on():
    history = scripted(
        (3 * HOUR, 2 + ASK, 9_985, 3),  # through our price: 29,970,000 atoms
        (23 * HOUR, 2 + ASK, 9_985, 1),
        (25 * HOUR, 2, 10_015, 4),  # 39,960,000 of the day before
        (50 * HOUR, 2 + ASK, 9_985, 2),  # and 40,040,000 more
        (51 * HOUR, 2 + ASK, 9_985, 1),
        (51 * HOUR + 1, 2, 10_000, 1),
    )
    maker = Fixed(bid=9_990, ask=10_010, lots=7, every_ms=HOUR)
    settings = event_settings(cash_atoms=CASH, backtest__fee_tiers=TIERS, **STEADY)
    result = run_events([dataset(history)], maker, settings)
    by_hand = [
        ("buy", 9_990, 3, -200),
        ("buy", 9_990, 1, -200),
        ("sell", 10_010, 4, -500),
        ("buy", 9_990, 2, -700),
        ("buy", 9_990, 1, -700),
    ]
    assert [(fill.side, fill.price_ticks, fill.size_lots) for fill in result.fills] == [
        each[:3] for each in by_hand
    ]
    fees = [up(Fraction(price * lots * TICK_LOT * ppm, 10**6)) for _, price, lots, ppm in by_hand]
    assert [fill.fee_atoms for fill in result.fills] == fees
    cash = -sum(signed(fill) * fill.price_ticks * TICK_LOT for fill in result.fills) - sum(fees)
    assert int(result.curve.equity_atoms[-1]) == CASH + cash + 3 * 10_000 * TICK_LOT
    assert any("-5 bps for a maker from 0.2" in each for each in result.assumptions)


def test_a_takers_fees_follow_its_volume_on_books():
    early = [(at, 2, 9_995, 1) for at in (1, HOUR // 6, HOUR // 3, HOUR // 2)]
    days = [
        (day * 24 * HOUR + at, kind, price, size)
        for day in range(3)
        for at, kind, price, size in (
            (HOUR - 2, 1, 9_980, 80 + day),  # what we took the day before is there again
            (HOUR - 1, 1 + ASK, 10_020, 80 + day),
            (HOUR, 2, 10_005, 1),
            (2 * HOUR, 2, 9_995, 1),
            (3 * HOUR, 2, 9_995, 1),
        )
    ]
    settings = event_settings(
        cash_atoms=606_000_000, backtest__fee_tiers=TIERS, simulation__candle_ms=HOUR // 6
    )
    result = run_events([dataset(scripted(*early, *days))], Lean(), settings)
    rates = {0: 1_000, 1: 300, 2: 300}  # a day's trades are worth more than the last tier wants
    assert {fill.at_ns // NS_PER_DAY for fill in result.fills} == {0, 1, 2}
    for fill in result.fills:
        rate = rates[fill.at_ns // NS_PER_DAY]
        assert fill.fee_atoms == up(Fraction(fill.price_ticks * fill.size_lots * TICK_LOT * rate, 10**6))


def test_a_takers_fees_follow_its_volume_on_candles():
    rows = [(10_000, 10_000, 10_000, 10_000, 10**6)] * 3_000
    series = candle_series(rows, "linear")
    terms = BacktestSettings(
        taker_fee_ppm=1_000, fee_tiers=tuple(msgspec.convert(TIERS, list[FeeTier])), volume_share_ppm=10**6
    )
    venue, first_ns = CandleVenue(series, terms), int(series.open_ns[0])

    def fee(number, at_ns):
        order = SubmitOrder(
            symbol=series.instrument.symbol,
            client_order_id=f"o{number}",
            parent_id="p",
            side="buy",
            price_ticks=10_000,
            size_lots=2,
            time_in_force="GTC",
        )
        return venue.take(order, at_ns)[0].fee_atoms

    moments = (0, 1, NS_PER_DAY - NS_PER_DAY // 1_440, NS_PER_DAY, NS_PER_DAY + 1, 2 * NS_PER_DAY)
    fees = [fee(number, first_ns + at) for number, at in enumerate(moments)]
    assert fees == [20_000, 20_000, 20_000, 6_000, 6_000, 6_000]


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 40), st.booleans()), min_size=1, max_size=60))
def test_the_schedule_is_that_of_a_sum_over_all_fills(steps):
    tiers = (
        FeeTier(volume_atoms=50, taker_fee_ppm=8, maker_fee_ppm=5),
        FeeTier(volume_atoms=120, taker_fee_ppm=3, maker_fee_ppm=-1),
    )
    schedule = FeeSchedule(BacktestSettings(taker_fee_ppm=10, maker_fee_ppm=6, fee_tiers=tiers))
    hour, fills = 0, []
    for gap, atoms, is_maker in steps:
        hour += gap if gap > 850 else gap % 30
        before = sum(sum_ for day, sum_ in fills if hour // 24 - 30 <= day < hour // 24)
        rates = [(10, 6), (8, 5), (3, -1)][(before >= 50) + (before >= 120)]
        assert schedule.rate_ppm(hour * NS_PER_DAY // 24, atoms, is_maker=is_maker) == rates[is_maker]
        fills.append((hour // 24, atoms))


def test_tiers_that_do_not_rise_are_refused():
    with pytest.raises(ConfigurationError, match="must rise"):
        event_settings(backtest__fee_tiers=TIERS[::-1])


def moving(*events):
    """A book whose mid goes up and down by a tick each second, with a trade of 10 lots, for 100 seconds."""
    rows = []
    for second in range(1, 102):
        at, shift = second * 1_000, second % 2
        rows += [(at, 1 + ASK, 10_010, 0 if shift else 10), (at + 1, 2, 9_995, 10)]
    return scripted(*rows, *((102_000 + at, kind, price, size) for at, kind, price, size in events))


def test_what_takes_pays_the_law_on_top_of_each_level_and_at_most_its_limit():
    # An ask of 10,010 or 10,020 each second: the mid moves by 5 ticks 101 times; 1,012 lots were traded.
    history = moving(
        (0, 1 + ASK, 10_010, 10), (1_000, 2, 10_005, 1), (9_000, 2, 10_005, 1), (9_500, 2, 10_005, 1)
    )
    cash = 606_000_000

    def fills(coefficient, offset_bps):
        settings = event_settings(
            cash_atoms=cash,
            simulation__impact_coefficient=coefficient,
            simulation__candle_ms=10_000,
            risk__limit_offset_bps=offset_bps,
        )
        return run_events([dataset(history)], Lean(), settings)

    free = fills(0.0, 50)
    sizes = [fill.size_lots for fill in free.fills]
    assert [(fill.price_ticks, fill.liquidity) for fill in free.fills] == [
        (10_010, "taker"),
        (10_020, "taker"),
    ]
    whole = sum(sizes)
    cost = (101 * 25) ** 0.5 * (whole / 1_012) ** 0.5
    assert 12.1 < cost < 12.3
    ticks = -int(-cost // 1)
    paid = fills(1.0, 50)
    assert [fill.price_ticks for fill in paid.fills] == [10_010 + ticks, 10_020 + ticks]
    assert [fill.size_lots for fill in paid.fills] == sizes
    extra = ticks * whole * TICK_LOT
    fees = sum(fill.fee_atoms for fill in paid.fills) - sum(fill.fee_atoms for fill in free.fills)
    assert free.net_atoms - paid.net_atoms == extra + fees
    assert max(fill.price_ticks for fill in fills(50.0, 30).fills) == 10_005 + 30  # 30 bps of 10,005
    assert any("square-root law" in each for each in paid.assumptions)


def test_impact_needs_trades():
    quotes = dataset(flow(50, 1)[:, [0, 3, 3, 4, 4]], kind="quotes")
    with pytest.raises(InvalidInputError, match="impact is measured by trades"):
        run_events([quotes], Fixed(bid=1, ask=2), event_settings(simulation__impact_coefficient=1.0))


def coin_fee(price, lots, ppm):
    return up(Fraction(AT_ONE_TICK * lots * ppm, price * 10**6))


def test_a_coin_margined_makers_ledger_by_hand():
    history = scripted(
        (40, 2 + ASK, 9_985, 3),
        (190, 2, 10_015, 1),
        (350, 2, 9_995, 1),
        (500, 2, 9_995, 1),
    )
    maker = Fixed(bid=9_990, ask=10_010, lots=7)
    settings = event_settings(cash_atoms=10**12, backtest__inverse_lot=COIN)
    result = run_events([dataset(history)], maker, settings)
    assert [(fill.side, fill.price_ticks, fill.size_lots) for fill in result.fills] == [
        ("buy", 9_990, 3),
        ("sell", 10_010, 1),
    ]
    fees = [coin_fee(9_990, 3, -200), coin_fee(10_010, 1, -200)]
    assert [(fill.fee_atoms, fill.fee_asset) for fill in result.fills] == [(fee, "BTC") for fee in fees]
    # Who buys sells coins: what they bring is rounded down, what they cost is rounded up.
    cash = 3 * AT_ONE_TICK // 9_990 - up(Fraction(AT_ONE_TICK, 10_010)) - sum(fees)
    owed = up(Fraction(2 * AT_ONE_TICK, 10_000))  # at the mid
    assert int(result.curve.equity_atoms[-1]) == 10**12 + cash - owed
    assert any("settled in BTC, and a lot is worth 100 USDT" in each for each in result.assumptions)


def test_a_coin_margined_strategy_on_candles_trades_on_books_by_hand():
    history = scripted(
        (5, 2, 10_000, 1),
        *((at, 2, 10_000, 1) for at in (120, 220)),
        (320, 2, 10_005, 1),
        (420, 2, 10_005, 1),
        (510, 2, 9_995, 1),
        (620, 2, 9_995, 1),
        (800, 2, 9_995, 1),
    )
    cash = 12 * AT_ONE_TICK // 10_000
    settings = event_settings(cash_atoms=cash, backtest__inverse_lot=COIN)
    result = run_events([dataset(history)], Lean(), settings)
    buys = [(fill.price_ticks, fill.size_lots) for fill in result.fills if fill.side == "buy"]
    sells = [(fill.price_ticks, fill.size_lots) for fill in result.fills if fill.side == "sell"]
    assert buys == [(10_010, 10), (10_020, 1)]  # 99 % of the account at the limit of 50 bps
    assert sells == [(9_990, 10), (9_980, 1)]
    fees = sum(coin_fee(price, lots, 1_000) for price, lots in buys + sells)
    gained = sum(lots * AT_ONE_TICK // price for price, lots in buys)
    lost = sum(up(Fraction(lots * AT_ONE_TICK, price)) for price, lots in sells)
    assert result.net_atoms == gained - lost - fees
    assert result.fees_atoms == fees


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.booleans())
def test_coins_are_conserved_whoever_trades(seed, is_maker):
    history = flow(1_500, seed)
    strategy = MarketMaker(**BUSY, every_ms=5) if is_maker else Lean(level=9_999)
    settings = event_settings(
        cash_atoms=10**11,
        backtest__inverse_lot=COIN,
        backtest__fee_tiers=TIERS,
        simulation__impact_coefficient=1.0,
    )
    result = run_events([dataset(history)], strategy, settings)
    exact = Fraction(10**11)
    for fill in result.fills:
        exact += Fraction(signed(fill) * AT_ONE_TICK, fill.price_ticks) - fill.fee_atoms
    position = sum(map(signed, result.fills))
    exact -= Fraction(position * AT_ONE_TICK, int(result.curve.price_ticks[-1]))
    lost = exact - int(result.curve.equity_atoms[-1])
    assert 0 <= lost < len(result.fills) + 1


@pytest.mark.parametrize("seed", range(5))
def test_coins_are_conserved_on_candles(seed):
    settings = candle_settings(
        "linear", backtest__cash_atoms=10**11, backtest__inverse_lot=COIN, backtest__fee_tiers=TIERS
    )
    result = run_candles(random_series(seed, kind="linear"), SmaCross(fast=3, warmup=9), settings)
    assert len(result.fills) > 5
    assert {fill.fee_asset for fill in result.fills} == {"BTC"}
    exact = Fraction(10**11)
    for fill in result.fills:
        exact += Fraction(signed(fill) * AT_ONE_TICK, fill.price_ticks) - fill.fee_atoms
    held = sum(map(signed, result.fills))
    last = int(result.curve.price_ticks[-1])
    lost = exact - Fraction(held * AT_ONE_TICK, last) - int(result.curve.equity_atoms[-1])
    assert 0 <= lost < len(result.fills) + 1
    [part] = parts_of(result, round_trips(result.fills, result.instruments))
    assert part.net_atoms == result.net_atoms
    trips = round_trips(result.fills, result.instruments)
    for trip in trips:
        rose = trip.closing_notional_atoms < trip.opening_notional_atoms  # coins are worth more
        assert trip.profit_atoms == 0 or (trip.profit_atoms > 0) == (rose == (trip.side == "buy"))
    if not held:
        assert abs(sum(trip.net_atoms for trip in trips) - result.net_atoms) <= 2 * len(result.fills)


@given(st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(5_000, 20_000))))
def test_a_ledger_of_coins_keeps_its_law(trades):
    coin = settled_as(traded(), COIN)
    ledger = Ledger({coin.symbol: coin}, {"BTC": 10**12})
    for number, (side, lots, price) in enumerate(trades):
        fill = Fill(
            id=str(number),
            cause_id="c",
            symbol=coin.symbol,
            parent_id="p",
            client_order_id="o",
            venue_order_id="v",
            trade_id=str(number),
            side=side,
            price_ticks=price,
            size_lots=lots,
            fee_atoms=coin.part_atoms(price, lots, 500, 10**6),
            fee_asset="BTC",
            liquidity="taker",
            at_ns=number,
        )
        assert ledger.book(fill)
    held = sum(lots if side == "buy" else -lots for side, lots, _ in trades)
    assert ledger.position_lots(coin.symbol) == held
    equity = ledger.cash_atoms(coin.symbol) + coin.worth_atoms(9_000, held)
    profit = ledger.realised_atoms(coin.symbol) + ledger.unrealised_atoms(coin.symbol, 9_000)
    assert equity - 10**12 == profit - ledger.fees_quote_atoms(coin.symbol)


def test_a_coin_margined_name_says_what_a_lot_is_worth():
    made = make_instrument("binance-cm", "BTCUSD_PERP", price_tick="0.1", size_step="1")
    assert (made.kind, made.size_step, made.settlement, made.symbol) == (
        "inverse",
        "100",
        "BTC",
        "BTC/USD:BTC",
    )
    assert made.atoms_at_one_tick == 10**11
    assert make_instrument("okx", "ETH/USD:ETH", price_tick="0.01", size_step="1").size_step == "10"
    assert make_instrument("bybit", "BTC/USD:BTC", price_tick="0.5", size_step="1").size_step == "1"
    with pytest.raises(InvalidInputError, match="a tick has no fixed value"):
        _ = made.atoms_per_tick_lot
    assert settled_as(instrument("linear"), "") == instrument("linear")
    with pytest.raises(InvalidInputError, match="not a number"):
        settled_as(instrument("linear"), "much")

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.backtesting.event_histories import dataset, event_settings, traded
from tests.backtesting.test_runner import described
from tests.native.simulated_flow import ASK, flow, rows

from openoutcry.backtesting.events_run import candles_of_trades, ending_at, run_events
from openoutcry.backtesting.history.candles import Funding
from openoutcry.domain.errors import InvalidInputError, MissingDataError, OpenOutcryError
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_MS
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.market_maker import MarketMaker
from openoutcry.strategies.sma_cross import SmaCross
from openoutcry.strategies.strategy import Needs, Quotes, Strategy

MS = NS_PER_MS
CASH = 1_000_000 * ATOMS_PER_UNIT
TICK_LOT = 1_000  # atoms: a cent times a thousandth
# Slices that rest at the last price, and are withdrawn when the next one is due.
PATIENT = {
    "risk__limit_offset_bps": 0,
    "strategy__intents__twap_change": 0.1,
    "strategy__intents__horizon_ns": 80 * MS,
    "execution__slice_interval_ns": 20 * MS,
    "risk__max_orders": 10_000,
}
BUSY = {"quote_lots": 5, "max_position_lots": 50, "risk_aversion": 0.001, "arrival_decay": 1.5}


class Fixed(Strategy, frozen=True):
    """Quotes the same, always."""

    needs = Needs(book=True)
    warmup: int = 1
    bid: int = 0
    ask: int = 0
    lots: int = 1
    every_ms: int = 10

    @property
    def every_ns(self):
        return self.every_ms * MS

    def observe(self, market):
        return Quotes(self.bid, self.ask, self.lots, self.lots)


class Lean(Strategy, frozen=True):
    """Everything above a close, nothing else."""

    warmup: int = 1
    level: int = 10_000

    def observe(self, market):
        return self.hold(1.0 if market.close[-1] > self.level else 0.0, "above")


class Both(Strategy, frozen=True):
    """Half of the account in each of two symbols, changed with every candle."""

    needs = Needs(symbols=2)
    warmup: int = 1

    def observe(self, market):
        (other,) = market.others
        share = 0.5 if int(market.close[-1]) % 2 else -0.5
        return self.hold(share, "both", others={other: -share})


def scripted(*events):
    """A book of 9,990 and 10,010 at 1 ms, then (ms, kind, price, size)."""
    book = ((1, 1, 9_990, 10), (1, 1, 9_980, 50), (1, 1 + ASK, 10_010, 10), (1, 1 + ASK, 10_020, 50))
    return rows(*((at * MS, kind, price, size) for at, kind, price, size in (*book, *events)))


def signed(fill):
    return fill.size_lots if fill.side == "buy" else -fill.size_lots


def test_a_makers_ledger_to_the_last_atom_with_partial_fills_rebates_and_funding():
    history = scripted(
        (40, 2 + ASK, 9_990, 13),  # the 10 before us, then 3 of our 7
        (140, 2 + ASK, 9_985, 2),  # through our price: 2 more
        (190, 2, 10_010, 11),  # the 10 before us, and 1 of ours
        (350, 2, 9_995, 1),  # of no concern to us
        (500, 2, 9_995, 1),
    )
    funding = Funding(np.array([260 * MS, 400 * MS]), np.array([0.001, -0.0005]))
    maker = Fixed(bid=9_990, ask=10_010, lots=7)
    result = run_events(
        [dataset(history)], maker, event_settings(cash_atoms=CASH), funding={traded().symbol: funding}
    )
    fills = [(fill.side, fill.price_ticks, fill.size_lots, fill.at_ns // MS) for fill in result.fills]
    assert fills == [("buy", 9_990, 3, 40), ("buy", 9_990, 2, 140), ("sell", 10_010, 1, 190)]
    values = [3 * 9_990, 2 * 9_990, 10_010]
    fees = [-(value * TICK_LOT * 200 // 1_000_000) for value in values]  # rebates, rounded down
    assert [fill.fee_atoms for fill in result.fills] == fees
    assert result.fees_atoms == sum(fees)
    assert {fill.liquidity for fill in result.fills} == {"maker"}
    paid = 4 * 10_010 * TICK_LOT // 1_000 - 4 * 9_995 * TICK_LOT // 2_000  # at the last closes before
    assert result.funding_atoms == paid
    cash = (-3 * 9_990 - 2 * 9_990 + 10_010) * TICK_LOT - sum(fees) - paid
    assert int(result.curve.equity_atoms[-1]) == CASH + cash + 4 * 10_000 * TICK_LOT
    assert result.curve.position_lots[-1] == 4
    first = int(result.curve.price_ticks[0])
    held = CASH * 1_000 // (first * TICK_LOT * 1_001)  # the yardstick's lots: a fee of a thousandth
    cost = held * first * TICK_LOT
    paid = -(-held * 10_010 * TICK_LOT // 1_000) - held * 9_995 * TICK_LOT // 2_000  # at the same prices
    expected = CASH - cost - -(-cost // 1_000) - paid + held * 10_000 * TICK_LOT
    assert int(result.curve.benchmark_atoms[-1]) == expected


def test_a_takers_ledger_to_the_last_atom_with_partial_fills_and_funding():
    history = scripted(
        (5, 2, 10_000, 1),  # this candle of 100 ms may have begun before: it is not told
        *((at, 2, 10_000, 1) for at in (120, 220)),
        (320, 2, 10_005, 1),
        (420, 2, 10_005, 1),  # the third candle is known, and above 10,000: buy
        (510, 2, 9_995, 1),
        (620, 2, 9_995, 1),  # the one that ended at 600 is not: sell
        (800, 2, 9_995, 1),
    )
    cash = 606_000_000  # of which 99 % are worth 59 lots at 10,005
    funding = Funding(np.array([500 * MS]), np.array([0.01]))
    settings = event_settings(cash_atoms=cash)
    result = run_events([dataset(history)], Lean(), settings, funding={traded().symbol: funding})
    buys = [fill for fill in result.fills if fill.side == "buy"]
    sells = [fill for fill in result.fills if fill.side == "sell"]
    assert [(fill.price_ticks, fill.size_lots, fill.at_ns // MS) for fill in buys] == [
        (10_010, 10, 420),
        (10_020, 49, 420),
    ]
    assert {fill.at_ns // MS for fill in sells} == {620}
    assert sum(map(signed, result.fills)) == 0
    for fill in result.fills:
        assert fill.fee_atoms == -(-fill.price_ticks * fill.size_lots * TICK_LOT // 1_000)
        assert fill.liquidity == "taker"
    assert result.funding_atoms == 59 * 10_000 * TICK_LOT // 100  # at the mid
    first, last = (int(result.curve.price_ticks[row]) for row in (0, -1))
    held = cash * 1_000 // (first * TICK_LOT * 1_001)
    cost = held * first * TICK_LOT
    kept = cash - cost - -(-cost // 1_000) + held * (last * TICK_LOT - 10_000 * TICK_LOT // 100)
    assert int(result.curve.benchmark_atoms[-1]) == kept
    traded_atoms = sum(-signed(fill) * fill.price_ticks * TICK_LOT for fill in result.fills)
    assert result.net_atoms == traded_atoms - result.fees_atoms - result.funding_atoms


@pytest.mark.parametrize("latency_ns", [0, 2 * MS])
def test_the_core_and_python_make_the_same_market(latency_ns):
    settings = event_settings(
        cash_atoms=CASH, backtest__order_latency_ns=latency_ns, backtest__report_latency_ns=latency_ns
    )
    data, maker = dataset(flow(20_000, 7)), MarketMaker(every_ms=5, **BUSY)
    native = run_events([data], maker, settings)
    asked = run_events([data], maker, settings, in_python=True)
    assert len(native.fills) > 100
    assert native.counts == asked.counts
    assert described(native) == described(asked)


def test_what_the_mandate_refuses_is_withdrawn_and_counted():
    history = scripted((40, 2 + ASK, 9_000, 50), (300, 2, 10_010, 1), (450, 2, 10_010, 1))
    far = Fixed(bid=9_100, ask=10_010)
    free = run_events([dataset(history)], far, event_settings(cash_atoms=CASH))
    assert [fill.price_ticks for fill in free.fills] == [9_100]
    kept = run_events([dataset(history)], far, event_settings(cash_atoms=CASH, risk__quote_collar_bps=100))
    assert kept.fills == ()
    assert kept.refusals == {"quote_collar": kept.counts["decisions"]}


def test_a_loss_beyond_the_mandate_ends_quoting():
    history = flow(20_000, 7)
    maker = MarketMaker(every_ms=5, **BUSY)
    free = run_events([dataset(history)], maker, event_settings(cash_atoms=CASH))
    low = int(free.curve.equity_atoms.min()) - CASH
    assert low < 0
    ended = run_events(
        [dataset(history)],
        maker,
        event_settings(cash_atoms=CASH, risk__max_daily_loss_atoms=-low // 2),
    )
    assert "the mandate ended" in ended.halt_reason
    assert 0 < len(ended.fills) < len(free.fills)
    assert ended.fills == tuple(replace_id(fill, ended.run_id) for fill in free.fills[: len(ended.fills)])


def replace_id(fill, run_id):
    """The same fill of another run."""
    old = fill.id.partition(":")[0]
    return type(fill)(
        **{
            name: value.replace(old, run_id) if isinstance(value, str) else value
            for name, value in ((name, getattr(fill, name)) for name in fill.__struct_fields__)
        }
    )


@pytest.mark.parametrize("strategy", [MarketMaker(every_ms=7, **BUSY), SmaCross(fast=2, warmup=11)])
def test_the_same_seed_and_data_give_the_same_bytes(strategy):
    def run(seed):
        settings = event_settings(
            cash_atoms=CASH,
            simulation__reject_probability=0.3,
            simulation__order_latency_p99_ns=9 * MS,
            simulation__report_latency_p99_ns=9 * MS,
            backtest__order_latency_ns=3 * MS,
            backtest__report_latency_ns=3 * MS,
            risk__max_rejects=10_000,
            seed=seed,
        )
        return described(run_events([dataset(flow(8_000, 4))], strategy, settings))

    assert run(1) == run(1) != run(2)


@example(33, "risk-averse", "patient", 2)  # the data end between two wakes, with something due
@hypothesis_settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["risk-averse", "power3", "log"]),
    st.sampled_from(["maker", "taker", "patient"]),
    st.integers(0, 5),
)
def test_nothing_is_made_or_lost_but_by_fees_and_prices(seed, queue, side, latency_ms):
    settings = event_settings(
        cash_atoms=CASH,
        simulation__queue_model=queue,
        backtest__order_latency_ns=latency_ms * MS,
        backtest__report_latency_ns=latency_ms * MS,
        **(PATIENT if side == "patient" else {}),
    )
    strategy = MarketMaker(every_ms=5, **BUSY) if side == "maker" else SmaCross(fast=2, warmup=5)
    result = run_events([dataset(flow(4_000, seed))], strategy, settings)
    lots = cash = 0
    supply = {}
    for fill in result.fills:
        lots += signed(fill)
        cash -= signed(fill) * fill.price_ticks * TICK_LOT + fill.fee_atoms
        supply[fill.client_order_id] = supply.get(fill.client_order_id, 0) + fill.size_lots
    worth = lots * int(result.curve.price_ticks[-1]) * TICK_LOT
    assert result.net_atoms == cash + worth
    assert result.curve.position_lots[-1] == lots
    assert result.fees_atoms == sum(fill.fee_atoms for fill in result.fills)
    if side == "maker":
        assert max(supply.values(), default=0) <= BUSY["quote_lots"]


def test_two_instruments_trade_in_the_order_of_their_events():
    second = traded("ETH/USDT:USDT")
    data = [dataset(flow(9_000, 1)), dataset(flow(9_000, 2, mid_ticks=4_000), second)]
    seen = []

    def told(done, total):
        seen.append(done / total)

    settings = event_settings(cash_atoms=CASH, simulation__candle_ms=200)
    result = run_events(data, Both(), settings, progress=told)
    symbols = [fill.symbol for fill in result.fills]
    assert {traded().symbol, second.symbol} == set(symbols) == set(result.instruments)
    assert len(list(itertools.groupby(symbols))) > 8
    assert [fill.at_ns for fill in result.fills] == sorted(fill.at_ns for fill in result.fills)
    assert result.symbol == traded().symbol
    cash = sum(-signed(fill) * fill.price_ticks * TICK_LOT - fill.fee_atoms for fill in result.fills)
    held = {symbol: sum(signed(f) for f in result.fills if f.symbol == symbol) for symbol in set(symbols)}
    alone = [run_events([each], Lean(level=10**9), settings) for each in data]
    worth = sum(held[each.symbol] * int(each.curve.price_ticks[-1]) * TICK_LOT for each in alone)
    assert result.net_atoms == cash + worth
    assert seen[-1] == 1.0


def test_one_symbol_cannot_come_twice():
    with pytest.raises(InvalidInputError, match="of one symbol"):
        run_events([dataset(flow(200, 1)), dataset(flow(200, 2))], Both(), event_settings())


def test_orders_by_id_are_queued_exactly():
    history = rows(
        (1 * MS, 10, 9_990, 5, 1),
        (1 * MS, 10, 9_990, 7, 2),
        (1 * MS, 10 + ASK, 10_010, 5, 3),
        (30 * MS, 11, 9_990, 5, 1),  # 5 of the 12 before us leave: a risk-averse queue would not know
        (40 * MS, 2 + ASK, 9_990, 9, 0),
        (40 * MS, 13, 9_990, 7, 2),
        (40 * MS, 11, 9_990, 7, 2),
        (50 * MS, 10, 9_990, 4, 4),
        (60 * MS, 13, 9_990, 2, 4),  # behind us
        (60 * MS, 12, 9_990, 2, 4),
        (300 * MS, 2, 10_010, 1, 0),
        (450 * MS, 2, 10_010, 1, 0),
    )
    result = run_events([dataset(history)], Fixed(bid=9_990, ask=0, lots=3), event_settings(cash_atoms=CASH))
    assert [(fill.size_lots, fill.at_ns // MS) for fill in result.fills][:1] == [(2, 60)]
    assert any("exact" in sentence for sentence in result.assumptions)


def test_quotes_without_trades_are_valued_at_their_mids():
    at = np.arange(1, 400, dtype=np.int64) * 5 * MS
    bid = 9_990 + (np.arange(399) % 7)
    quotes = np.ascontiguousarray(np.stack([at, bid, bid + 4, bid * 0 + 9, bid * 0 + 9], axis=1))
    result = run_events(
        [dataset(quotes, kind="quotes")],
        MarketMaker(every_ms=20, **BUSY),
        event_settings(cash_atoms=CASH, simulation__feed_latency_ns=MS),
    )
    assert result.counts["decisions"] > 80
    assert len(result.curve) >= 18
    assert set(result.curve.price_ticks.tolist()) <= set((bid + 2).tolist())


def test_a_halted_venue_and_its_rejects_are_told():
    history = flow(6_000, 3)
    first_ns, last_ns = int(history[0, 0]), int(history[-1, 0])
    settings = event_settings(cash_atoms=CASH, simulation__halts_ns=[[first_ns, last_ns + 1]])
    result = run_events([dataset(history)], SmaCross(fast=2, warmup=5), settings)
    assert result.fills == ()
    assert result.counts["child_orders_rejected"] > 0


def test_data_that_cannot_be_traded_is_refused():
    history = flow(300, 3)
    with pytest.raises(InvalidInputError, match="trades alone"):
        run_events([dataset(history, kind="trades")], SmaCross(), event_settings())
    with pytest.raises(InvalidInputError, match="quotes alone"):
        run_events([dataset(history, kind="quotes")], SmaCross(), event_settings())
    bids = history[(history[:, 2] >> 8) == 0]
    for strategy in (SmaCross(), MarketMaker()):
        with pytest.raises(MissingDataError, match=r"two sides|nothing happens"):
            run_events([dataset(np.ascontiguousarray(bids))], strategy, event_settings(cash_atoms=CASH))
    back = history.copy()
    back[200, 0] = 5
    with pytest.raises(InvalidInputError, match="data check"):
        run_events([dataset(back)], SmaCross(), event_settings())
    fifo = event_settings(simulation__queue_model="fifo")
    with pytest.raises(InvalidInputError, match="by order"):
        run_events([dataset(history)], SmaCross(), fifo)


def test_a_maker_that_answers_something_else_or_fails_is_named():
    class Wrong(Fixed, frozen=True):
        def observe(self, market):
            return self.hold(1.0, "no quotes") if self.lots > 1 else 1 / 0

    data, settings = dataset(flow(500, 3)), event_settings(cash_atoms=CASH)
    with pytest.raises(InvalidInputError, match="answers Quotes"):
        run_events([data], Wrong(lots=2), settings)
    with pytest.raises(OpenOutcryError, match="ZeroDivisionError"):
        run_events([data], Wrong(), settings)
    with pytest.raises(
        InvalidInputError, match=r"give --param quote_lots=9999000 --param max_position_lots=9999000"
    ):
        run_events([data], MarketMaker(quote_lots=10**8, max_position_lots=10**9), settings)


def test_a_dataset_ends_where_it_is_told_to():
    whole = dataset(flow(4_000, 3))
    middle_ns = (whole.record.first_ns + whole.record.last_ns) // 2
    half = ending_at(whole, middle_ns)
    assert 0 < sum(map(len, half.rows())) < whole.record.rows
    results = [run_events([each], BuyAndHold(), event_settings()) for each in (whole, half)]
    assert results[0].run_id != results[1].run_id
    heard_ns = max(int(rows[:, 1].max()) for rows in half.rows())  # the feed takes its time
    assert results[0].curve.times_ns[-1] > heard_ns >= results[1].curve.times_ns[-1] - 1
    with pytest.raises(MissingDataError, match="before the end"):
        ending_at(whole, whole.record.first_ns)


def test_candles_of_trades_alone():
    history = flow(4_000, 3)
    trades = np.ascontiguousarray(history[(history[:, 2] & 255) == 2])
    series = candles_of_trades(dataset(trades, kind="trades"), event_settings(), 100 * MS)
    inside = trades[(trades[:, 1] >= series.open_ns[0]) & (trades[:, 1] < series.close_ns[-1])]
    assert len(series) > 3
    assert series.volume_lots.sum() == inside[:, 4].sum()


def test_rows_are_pulled_no_faster_than_they_are_needed():
    history = flow(20_000, 5)
    data = dataset(history)
    pulled = 0

    def stream(from_ns, to_ns):
        nonlocal pulled
        for rows_ in data.stream(from_ns, to_ns):
            pulled += len(rows_)
            yield rows_

    ahead = []

    class Watching(Lean, frozen=True):
        def observe(self, market):
            ahead.append(pulled - int(np.searchsorted(history[:, 1], market.now_ns)))
            return super().observe(market)

    run_events([replace(data, stream=stream)], Watching(), event_settings(cash_atoms=CASH))
    assert len(ahead) > 10
    assert max(ahead) < 3_000  # some chunks and a candle, of 20,000 rows

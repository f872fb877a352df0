import numpy as np
import pytest
from tests.backtesting.candle_histories import CASH_ATOMS, random_series
from tests.backtesting.candle_histories import settings as candle_settings
from tests.backtesting.candle_pairs import Apart, random_two

from openoutcry.backtesting.by_symbol import parts_of
from openoutcry.backtesting.candle_markets import CandleMarket, in_step, together
from openoutcry.backtesting.history.candles import Funding
from openoutcry.backtesting.optimise.walk_forward import HANDOVER, Piece, walk
from openoutcry.backtesting.runner import run_candles
from openoutcry.backtesting.statistics.round_trips import OPENING_SIGN, round_trips
from openoutcry.domain.errors import InvalidInputError
from openoutcry.strategies.buy_and_hold import BuyAndHold
from openoutcry.strategies.sma_cross import SmaCross

PIECES = (
    Piece(500, 900, SmaCross(fast=5, warmup=30)),
    Piece(900, 1_300, SmaCross(fast=10, warmup=60)),
    Piece(1_300, 1_700, SmaCross(fast=5, warmup=30)),
)


@pytest.fixture(scope="module")
def walked(made):
    series = made.walk(3, candles=2_000)
    return series, walk(PIECES, [made.market(series)], made.settings())


def test_the_account_goes_on_and_every_atom_is_in_a_fill(made, walked):
    series, result = walked
    atoms = series.instrument.atoms_per_tick_lot
    curve = result.curve
    assert curve.times_ns.tolist() == series.close_ns[500:1_700].tolist()
    cash, held, fills = made.cash_atoms, 0, list(result.fills)
    for row, at_ns in enumerate(curve.times_ns.tolist()):
        while fills and fills[0].at_ns <= at_ns:
            fill = fills.pop(0)
            lots = fill.size_lots if fill.side == "buy" else -fill.size_lots
            held += lots
            cash -= lots * fill.price_ticks * atoms + fill.fee_atoms
        assert curve.position_lots[row] == held
        assert curve.equity_atoms[row] == cash + held * curve.price_ticks[row] * atoms
    assert not fills
    assert result.fees_atoms == sum(fill.fee_atoms for fill in result.fills)


def test_a_window_ends_flat_and_its_closing_is_a_trade(walked):
    series, result = walked
    closings = [fill for fill in result.fills if fill.id.startswith("fill:handover:")]
    assert closings  # at least one window ended with a position, or this test shows nothing
    for fill in closings:
        row = int(np.searchsorted(series.close_ns, fill.at_ns))
        assert row in {899, 1_299}
        assert fill.price_ticks == series.close_ticks[row]
        notional = series.instrument.notional_atoms(fill.price_ticks, fill.size_lots)
        assert fill.fee_atoms == -(-notional * 500 // 1_000_000)
    assert result.curve.position_lots[399] == result.curve.position_lots[799] == 0
    trips = round_trips(result.fills, result.instruments)
    assert sum(trip.closing_parent_id.startswith("handover:") for trip in trips) == len(closings)
    assert HANDOVER in result.assumptions


def test_a_window_trades_from_its_first_candle_on_and_sees_only_its_warm_up_before(made, walked):
    series, result = walked
    # The first window alone, with nothing before its warm-up, is the same.
    alone = run_candles(series.slice(470, 900), PIECES[0].strategy, made.settings())
    assert not alone.curve.position_lots[:30].any()
    assert result.curve.equity_atoms[:399].tolist() == alone.curve.equity_atoms[30:429].tolist()
    held = walk([Piece(500, 600, BuyAndHold())], [made.market(series)], made.settings())
    assert held.curve.position_lots[0] > 0


def test_buying_and_holding_pays_the_funding_within_the_windows_alone():
    series = random_series(4, 200, "linear")
    times = series.close_ns[[20, 120, 180]]
    funding = Funding(times, np.array([0.01, 0.001, 0.01]))
    piece = [Piece(100, 150, BuyAndHold())]
    given = candle_settings("linear")
    free, paid = (
        walk(piece, [CandleMarket(series, funding=rates)], given).curve.benchmark_atoms
        for rates in (None, funding)
    )
    first, then = (int(series.close_ticks[row]) * 1_000 for row in (100, 120))
    lots = CASH_ATOMS * 1_000 // (first * 1_001)
    assert (free - paid).tolist() == [*[0] * 21, *[lots * then // 1_000] * 29]


def test_buying_and_holding_is_over_the_windows_only(made, walked):
    series, result = walked
    lots = int(result.curve.benchmark_atoms[-1] - result.curve.benchmark_atoms[0]) // (
        int(series.close_ticks[1_699] - series.close_ticks[500]) * series.instrument.atoms_per_tick_lot
    )
    cost = series.instrument.notional_atoms(int(series.close_ticks[500]), lots)
    assert cost <= made.cash_atoms < cost * 1.001
    assert list(result.parameters.values()) == [
        {"warmup": 30, "fast": 5},
        {"warmup": 60, "fast": 10},
        {"warmup": 30, "fast": 5},
    ]


def test_an_account_that_is_ruined_ends_the_walk(made):
    series = made.walk(3, candles=2_000)
    for column in (series.open_ticks, series.high_ticks, series.low_ticks, series.close_ticks):
        column[700:] = 4 * column[700:] // 1  # shorts lose three times what they are worth
    settings = made.settings(**{"strategy.intents.long_only": False})
    pieces = [Piece(500, 900, Short()), Piece(900, 1_300, Short())]
    with pytest.raises(InvalidInputError, match="ruined out of sample, in window 1"):
        walk(pieces, [made.market(series)], settings)


class Short(BuyAndHold, frozen=True):
    def observe(self, market):
        return self.hold(-1.0, "down")

    def exposures(self, candles):
        return None


def test_both_symbols_of_a_window_are_closed_at_its_end(made):
    markets = in_step(together(random_two(5, 200)))
    pieces = [Piece(20, 80, Apart()), Piece(80, 150, Apart(leg=0.3))]
    result = walk(pieces, markets, candle_settings("linear"))
    end_ns = int(markets[0].series.close_ns[79])
    closings = [fill for fill in result.fills if fill.id.startswith("fill:handover:")]
    assert [(fill.symbol, fill.at_ns) for fill in closings] == [(each.symbol, end_ns) for each in markets]
    for market, fill in zip(markets, closings, strict=True):
        until = result.fills[: result.fills.index(fill) + 1]
        own = [each.size_lots * OPENING_SIGN[each.side] for each in until if each.symbol == fill.symbol]
        assert sum(own) == 0
        assert fill.price_ticks == market.series.close_ticks[79]
    parts = parts_of(result, round_trips(result.fills, result.instruments))
    assert sum(part.net_atoms for part in parts) == result.net_atoms
    assert len(result.curve) == 130

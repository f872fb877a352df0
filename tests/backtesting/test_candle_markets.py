import msgspec
import numpy as np
import pytest
from tests.backtesting.candle_histories import FIRST_NS, INTERVAL_NS, random_series, series
from tests.backtesting.candle_pairs import market, second, two

from openoutcry.backtesting.candle_markets import CandleMarket, in_order, in_step, side_by_side, together
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.domain.errors import InvalidInputError, MissingDataError

ROW = (100, 101, 99, 100, 1_000)


def minute(at):
    return FIRST_NS + at * INTERVAL_NS


def test_one_market_stays_as_it_is():
    alone = market(random_series(1))
    assert together([alone]) == (alone,)
    assert side_by_side([alone.series]) == [alone.series]


def test_several_are_cut_to_the_time_that_all_have():
    one, other = together(two([ROW] * 8, [None, None, *[ROW] * 4]))
    for each in (one, other):
        assert each.series.open_ns.tolist() == [minute(at) for at in range(2, 6)]
        record = each.dataset
        assert (record.first_ns, record.last_ns, record.rows) == (minute(2), minute(6), 4)
        assert record.findings == ()


def test_candles_without_counterpart_are_told_where_they_are():
    one, other = together(two([ROW] * 6, [ROW, ROW, None, ROW, None, ROW]))
    assert other.dataset.findings == ()
    (finding,) = one.dataset.findings
    assert (finding.severity, finding.kind, finding.count, finding.row) == ("note", "no_counterpart", 2, 2)
    assert "2 of 6 candles close when another symbol has none, first at 2024-01-01 00:03:00" in finding.detail


def test_in_step_only_candles_with_a_counterpart_are_left():
    one, other = in_step(together(two([ROW] * 6, [ROW, ROW, None, ROW, None, ROW])))
    for each in (one, other):
        assert each.series.open_ns.tolist() == [minute(at) for at in (0, 1, 3, 5)]
        assert each.dataset.rows == 4
    with pytest.raises(MissingDataError, match="no candle of the same time"):
        in_step(two([ROW], [None, ROW]))


def test_prices_lie_side_by_side_from_when_all_have_one():
    rows = [(100 + at, 110 + at, 90, 100 + at, 5) for at in range(6)]
    other = [None, rows[0], rows[1], None, rows[3], rows[4]]
    one, two_ = side_by_side([series(rows), second(series(other))])
    assert one.close_ns.tolist() == two_.close_ns.tolist() == [minute(at) for at in range(2, 7)]
    assert one.close_ticks.tolist() == [101, 102, 103, 104, 105]
    assert two_.close_ticks.tolist() == [100, 101, 101, 103, 104]


def test_candles_come_in_the_order_of_their_closes_and_then_of_the_symbols():
    first, other = series([ROW, None, ROW, ROW]), second(series([ROW, ROW, ROW]))
    assert in_order([first, other]) == ([0, 1, 1, 0, 1, 0], [0, 0, 1, 1, 2, 2])


def test_records_are_of_the_candles_and_of_what_a_contract_pays():
    paid = Funding(np.array([1, 9]), np.array([0.1, 0.2]), "rates/BTC.csv")
    candles, funding = market(random_series(1, kind="linear"), funding=paid).records
    assert (candles.kind, funding.kind, funding.name, funding.rows) == ("candles", "funding", "BTC", 2)
    assert (funding.symbol, funding.first_ns, funding.last_ns) == ("BTC/USDT:USDT", 1, 9)
    changed = Funding(paid.times_ns, paid.rates + 1e-12)
    assert funding.sha256 == paid.sha256 != changed.sha256


def with_instrument(of, **changes):
    made = msgspec.structs.replace(of.instrument, **changes)
    return CandleMarket(CandleSeries(made, of.interval_ns, *of.columns()))


@pytest.mark.parametrize(
    ("other", "error", "text"),
    [
        (CandleMarket(series([ROW])), InvalidInputError, "give one for each symbol"),
        (with_instrument(second(series([ROW])), venue="okx"), InvalidInputError, "differ in their venue"),
        (with_instrument(second(series([ROW])), quote="EUR"), InvalidInputError, "their quote asset"),
        (with_instrument(second(series([ROW])), kind="linear"), InvalidInputError, "kind of instrument"),
        (market(second(series([None] * 9 + [ROW]))), MissingDataError, "no time in common"),
        (CandleMarket(second(series([]))), MissingDataError, "there are no candles"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_does_not_go_together_is_refused_in_words(other, error, text):
    with pytest.raises(error, match=text):
        together([market(series([ROW] * 3)), other])


def test_other_intervals_and_other_beginnings_are_refused_with_the_row():
    one, columns = series([ROW] * 6), second(series([ROW] * 6))
    longer = CandleSeries(columns.instrument, 5 * INTERVAL_NS, *columns.columns())
    with pytest.raises(InvalidInputError, match=r"differ in their interval \(1m, 5m\)"):
        together([market(one), market(longer)])
    late = CandleSeries(
        columns.instrument, INTERVAL_NS, columns.open_ns + INTERVAL_NS // 2, *columns.columns()[1:]
    )
    with pytest.raises(
        InvalidInputError, match=r"BTC\.csv, row 0: 5 of 5 candles .* begin at the same moments"
    ):
        together([market(one), market(late)])


def test_a_market_without_a_candle_in_the_common_time_is_missing_data():
    hole = [ROW, *[None] * 8, ROW]
    with pytest.raises(MissingDataError, match=r"ETH\.csv has no candle from 2024-01-01 00:02:00"):
        together(two([None, None, ROW, ROW], hole))

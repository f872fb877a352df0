import numpy as np
import pytest
from tests.backtesting.candle_histories import FIRST_NS, settings
from tests.backtesting.candle_pairs import Apart, market, two
from tests.backtesting.event_histories import dataset, event_settings, traded
from tests.backtesting.test_events_run import Fixed
from tests.backtesting.test_runner import Above
from tests.native.simulated_flow import flow

from openoutcry.backtesting.assumptions import FUNDING, NO_LIQUIDATION
from openoutcry.backtesting.events_run import run_events
from openoutcry.backtesting.funding_cover import USUAL_NS, uncovered
from openoutcry.backtesting.history.candles import CandleSeries, Funding
from openoutcry.backtesting.judgement import judgement_of
from openoutcry.backtesting.runner import run_candle_markets
from openoutcry.domain.units import NS_PER_S

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
HOUR_NS = 3_600 * NS_PER_S


def funding(*hours, jitter_ns=0):
    times = np.array(hours, np.int64) * HOUR_NS + FIRST_NS
    times[1::2] += jitter_ns
    return Funding(times, np.full(len(hours), 0.0001))


def covered(paid, from_hour, to_hour):
    found = uncovered(paid, "X", FIRST_NS + from_hour * HOUR_NS, FIRST_NS + to_hour * HOUR_NS)
    return None if found is None else (found.detail, found.count, found.row)


@pytest.mark.parametrize(
    ("paid", "span"),
    [
        (funding(8, 16, 24), (1, 31)),  # up to an interval before the first, and behind the last
        (funding(8, 16, 24, 32, jitter_ns=9_000_000), (0, 40)),
        (funding(4, 8, 12, 16, 24, 32), (0, 40)),  # its interval became longer
        (funding(8), (3, 9)),
        (funding(0, 8, 16), (25, 25)),
    ],
)
def test_rates_that_cover_the_time_are_nothing_to_tell(paid, span):
    assert covered(paid, *span) is None


@pytest.mark.parametrize(
    ("paid", "span", "expected"),
    [
        (funding(*range(8, 89, 8)), (0, 960), ("10.0 %", 1, 10)),  # 96 of 960 hours
        (funding(*range(880, 961, 8)), (0, 960), ("9.1 %", 1, 0)),
        (funding(*range(8, 89, 8), *range(888, 961, 8)), (0, 960), ("17.5 %", 1, 11)),
        (funding(8, 16), (500, 501), ("0.0 %", 1, 1)),  # of another time altogether
        (funding(800, 808), (500, 501), ("0.0 %", 1, 0)),
        (funding(), (0, 1), ("0.0 %", 1, 0)),
    ],
)
def test_what_the_rates_leave_out_is_told_with_its_row(paid, span, expected):
    share, holes, row = expected
    assert covered(paid, *span) == (f"the funding rates of X cover {share} of the time traded", holes, row)


def flat(price):
    return (price, price, price, price, 10**9)


def slow(symbol_series):
    """The same candles, eight hours each: funding is due within them."""
    open_ns = FIRST_NS + USUAL_NS * np.arange(len(symbol_series), dtype=np.int64)
    return CandleSeries(symbol_series.instrument, USUAL_NS, open_ns, *symbol_series.columns()[1:])


def pair(first=None, second=None):
    both = two([flat(1_000)] * 40, [flat(2_000)] * 40)
    return [market(slow(each.series), funding=paid) for each, paid in zip(both, (first, second), strict=True)]


def verdict_of(markets, strategy=None):
    result = run_candle_markets(markets, strategy or Above(level=1), settings("linear"))
    told = {each.rule: each.text for each in judgement_of(result).verdict.reasons}
    return result, told.get("funding")


def test_a_contract_without_funding_is_named_where_it_is_traded():
    whole = funding(*range(0, 40 * 8 + 1, 8))
    result, told = verdict_of(pair()[:1])
    assert told == f"no funding is paid on {BTC}"
    assert f"no funding is paid on {BTC}" in result.assumptions
    assert NO_LIQUIDATION in result.assumptions
    paid, told = verdict_of(pair(whole)[:1])
    assert told is None
    assert FUNDING in paid.assumptions
    assert not any("no funding" in each for each in paid.assumptions)
    half, told = verdict_of(pair(whole), Apart())
    assert told == f"no funding is paid on {ETH}"
    assert f"no funding is paid on {ETH}" in half.assumptions
    assert f"no funding is paid on {BTC}" not in half.assumptions


def test_funding_of_a_tenth_of_the_time_is_a_reason_and_no_fault_of_the_data():
    result, told = verdict_of(pair(funding(*range(0, 25, 8)))[:1])
    assert told == f"the funding rates of {BTC} cover 7.6 % of the time traded"  # 24 of 312 hours
    assert [each.kind for each in result.datasets[-1].findings] == ["funding_cover"]
    assert any(each.startswith(f"no funding is paid on {BTC} where") for each in result.assumptions)
    assert "data" not in [each.rule for each in judgement_of(result).verdict.reasons]


def test_minutes_between_two_settlements_owe_no_funding():
    _, told = verdict_of(two([flat(1_000)] * 40, [flat(2_000)] * 40)[:1])
    assert told is None


def test_over_events_the_same_is_told():
    data, maker, given = dataset(flow(2_000, 7)), Fixed(bid=9_990, ask=10_010), event_settings()
    unpaid = run_events([data], maker, given).assumptions
    assert f"no funding is paid on {traded().symbol}" in unpaid
    assert NO_LIQUIDATION in unpaid
    other = Funding(np.array([10**15]), np.array([0.1]))
    result = run_events([data], maker, given, funding={traded().symbol: other})
    assert [each.kind for each in result.datasets[-1].findings] == ["funding_cover"]

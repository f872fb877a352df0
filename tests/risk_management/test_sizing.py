import math

from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.domain.instrument import Instrument
from openoutcry.domain.units import ATOMS_PER_UNIT
from openoutcry.risk_management.limits import RiskLimits
from openoutcry.risk_management.sizing import (
    full_position_lots,
    limit_price_ticks,
    volatility_per_year,
    weight,
)

LIMITS = RiskLimits()
BTC = Instrument(
    venue="v",
    symbol="BTC/USDT",
    venue_symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    price_tick="0.01",
    size_step="0.00001",
    min_size_lots=1,
    max_size_lots=900_000,
    min_notional_atoms=0,
)
volatilities = st.floats(min_value=0, max_value=10, allow_nan=False)
exact = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def test_the_year_is_made_of_candles():
    assert math.isclose(volatility_per_year(0.0002, 5.0), 0.0002 * math.sqrt(365 * 24 * 720))


def test_the_formula_by_hand():
    assert math.isclose(weight(0.0004, 5.0, LIMITS), 0.10 / (0.0004 * math.sqrt(365 * 24 * 720)))


def test_the_demo_account_gets_five_to_twenty_thousand():
    for sigma in (0.00005, 0.0002, 0.0005):
        lots = full_position_lots(
            100_000 * ATOMS_PER_UNIT, weight(sigma, 5.0, LIMITS), 6_180_000, BTC, LIMITS
        )
        assert 5_000 <= BTC.notional_atoms(6_180_000, lots) / ATOMS_PER_UNIT <= 20_000


@exact
@given(volatilities, volatilities)
def test_more_volatility_is_never_more_position(low, high):
    low, high = sorted((low, high))
    assert weight(low, 5.0, LIMITS) >= weight(high, 5.0, LIMITS)
    assert 0 < weight(high, 5.0, LIMITS) <= LIMITS.max_weight


@exact
@given(
    st.integers(min_value=-(10**15), max_value=10**17),
    st.floats(min_value=0, max_value=1),
    st.integers(min_value=1, max_value=10**9),
)
def test_rounding_never_passes_a_cap(equity_atoms, share, price_ticks):
    lots = full_position_lots(equity_atoms, share, price_ticks, BTC, LIMITS)
    worth = BTC.notional_atoms(price_ticks, lots)
    assert 0 <= worth <= LIMITS.max_position_notional_atoms
    assert worth <= max(equity_atoms, 0) * share * (1 + 1e-12)


def test_five_times_the_volatility_is_a_fifth_of_the_position():
    assert math.isclose(weight(0.002, 5.0, LIMITS), weight(0.0004, 5.0, LIMITS) / 5)


def test_the_worst_price_is_rounded_towards_the_reference():
    assert limit_price_ticks(6_180_009, "buy", LIMITS) == 6_180_009 + 6_180
    assert limit_price_ticks(6_180_009, "sell", LIMITS) == 6_180_009 - 6_180

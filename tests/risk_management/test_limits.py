import pytest

from openoutcry.domain.errors import ConfigurationError
from openoutcry.risk_management.limits import RiskLimits


def test_the_defaults_are_valid():
    assert RiskLimits().max_weight <= 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"target_volatility_per_year": 0.0}, "target_volatility_per_year is 0.0, it must be positive"),
        ({"target_volatility_per_year": float("nan")}, "target_volatility_per_year is nan"),
        ({"max_weight": float("inf")}, "max_weight is inf"),
        ({"max_weight": 1.5}, "no borrowing"),
        ({"max_orders": 0}, "max_orders is 0"),
        ({"fee_bps": -1}, "fee_bps is -1, it must not be negative"),
        ({"price_collar_bps": 10_000}, "must be below 10000"),
        ({"limit_offset_bps": 60, "price_collar_bps": 50}, "every order would be refused"),
        ({"cash_reserve_atoms": -1}, "cash_reserve_atoms is -1"),
    ],
)
def test_a_wrong_limit_is_named(change, named):
    with pytest.raises(ConfigurationError, match=named):
        RiskLimits(**change)


def test_all_wrong_limits_are_named_at_once():
    with pytest.raises(ConfigurationError, match=r"max_orders.*max_rejects"):
        RiskLimits(max_orders=0, max_rejects=0)

import pytest
from tests.backtesting.optimise.markets import CASH_ATOMS, market_of, record_of, settings_of, walk_of


@pytest.fixture(scope="session")
def made():
    """Makes candles, their record, and settings."""

    class Made:
        walk = staticmethod(walk_of)
        record = staticmethod(record_of)
        market = staticmethod(market_of)
        settings = staticmethod(settings_of)
        cash_atoms = CASH_ATOMS

    return Made

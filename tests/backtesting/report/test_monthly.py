import numpy as np
import pytest
from tests.backtesting.backtested import FIRST_NS, backtested

from openoutcry.backtesting.report.monthly import monthly_returns, monthly_table
from openoutcry.backtesting.result import Curve
from openoutcry.domain.units import NS_PER_S

DAY_NS = 86_400 * NS_PER_S


def curve(days, equity):
    times = FIRST_NS + np.array(days, dtype=np.int64) * DAY_NS
    column = np.array(equity, dtype=np.int64)
    return Curve(times, column, column, column * 0, column * 0)


def test_a_month_goes_from_the_last_equity_before_it_to_its_own_last():
    found = monthly_returns(curve([1, 31, 32, 59, 100], [100, 110, 50, 121, 121]), 100)
    assert found == pytest.approx({(2023, 1): 0.1, (2023, 2): 0.1, (2023, 4): 0.0})


def test_after_a_ruin_there_is_no_return():
    assert monthly_returns(curve([1, 40, 70], [100, -5, 20]), 100)[2023, 3] == 0.0


def test_months_compound_to_the_whole_and_every_one_is_in_the_table():
    result, _ = backtested()
    found = monthly_returns(result.curve, result.opening_atoms)
    whole = result.curve.equity_atoms[-1] / result.opening_atoms
    assert np.prod([1 + value for value in found.values()]) == pytest.approx(whole)
    table = monthly_table(result.curve, result.opening_atoms)
    assert table.count("title=") == len(found) + 1

import pytest

from openoutcry.backtesting.report.wording import amount, exact, percent, ratio, span
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S


@pytest.mark.parametrize(
    ("atoms", "signed", "text"),
    [
        (0, True, "0.00"),
        (123_456_789 * 10**6, False, "1,234,567.89"),
        (-ATOMS_PER_UNIT, False, "\N{MINUS SIGN}1.00"),
        (ATOMS_PER_UNIT // 200, True, "+0.01"),
        (12, False, "0.00000012"),
    ],
)
def test_amounts_are_short_and_small_ones_are_not_lost(atoms, signed, text):
    assert amount(atoms, signed=signed) == text


def test_the_exact_amount_has_every_atom():
    assert exact(-123_456_789) == "\N{MINUS SIGN}1.23456789"


def test_what_rounds_to_nothing_has_no_sign():
    assert percent(-0.0001) == "0.0 %"
    assert ratio(-0.001) == "0.00"
    assert percent(None) == ratio(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 s"), (119, "119 seconds"), (7_200, "2 hours"), (0.25, "0.25 s")]
)
def test_durations_are_told_in_a_unit_that_fits(seconds, text):
    assert span(int(seconds * NS_PER_S)) == text

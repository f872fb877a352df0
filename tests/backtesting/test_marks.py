import msgspec
import numpy as np
import pytest
from tests.backtesting.event_histories import dataset, traded
from tests.native.simulated_flow import ASK, BOOK, rows, simulator

from openoutcry.backtesting.funding_flows import funding_atoms, funding_of_fills
from openoutcry.backtesting.history.candles import Funding
from openoutcry.backtesting.marks import MAX_MARKS, Marks, mark_interval_ns


def test_marks_are_mids_an_interval_apart_and_one_at_the_end():
    simulation = simulator(rows(*BOOK, (25, 1 + ASK, 101, 0), (25, 1, 100, 4), (38, 2, 101, 1)))
    marks = Marks(simulation, [traded()], 10)
    simulation.every(5)
    while wake := simulation.advance():
        marks.take(wake[0])
    marks.take_last(38)
    [series] = marks.series()
    assert series.close_ns.tolist() == [6, 16, 26, 36, 39]
    assert series.close_ticks.tolist() == [100, 100, 101, 101, 101]


def test_before_a_book_has_two_sides_there_are_no_marks():
    simulation = simulator(rows((1, 1, 99, 10), (25, 1 + ASK, 101, 5), (35, 2, 101, 1)))
    marks = Marks(simulation, [traded()], 10)
    simulation.every(10)
    while wake := simulation.advance():
        marks.take(wake[0])
    assert [series.close_ns.tolist() for series in marks.series()] == [[31]]


@pytest.mark.parametrize(("span_ns", "times"), [(1, 1), (10 * MAX_MARKS, 1), (10 * MAX_MARKS + 1, 2)])
def test_a_curve_is_bounded(span_ns, times):
    record = dataset(rows(*BOOK)).record
    record = msgspec.structs.replace(record, first_ns=100, last_ns=100 + span_ns)
    assert mark_interval_ns([record], 10) == 10 * times


@pytest.mark.parametrize(
    ("lots", "rate", "expected"),
    [(3, 0.001, -300), (-3, 0.001, 300), (3, -0.001, 300), (3, 1e-9, -1), (-3, 1e-9, 0)],
)
def test_funding_is_rounded_against_us(lots, rate, expected):
    assert funding_atoms(traded(), 100, lots, rate) == expected


def test_funding_outside_of_the_prices_is_not_paid():
    simulation = simulator(rows(*BOOK, (40, 2, 101, 1)))
    marks = Marks(simulation, [traded()], 10)
    simulation.every(10)
    while wake := simulation.advance():
        marks.take(wake[0])
    [series] = marks.series()
    none = Funding(np.array([5, 5_000]), np.array([0.1, 0.1]))
    assert funding_of_fills(series, [], none) == []
    assert funding_of_fills(series, [], None) == []

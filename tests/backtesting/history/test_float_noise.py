"""Noise of floating point is taken off, and nothing else is touched."""

import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.history.test_candles import ROWS, csv

from openoutcry.backtesting.history import load_candles
from openoutcry.backtesting.history.exact import decimal_column, decimals
from openoutcry.backtesting.history.float_noise import without_noise
from openoutcry.domain.errors import InvalidInputError


def column(*cells):
    return decimal_column(pl.Series("volume", list(cells), pl.String))


@given(
    st.lists(st.tuples(st.integers(1, 10**11), st.integers(-5, 5)), min_size=1, max_size=30),
    st.integers(0, 5),
)
def test_floats_that_are_off_by_a_few_last_places_are_what_they_were_meant_to_be(meant, places):
    exactly = [Decimal(units).scaleb(-places) for units, _ in meant]
    floats = []
    for value, (_, ulps) in zip(exactly, meant, strict=True):
        number = float(value)
        floats.append(repr(number + ulps * math.ulp(number)))
    grid = str(Decimal(10**places + 1).scaleb(-places))  # one number that has all decimals
    (found,) = without_noise([column(grid, *floats)]).columns
    assert [Decimal(cell) for cell in found[1:]] == exactly


@given(st.lists(st.decimals(0, 10**11, places=8).map(str), min_size=1, max_size=30))
def test_numbers_of_one_grid_stay_as_they_are_however_many_digits_they_have(cells):
    given_column = column("0.00000001", *cells)
    found = without_noise([given_column])
    assert found.columns[0].to_list() == given_column.to_list()
    assert found.changed == 0


@pytest.mark.parametrize(
    "cells",
    [
        ("1.25", "123456789.12345678"),  # far from the grid of two decimals: it is a finer one
        ("1.25", "0.1234567890123456789"),
        ("135.32076000000001", "0.30000000000000004"),  # nothing says what the grid is
        ("1.25", "0.00000000000001421"),
        ("1.25", "9" * 400),
        ("1.25", "0." + "3" * 400),
    ],
)
def test_what_may_be_real_is_kept(cells):
    assert without_noise([column(*cells)]).columns[0].to_list() == list(cells)


def test_large_exact_volumes_are_real_to_their_last_digit():
    rng = np.random.default_rng(5)
    units = rng.integers(10**16, 10**17, 3_000).tolist()  # 17 digits, 8 decimals
    given_column = column(*(str(Decimal(each).scaleb(-8)) for each in units))
    found = without_noise([given_column])
    assert found.columns[0].to_list() == given_column.to_list()
    assert (
        min(map(decimals, (given_column.filter(given_column.str.len_bytes() <= 15),))) < 8
    )  # a coarser grid


def test_columns_share_their_grid():
    found = without_noise([column("0.30000000000000004", "7"), column("1.25", "2.5")])
    assert [each.to_list() for each in found.columns] == [["0.3", "7"], ["1.25", "2.5"]]
    assert found[1:] == (1, 0, "0.30000000000000004", "0.3")


def test_a_volume_that_was_divided_is_read_as_the_one_that_was_meant(tmp_path):
    units = [13_532_076, 30_000_001, 7]
    rows = [f"{row.rpartition(',')[0]},{count / 1e5!r}" for row, count in zip(ROWS, units, strict=True)]
    noisy = [rows[0].replace("135.32076", "135.32076000000001"), rows[1], rows[2].replace(
        "102.00,102.00", "102.00,102.00000000000001"
    )]  # fmt: skip
    series, record = load_candles(csv(tmp_path, noisy))
    assert (series.instrument.price_tick, series.instrument.size_step) == ("0.01", "0.00001")
    assert series.volume_lots.tolist() == units
    assert series.high_ticks.tolist()[2] == 10_200
    told = {each.detail for each in record.findings if each.kind == "float_noise"}
    assert len(told) == 2
    assert any("as 135.32076000000001, are read as" in each for each in told)
    assert record.sha256 == load_candles(csv(tmp_path, rows))[1].sha256


def test_a_volume_of_very_many_decimals_is_rounded_down_and_refuses_no_other_row(tmp_path):
    rows = [ROWS[0].replace(",1.5", ",135.32076"), ROWS[1].replace("0.25", "0.1234567890123456789"), ROWS[2]]
    series, record = load_candles(csv(tmp_path, rows))
    assert series.volume_lots.tolist() == [135_320_760, 123_456, 3_000_000]
    (told,) = [each for each in record.findings if each.kind == "volume_rounded"]
    assert (told.count, told.row) == (1, 1)


def test_a_price_of_too_many_decimals_is_named_with_its_row_and_what_to_do(tmp_path):
    rows = [ROWS[0], ROWS[1].replace("102.25", "102.250000001"), ROWS[2]]
    with pytest.raises(InvalidInputError, match=r"row 1: high 102\.250000001 has .*round the prices to"):
        load_candles(csv(tmp_path, rows))

import math

import pytest

from openoutcry.native import RobustZScore


def test_an_outlier_is_told_with_its_score_and_sign():
    detector = RobustZScore(window=10, threshold=3.0, min_samples=5)
    for value in (1.0, 2.0, 3.0, 2.0, 1.0):
        assert detector.update(value) is None
    # Median 2, MAD 1: z = (-20 - 2) / 1.4826.
    score, z = detector.update(-20.0)
    assert z == pytest.approx(-22 / 1.4826)
    assert score == pytest.approx(1 - 3.0 * 1.4826 / 22)


def test_it_is_silent_until_it_has_enough_samples():
    detector = RobustZScore(window=10, threshold=3.0, min_samples=5)
    assert [detector.update(value) for value in (1.0, 2.0, 3.0, 1e9)] == [None] * 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="value must be finite"):
        RobustZScore().update(value)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"window": 2}, "window"),
        ({"window": 10**9}, "window"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"min_samples": 0}, "min_samples"),
        ({"min_samples": 121}, "min_samples"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        RobustZScore(**parameters)

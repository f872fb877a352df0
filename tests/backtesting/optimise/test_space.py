from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.backtesting.optimise.space import Dimension, search_space
from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.parameters import Parametrised, parameters_of


class Example(Parametrised, frozen=True):
    fast: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 20
    share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5
    band: Annotated[float, msgspec.Meta(gt=0.0)] = 2.0
    days: Annotated[int, msgspec.Meta(gt=2, lt=8)] = 5
    mode: Literal["net", "veto"] = "net"
    shorts: bool = True
    note: str = "x"


PARAMETERS = parameters_of(Example)


def dimension(space, name):
    return next(each for each in space.dimensions if each.name == name)


def test_what_is_declared_is_searched_and_too_wide_ranges_stay_near_the_default():
    space = search_space(PARAMETERS)
    assert dimension(space, "fast") == Dimension(
        name="fast", kind="integer", low=4, high=100, is_logarithmic=True
    )
    assert dimension(space, "share") == Dimension(name="share", kind="real", low=0.0, high=1.0)
    assert (dimension(space, "band").low, dimension(space, "band").high) == (0.4, 10.0)
    assert (dimension(space, "days").low, dimension(space, "days").high) == (3, 7)
    assert dimension(space, "mode").choices == ("net", "veto")
    assert dimension(space, "shorts").choices == (False, True)
    assert [each.name for each in space.dimensions] == ["fast", "share", "band", "days", "mode", "shorts"]
    assert space.start == {
        "fast": 20,
        "share": 0.5,
        "band": 2.0,
        "days": 5,
        "mode": "net",
        "shorts": True,
    }


def test_texts_narrow_step_choose_and_fix():
    space = search_space(
        PARAMETERS,
        ["fast=5:50:10", "share=0.25", "days=3,5", "mode=veto", "shorts=false", "note=y", "band=1:2"],
    )
    assert dimension(space, "fast") == Dimension(name="fast", kind="integer", low=5, high=45, step=10)
    assert dimension(space, "days").choices == (3, 5)
    assert dimension(space, "band") == Dimension(name="band", kind="real", low=1.0, high=2.0)
    assert space.fixed == {"share": 0.25, "mode": "veto", "shorts": False, "note": "y"}
    assert space.start is None  # 20 is no step of fast


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "NAME=VALUE"),
        ("fast=", "NAME=VALUE"),
        ("fats=5:50", "did you mean 'fast'"),
        ("fast=50:5", "LOW < HIGH"),
        ("fast=0:5", "give 1 to 10000"),
        ("fast=5:50:0", "positive STEP"),
        ("fast=5:50:90", "positive STEP"),
        ("fast=1:2:3:4", "LOW:HIGH"),
        ("fast=1.5", "whole number"),
        ("share=nan", "out of its range"),
        ("share=x", "not a number"),
        ("days=8", "give 3 to 7"),
        ("days=3,3", "twice"),
        ("mode=vote", "net, veto"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_remedy(text, words):
    with pytest.raises(InvalidInputError, match=words):
        search_space(PARAMETERS, [text])


def test_a_parameter_given_twice_or_a_search_of_nothing_is_refused():
    with pytest.raises(InvalidInputError, match="twice"):
        search_space(PARAMETERS, ["fast=5", "fast=6"])
    with pytest.raises(InvalidInputError, match="nothing is left"):
        search_space(PARAMETERS[:1], ["fast=5"])


@given(low=st.integers(1, 5_000), width=st.integers(1, 5_000), step=st.none() | st.integers(1, 5_000))
def test_a_range_holds_its_ends_and_nothing_outside(low, width, step):
    if step is not None and step > width:
        step = width
    text = f"fast={low}:{low + width}" + (f":{step}" if step else "")
    found = dimension(search_space(PARAMETERS, [text]), "fast")
    assert found.holds(low)
    assert found.holds(found.high)
    assert low + width - (step or 1) < found.high <= low + width
    assert not found.holds(low - 1)
    assert not found.holds(low + width + 1)
    assert found.highest == found.high

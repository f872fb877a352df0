import math
from typing import Annotated, Literal

import msgspec
import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.parameters import Parameter, Parametrised, parameters_of


class Sample(Parametrised, frozen=True):
    count: Annotated[int, msgspec.Meta(ge=2, le=5)] = 3
    share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.5
    any_number: float = 0.0


def test_good_parameters_are_taken():
    assert Sample(count=2, share=1).share == 1


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"count": 1}, "Sample: parameter count = 1 .*>= 2"),
        ({"count": 6}, "<= 5"),
        ({"count": 2.0}, "Expected `int`"),
        ({"count": None}, "count = None"),
        ({"share": -0.1}, ">= 0.0"),
        ({"share": "0.5"}, "Expected `float`"),
        ({"share": math.nan}, "share = nan"),
        ({"any_number": math.nan}, "not finite"),
        ({"any_number": -math.inf}, "not finite"),
    ],
)
def test_bad_parameters_are_named(parameters, match):
    with pytest.raises(InvalidInputError, match=match):
        Sample(**parameters)


class Ranged(Parametrised, frozen=True):
    open_ended: Annotated[int, msgspec.Meta(gt=2, lt=8)] = 5
    band: Annotated[float, msgspec.Meta(gt=0.0)] = 2.0
    mode: Literal["net", "veto"] = "net"
    shorts: bool = True
    note: str = "x"


def test_parameters_are_told_with_their_ranges():
    assert parameters_of(Sample) == (
        Parameter("count", "int", 3, 2, 5),
        Parameter("share", "float", 0.5, 0.0, 1.0),
        Parameter("any_number", "float", 0.0),
    )
    assert parameters_of(Ranged) == (
        Parameter("open_ended", "int", 5, 3, 7),
        Parameter("band", "float", 2.0, math.nextafter(0.0, 1.0), None),
        Parameter("mode", "choice", "net", choices=("net", "veto")),
        Parameter("shorts", "bool", True, choices=(False, True)),
        Parameter("note", "str", "x"),
    )


@pytest.mark.parametrize("name", ["count", "share"])
def test_the_ends_of_a_range_are_taken(name):
    parameter = next(each for each in parameters_of(Sample) if each.name == name)
    for end in (parameter.low, parameter.high):
        assert getattr(Sample(**{name: end}), name) == end


def test_the_parameters_of_a_function_are_told_too():
    def make(
        count: Annotated[int, msgspec.Meta(ge=2, le=5)],
        mode: Literal["net", "veto"] = "net",
        text: str | list[str] = "a + b",
        other=None,
    ) -> Sample: ...

    count, mode, text, other = parameters_of(make)
    assert text == Parameter("text", "str", "a + b")
    assert count == Parameter("count", "int", msgspec.NODEFAULT, 2, 5)
    assert mode == Parameter("mode", "choice", "net", choices=("net", "veto"))
    assert (other.name, other.type, other.default) == ("other", "any", None)

import math
from typing import Annotated

import msgspec
import pytest

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.parameters import Parametrised


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

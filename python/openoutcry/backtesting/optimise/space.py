"""Where to search: a strategy's parameters and their ranges, as declared or as the user narrows them.

A parameter is searched over its declared range. A range that is open, or so wide that nobody means all of it
(its ends differ by more than a hundred times), is cut to a fifth and five times the default. Text: `fast=10`
fixes a parameter, `fast=5:50` narrows it, `fast=5:50:5` takes steps, `fast=10,20,30` chooses.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.parameters import Parameter
from openoutcry.plugins.registry import did_you_mean

WIDEST: Final = 100.0  # times the lower end
AROUND: Final = 5.0  # times the default, either way
LOGARITHMIC_FROM: Final = 10.0  # times the lower end: then ratios matter, not differences
NUMBERS: Final = ("int", "float")
BETWEEN_CHOICES: Final = re.compile(r",(?![^(]*\))")  # not between the parameters of a member

Value = bool | int | float | str


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """One searched parameter: whole numbers or reals from `low` to `high`, or one of `choices`."""

    name: str
    kind: Literal["integer", "real", "choice"]
    low: float = 0
    high: float = 0
    step: float | None = None
    is_logarithmic: bool = False
    choices: tuple[Value, ...] = ()

    def holds(self, value: object) -> bool:
        """Whether a value lies in it."""
        if self.kind == "choice":
            return value in self.choices
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        return self.step is None or (value - self.low) % self.step == 0

    @property
    def highest(self) -> float:
        """The largest number in it; 0 if it holds none."""
        if self.kind != "choice":
            return self.high
        return max((each for each in self.choices if isinstance(each, int | float)), default=0)


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched, what is fixed, and the strategy's defaults."""

    dimensions: tuple[Dimension, ...]
    fixed: dict[str, Value]
    defaults: dict[str, Any]

    @property
    def start(self) -> dict[str, Any] | None:
        """The strategy as it is, if that lies in the space: the first trial."""
        given = {each.name: self.defaults[each.name] for each in self.dimensions}
        return given if all(each.holds(given[each.name]) for each in self.dimensions) else None

    def highest(self, name: str) -> float:
        """The largest value that a numeric parameter can have here; 0 if it has none."""
        for each in self.dimensions:
            if each.name == name:
                return each.highest
        value = self.fixed.get(name, self.defaults.get(name, 0))
        return value if isinstance(value, int | float) else 0


def search_space(parameters: Iterable[Parameter], texts: Iterable[str] = ()) -> Space:
    """The space of a strategy, narrowed or fixed by texts as `fast=5:50`.

    Raises:
        InvalidInputError: a text cannot be understood, names no parameter or leaves its range, or nothing is
            left to search.
    """
    known = {each.name: each for each in parameters}
    given = _given(known, texts)
    dimensions: list[Dimension] = []
    fixed: dict[str, Value] = {}
    for name, parameter in known.items():
        if name not in given:
            declared = _declared(parameter)
            dimensions += [] if declared is None else [declared]
            continue
        narrowed = _narrowed(parameter, given[name])
        if isinstance(narrowed, Dimension):
            dimensions.append(narrowed)
        else:
            fixed[name] = narrowed
    if not dimensions:
        raise InvalidInputError(
            "nothing is left to search: every parameter is fixed; give a range as --param fast=5:50, or use "
            "`openoutcry backtest`"
        )
    defaults = {name: each.default for name, each in known.items() if each.default is not msgspec.NODEFAULT}
    return Space(dimensions=tuple(dimensions), fixed=fixed, defaults={**defaults, **fixed})


def _given(known: Mapping[str, Parameter], texts: Iterable[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value.strip():
            raise InvalidInputError(
                f"--param {text!r} is no NAME=VALUE; write fast=10, fast=5:50 or fast=5,10,20"
            )
        name = name.strip().replace("-", "_")
        if name not in known:
            raise InvalidInputError(f"there is no parameter {name!r}; {did_you_mean(name, known)}")
        if name in given:
            raise InvalidInputError(f"parameter {name!r} is given twice; give it once")
        given[name] = value.strip()
    return given


def _declared(parameter: Parameter) -> Dimension | None:
    """The range to search of a parameter that nobody narrowed; None leaves it at its default."""
    if parameter.choices:
        return Dimension(name=parameter.name, kind="choice", choices=parameter.choices)
    default = parameter.default
    if parameter.type not in NUMBERS or isinstance(default, bool) or not isinstance(default, int | float):
        return None
    low, high = parameter.low, parameter.high
    if low is None or high is None or (low > 0 and high > WIDEST * low):
        near = sorted((default / AROUND, default * AROUND)) if default else [0.0, AROUND]
        low = near[0] if low is None else max(low, near[0])
        high = near[1] if high is None else min(high, near[1])
    if parameter.type == "int":
        low, high = round(low), round(high)
    return None if low >= high else _range(parameter, low, high, None)


def _narrowed(parameter: Parameter, text: str) -> Dimension | Value:
    each_choice = BETWEEN_CHOICES.split(text)
    if len(each_choice) > 1:
        choices = tuple(_value(parameter, each.strip()) for each in each_choice)
        if len(set(choices)) != len(choices):
            raise InvalidInputError(f"parameter {parameter.name}: {text!r} names a value twice; name it once")
        return Dimension(name=parameter.name, kind="choice", choices=choices)
    if ":" not in text or parameter.type not in NUMBERS:
        return _value(parameter, text)
    ends = text.split(":")
    if len(ends) not in (2, 3):
        raise InvalidInputError(f"parameter {parameter.name}: {text!r} is no range; write LOW:HIGH")
    low, high = (_number(parameter, end) for end in ends[:2])
    step = _number(parameter, ends[2], is_step=True) if len(ends) == 3 else None  # noqa: PLR2004  LOW:HIGH:STEP
    if low >= high or (step is not None and not 0 < step <= high - low):
        raise InvalidInputError(
            f"parameter {parameter.name}: {text!r} is no range; write LOW:HIGH:STEP with LOW < HIGH and a "
            "positive STEP that fits between them"
        )
    return _range(parameter, low, high, step)


def _range(parameter: Parameter, low: float, high: float, step: float | None) -> Dimension:
    if step is not None:
        high = low + (high - low) // step * step
    return Dimension(
        name=parameter.name,
        kind="integer" if parameter.type == "int" else "real",
        low=low,
        high=high,
        step=step,
        is_logarithmic=step is None and low > 0 and high >= LOGARITHMIC_FROM * low,
    )


def _value(parameter: Parameter, text: str) -> Value:
    if parameter.type in NUMBERS:
        return _number(parameter, text)
    for choice in parameter.choices:
        if str(choice).lower() == text.lower():
            return choice  # type: ignore[no-any-return]  # a literal's value or a bool
    if parameter.choices:
        raise InvalidInputError(f"parameter {parameter.name} cannot be {text!r}; {_named(parameter.choices)}")
    if parameter.type != "str":
        raise InvalidInputError(
            f"parameter {parameter.name} is a {parameter.type}, which cannot be given as text; leave it out"
        )
    return text


def _named(choices: Iterable[Any]) -> str:
    return f"give one of {', '.join(str(each) for each in choices)}"


def _number(parameter: Parameter, text: str, *, is_step: bool = False) -> int | float:
    try:
        value = int(text) if parameter.type == "int" else float(text)
    except ValueError:
        noun = "a whole number" if parameter.type == "int" else "a number"
        raise InvalidInputError(f"parameter {parameter.name}: {text!r} is not {noun}; write one") from None
    low, high = parameter.low, parameter.high
    if not is_step and not (
        (low is None or value >= low) and (high is None or value <= high)
    ):  # NaN fails it too
        raise InvalidInputError(
            f"parameter {parameter.name} = {text} is out of its range; "
            f"give {'any' if low is None else low} to {'any' if high is None else high}"
        )
    return value

"""Does a strategy or classifier work at the ends of its parameters' ranges?"""

from collections.abc import Iterator
from typing import Any, Final

from openoutcry.backtesting.shown_market import ShownMarket
from openoutcry.backtesting.subject import Raised, Subject
from openoutcry.backtesting.synthetic_candles import synthetic_candles
from openoutcry.backtesting.verdicts import Verdict
from openoutcry.domain.errors import InvalidInputError
from openoutcry.plugins.parameters import Parameter, parameters_of

MORE_CANDLES: Final = 40  # than the warm-up
ASKED_EVERY: Final = 8  # candles


def check_parameters(subject: Subject, seed: int = 0) -> Verdict:
    """Make it with each parameter at either end, the others as they are, and with all at one end; and ask.

    A combination that it refuses with an InvalidInputError is no fault; what it takes must work.
    """
    cases = taken = 0
    for parameters in _ends(subject):
        cases += 1
        said = ", ".join(f"{name} = {value}" for name, value in parameters.items())
        try:
            made = Subject.of(type(subject.checked)(**{**subject.parameters, **parameters}))
        except InvalidInputError:
            continue
        except Exception as error:  # noqa: BLE001  anybody's code
            return _broken(cases, f"with {said} it cannot be made: {type(error).__name__}: {error}")
        taken += 1
        trouble = _trouble(made, seed)
        if trouble:
            return _broken(cases, f"with {said} {trouble}")
    return Verdict("parameters", True, cases=taken)


def _broken(cases: int, detail: str) -> Verdict:
    remedy = "narrow its range, or refuse the combination in __post_init__ with an InvalidInputError"
    return Verdict("parameters", False, cases=cases, detail=detail, remedy=remedy)


def _trouble(made: Subject, seed: int) -> str:
    candles = synthetic_candles(made.warmup + MORE_CANDLES, seed)
    market = ShownMarket.of(candles, made.needs, seed)
    for row in range(made.warmup - 1, len(candles), ASKED_EVERY):
        answer = made.ask(market, row, alone=True)
        if isinstance(answer, Raised):
            return f"it fails: {answer.text}"
    shares = made.exposures(candles)
    return f"`exposures` {shares.text}" if isinstance(shares, Raised) else ""


def _ends(subject: Subject) -> Iterator[dict[str, Any]]:
    known = parameters_of(type(subject.checked))
    for parameter in known:
        for value in _values(parameter):
            yield {parameter.name: value}
    for index in (0, -1):
        together = {each.name: values[index] for each in known if (values := _values(each))}
        if together:
            yield together


def _values(parameter: Parameter) -> tuple[Any, ...]:
    """The ends of a range, or every choice; nothing where the range is open."""
    ends = tuple(end for end in (parameter.low, parameter.high) if end is not None)
    whole = tuple(int(end) for end in ends) if parameter.type == "int" else tuple(map(float, ends))
    return parameter.choices or whole

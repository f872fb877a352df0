"""A strategy or a classifier, asked in the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import numpy as np

from openoutcry.backtesting.shown_market import ShownMarket
from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier
from openoutcry.models.shipped import classifier_registry
from openoutcry.plugins.loader import Plugins
from openoutcry.plugins.registry import Registry, did_you_mean
from openoutcry.plugins.source_files import class_in_source, is_source
from openoutcry.strategies.locate import strategy_of
from openoutcry.strategies.shipped import strategy_registry
from openoutcry.strategies.strategy import Exposure, Needs, Quotes, Shares, Strategy

TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Raised:
    """It raised, and what."""

    text: str


Answer = tuple[str | float, ...] | Raised | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked."""

    checked: Strategy | Classifier

    @classmethod
    def of(cls, checked: "Strategy | Classifier") -> "Subject":
        """A strategy or a classifier."""
        return cls(checked)

    @property
    def name(self) -> str:
        """As in ids and journals."""
        return self.checked.name

    @property
    def kind(self) -> Literal["strategy", "classifier"]:
        """Which of the two it is."""
        return "strategy" if isinstance(self.checked, Strategy) else "classifier"

    @property
    def warmup(self) -> int:
        """How many candles it is shown."""
        return self.checked.warmup

    @property
    def needs(self) -> Needs:
        """What it is shown beside candles."""
        return self.checked.needs if isinstance(self.checked, Strategy) else Needs()

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters by name."""
        names = (field.name for field in msgspec.structs.fields(type(self.checked)))
        return {name: getattr(self.checked, name) for name in names}

    def ask(self, market: ShownMarket, row: int, *, alone: bool) -> Answer:
        """What it says at a row, in plain values, or what it raised."""
        try:
            if isinstance(self.checked, Strategy):
                return _answer(self.checked.observe(market.market(row, self.warmup, alone=alone)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  anybody's code
            return Raised(f"{type(error).__name__}: {error}")
        return self.classify(market.window(row, self.warmup, alone=alone))

    def classify(self, candles: CandleColumns) -> Answer:
        """A classifier's opinion, in plain values, or what it raised."""
        assert isinstance(self.checked, Classifier)
        try:
            opinion = self.checked.classify(candles)
            return None if opinion is None else ("opinion", opinion.up, opinion.flat, opinion.down)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Raised(f"{type(error).__name__}: {error}")

    def exposures(self, candles: CandleColumns) -> Shares | Raised | None:
        """A strategy's `exposures`, or what it raised; None if it has none."""
        if not isinstance(self.checked, Strategy) or self.needs != Needs():
            return None
        try:
            shares = self.checked.exposures(candles)
            return None if shares is None else np.array(shares, dtype=np.float64)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return Raised(f"raises {type(error).__name__}: {error}")


def subject_of(
    text: str, parameters: Mapping[str, Any] | None = None, plugins: Plugins | None = None
) -> Strategy | Classifier:
    """Make a strategy or a classifier from its name, `file.py`, `file.py:Class` or `package.module:Class`.

    Raises:
        InvalidInputError: there is neither, or a parameter cannot be used.
    """
    if is_source(text):
        kind = class_in_source(text, Strategy, Classifier)
        registry: Registry[Strategy | Classifier] = Registry("strategy or classifier", object)  # type: ignore[arg-type]
        registry.register({text: kind}, owner=text)
        return registry.create(text, parameters)
    classifiers = classifier_registry(plugins)
    dashed, strategies = text.replace("_", "-"), strategy_registry(plugins).names
    known = (*strategies, *classifiers.names)
    if dashed in classifiers.names and dashed not in strategies:
        return classifiers.create(text, parameters)
    if text not in known and dashed not in known:
        raise InvalidInputError(f"unknown strategy or classifier {text!r}; {did_you_mean(text, known)}")
    return strategy_of(text, parameters, plugins)


def _answer(wish: object) -> Answer:
    match wish:
        case None:
            return None
        case Exposure():
            others = [each for pair in sorted(wish.others.items()) for each in pair]
            return ("share", wish.share, *others)
        case Quotes():
            return ("quotes", wish.bid_ticks, wish.bid_lots, wish.ask_ticks, wish.ask_lots)
    return Raised(f"observe answered a {type(wish).__name__}; answer self.hold(…) or None")


def is_same(one: Answer, other: Answer) -> bool:
    """Whether two answers agree, numbers up to rounding."""
    if one is None or other is None or isinstance(one, Raised) or isinstance(other, Raised):
        return one == other
    return len(one) == len(other) and all(
        a == b if isinstance(a, str) or isinstance(b, str) else abs(a - b) <= TOLERANCE
        for a, b in zip(one, other, strict=True)
    )

"""Asks a strategy or a classifier about a moment, and writes its answer down so that it can be compared."""

import inspect
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, Final, Literal

import msgspec
import numpy as np

from openoutcry.backtesting.synthetic_candles import OPENING_TICKS, synthetic_candles
from openoutcry.domain.opinions import Classification
from openoutcry.domain.units import PriceTicks, SizeLots, TimestampNs
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier, Opinion
from openoutcry.native import MarketFeed
from openoutcry.plugins.parameters import Parametrised
from openoutcry.plugins.source import last_line_in
from openoutcry.strategies.strategy import Exposure, Market, Needs, Quotes, Shares, Strategy, Touch

SYMBOL: Final = "BTC/USDT"
OTHER_SYMBOL: Final = "SYN{}/USDT"
TOLERANCE: Final = 1e-9  # of shares: sums of the same numbers may differ in their last bits
MAX_TEXT_CHARS: Final = 200


class Answer(msgspec.Struct, frozen=True):
    """What was said: words and numbers; `has_failed` where it raised instead."""

    words: str
    numbers: tuple[float, ...] = ()
    has_failed: bool = False

    def agrees(self, other: "Answer") -> bool:
        """Whether two answers mean the same."""
        if self.has_failed or other.has_failed:
            return self.has_failed and other.has_failed
        same = len(self.numbers) == len(other.numbers) and self.words == other.words
        return same and all(
            abs(mine - its) <= TOLERANCE for mine, its in zip(self.numbers, other.numbers, strict=True)
        )

    def __str__(self) -> str:
        return " ".join((self.words, *(f"{number:g}" for number in self.numbers)))


Progress = Callable[[int, int], None]
NOTHING: Final = Answer("no opinion")


class Subject(ABC):
    """Who is asked: immutable, so that one with another parameter is another one."""

    kind: Literal["strategy", "classifier"]

    def __init__(self, asked: Strategy | Classifier) -> None:
        self.asked: Final = asked
        self.name: Final = asked.name
        self.warmup: Final = asked.warmup

    def ask(self, candles: CandleColumns, row: int) -> Answer:
        """Its answer about the last of `warmup` candles, which is at `row` of the history."""
        try:
            answer = written(self._say(candles, row))
        except (Exception, SystemExit) as error:  # noqa: BLE001  it may be anybody's code
            return failed(error, self.code.co_filename)
        if answer.has_failed:  # nothing was raised: the method itself is what can be pointed at
            return Answer(
                answer.words + _at(self.code.co_filename, self.code.co_firstlineno), has_failed=True
            )
        return answer

    @property
    @abstractmethod
    def code(self) -> CodeType:
        """Of the method that answers."""

    def exposures(self, candles: CandleColumns) -> Shares | Answer | None:  # noqa: ARG002  a hook
        """Its answers about all candles at once, or how that failed; None if it is not asked so."""
        return None

    def having(self, name: str, value: Any) -> "Subject":
        """The same with another value of a parameter. Raises InvalidInputError if it refuses that."""
        given = {field.name: getattr(self.asked, field.name) for field in msgspec.structs.fields(self.asked)}
        kind: type[Parametrised] = type(self.asked)
        return self._of(kind(**{**given, name: value}))

    @abstractmethod
    def _of(self, asked: Any) -> "Subject": ...

    @abstractmethod
    def _say(self, candles: CandleColumns, row: int) -> object: ...


class Counted(Subject):
    """Another subject, of which every question is counted."""

    def __init__(self, subject: Subject, most: int, progress: Progress) -> None:
        """`progress` is called with the questions asked and the most that there are."""
        super().__init__(subject.asked)
        self.kind = subject.kind
        self._subject = subject
        self._most = most
        self._progress = progress
        self._questions = 0

    def ask(self, candles: CandleColumns, row: int) -> Answer:
        """As the other's."""
        self._count()
        return self._subject.ask(candles, row)

    def exposures(self, candles: CandleColumns) -> Shares | Answer | None:
        """As the other's."""
        self._count()
        return self._subject.exposures(candles)

    def having(self, name: str, value: Any) -> Subject:
        """As the other's; what that one is asked is a question."""
        self._count()
        return self._subject.having(name, value)

    def _count(self) -> None:
        self._questions += 1
        self._progress(min(self._questions, self._most), self._most)

    @property
    def code(self) -> CodeType:
        """As the other's."""
        return self._subject.code

    def _of(self, asked: Any) -> Subject:
        return self._subject._of(asked)  # noqa: SLF001  of the same family

    def _say(self, candles: CandleColumns, row: int) -> object:
        return self._subject._say(candles, row)  # noqa: SLF001  as above


class ClassifierSubject(Subject):
    """A classifier is shown candles and nothing else."""

    kind = "classifier"
    asked: Classifier  # type: ignore[misc]  # narrower

    @property
    def code(self) -> CodeType:
        """Of `classify`."""
        return _code_of(type(self.asked).classify)

    def _of(self, asked: Any) -> "ClassifierSubject":
        return ClassifierSubject(asked)

    def _say(self, candles: CandleColumns, row: int) -> object:
        del row
        return self.asked.classify(candles)


class StrategySubject(Subject):
    """A strategy is shown a market. What it needs beside candles follows from a seed and the row."""

    kind = "strategy"
    asked: Strategy  # type: ignore[misc]  # narrower

    def __init__(self, strategy: Strategy, seed: int = 0) -> None:
        super().__init__(strategy)
        self._seed = seed

    @property
    def code(self) -> CodeType:
        """Of `observe`."""
        return _code_of(type(self.asked).observe)

    def exposures(self, candles: CandleColumns) -> Shares | Answer | None:
        """`Strategy.exposures`, of strategies that need nothing but candles."""
        if self.asked.needs != Needs():
            return None
        try:
            return self.asked.exposures(candles)
        except (Exception, SystemExit) as error:  # noqa: BLE001  it may be anybody's code
            return failed(error, self.code.co_filename)

    def _of(self, asked: Any) -> "StrategySubject":
        return StrategySubject(asked, self._seed)

    def _say(self, candles: CandleColumns, row: int) -> object:
        needs, now_ns = self.asked.needs, TimestampNs(int(candles.close_ns[-1]))
        random = np.random.default_rng((self._seed, row))
        market = Market(
            SYMBOL,
            candles,
            now_ns,
            classification=_classification(random, candles) if needs.opinions else None,
            features=_features(random) if needs.features else {},
            others=_others(candles, needs.symbols - 1, self._seed),
        )
        if needs.book:
            market = _with_book(market, random)
        return self.asked.observe(market)


def written(said: object) -> Answer:
    """An answer in words and numbers, without the reason, which is for people."""
    match said:
        case None:
            return NOTHING
        case Exposure():
            others = sorted(said.others.items())
            return Answer(
                " ".join(("hold", *(name for name, _ in others))),
                (said.share, *(share for _, share in others)),
            )
        case Quotes():
            return Answer("quote", (said.bid_ticks, said.ask_ticks, said.bid_lots, said.ask_lots))
        case Opinion():
            return Answer("up, flat, down", (said.up, said.flat, said.down))
        case _:
            return Answer(f"a {type(said).__name__}, which is no answer", has_failed=True)


def failed(error: BaseException, own_file: str = "") -> Answer:
    """That it raised, and at which line: the last one in its own file, else the last of all."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    line = last_line_in(own_file, error)
    where = _at(own_file, line) if line is not None else _at(*frames[-1]) if frames else ""
    return Answer(f"{type(error).__name__}: {error}"[:MAX_TEXT_CHARS] + where, has_failed=True)


def _at(file: str, line: int) -> str:
    return f" ({file}, line {line})"


def _code_of(method: Callable[..., object]) -> CodeType:
    """The code of a method, within what decorates it."""
    code: CodeType = inspect.unwrap(method).__code__
    return code


def _classification(random: np.random.Generator, candles: CandleColumns) -> Classification:
    up, flat, down = random.dirichlet((1.0, 1.0, 1.0)).tolist()
    return Classification(
        id="classification",
        cause_id="candle",
        symbol=SYMBOL,
        close_ns=TimestampNs(int(candles.close_ns[-1])),
        close_ticks=PriceTicks(int(candles.close[-1])),
        up=up,
        flat=flat,
        down=down,
        abstained=False,
        votes=(),
    )


def _features(random: np.random.Generator) -> Mapping[str, float]:
    names = MarketFeed.feature_names()
    return dict(zip(names, random.standard_exponential(len(names)).tolist(), strict=True))


def _others(candles: CandleColumns, count: int, seed: int) -> Mapping[str, CandleColumns]:
    """Other symbols: their closes follow this one's, with a deviation of a thousandth of their own."""
    others = {}
    for index in range(1, count + 1):
        noise = synthetic_candles(len(candles), seed + index).close / OPENING_TICKS
        factor = np.rint(candles.close * (1.0 + (noise - noise.mean()) / 100)) / candles.close
        opens, highs, lows, closes = (
            np.rint(column * factor) for column in (candles.open, candles.high, candles.low, candles.close)
        )
        others[OTHER_SYMBOL.format(index)] = CandleColumns(
            opens, highs, lows, closes, candles.volume, candles.close_ns
        )
    return others


def _with_book(market: Market, random: np.random.Generator) -> Market:
    """A touch around the close, closes as the mids of earlier decisions, and something held."""
    close = int(market.close[-1])
    bid_lots, ask_lots, held = random.integers((1, 1, -50), (100, 100, 50)).tolist()
    touch = Touch(PriceTicks(close - 1), SizeLots(bid_lots), PriceTicks(close + 1), SizeLots(ask_lots))
    times = (market.candles.close_ns[-1] + (market.candles.close_ns - market.candles.close_ns[-1])).tolist()
    return Market(
        market.symbol,
        market.candles,
        market.now_ns,
        market.classification,
        market.features,
        touch,
        held,
        tuple(zip(times, market.close.tolist(), strict=True)),
        market.others,
    )

"""Looks for strategies and classifiers that know the future, remember, or take anything from elsewhere.

Whoever is asked about a moment may know the candles up to it, and nothing else. So its answer must not change
when there are candles behind that moment, when it is asked again or in another order, or when all times are
moved by 28 years: dates, days of the week and leap years then fall as before, but no table of prices by time
has an entry. Nor may it open files or sockets meanwhile. What finds its place in a table by comparing prices
is not caught, nor what compiled code opens by itself.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from openoutcry.backtesting.outside_access import outside_access
from openoutcry.backtesting.questioning import (
    TOLERANCE,
    Answer,
    ClassifierSubject,
    Counted,
    Progress,
    StrategySubject,
    Subject,
    failed,
    written,
)
from openoutcry.backtesting.synthetic_candles import synthetic_candles
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_S
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier
from openoutcry.plugins.parameters import parameters_of
from openoutcry.strategies.strategy import Exposure, Shares, Strategy

FIRST_ROWS: Final = 50  # are all asked about
SPREAD_ROWS: Final = 210  # of the others, evenly spread
ODD_ROWS: Final = 8  # of each kind of oddity: what divides by a volume or a move fails there
CUTS: Final = 100  # at which the future is taken away from `exposures`
STARTS: Final = 10  # at which the past is
ROUNDS: Final = 4  # of questions about single moments
WHOLES: Final = CUTS + FIRST_ROWS + STARTS + 4  # questions about all candles at once, at the most
MAX_ROWS: Final = 20_000  # of a history that `exposures` is asked about again and again
SYNTHETIC_ROWS: Final = 2_000  # beyond the warm-up
MOVED_NS: Final = -(28 * 365 + 7) * 86_400 * NS_PER_S  # the calendar repeats after 28 years, within a century

Verdict = Literal["in order", "FAILS", "BIASED"]
Kind = Literal["failure", "memory", "outside", "lookahead", "history", "contradiction", "shape", "parameter"]

FAILURES: Final[frozenset[Kind]] = frozenset({"failure", "shape", "parameter"})
REMEDIES: Final[dict[Kind, str]] = {
    "failure": "repair it there; where it has no opinion it answers None",
    "memory": "answer from what is shown alone: keep nothing between calls, draw no random numbers",
    "outside": "answer from what is shown alone: no file, no table by time, no clock",
    "lookahead": "use nothing later than the row: no shift(-1), no centred window, no statistic of the whole",
    "history": "let a row depend on the last `warmup` candles alone; an average that remembers more does not",
    "contradiction": "let `exposures` say what `observe` says, or leave it out",
    "shape": "answer a share in [-1, 1] for each candle, NaN for no opinion and before the warm-up",
    "parameter": "narrow its range, or refuse the value in __post_init__ with an InvalidInputError",
}


class Bias(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, the first candle where it shows, and the remedy.

    Rows count from 0, `close_ns` is when that candle closed; -1 and 0 where it is about no candle.
    """

    kind: Kind
    row: int = -1
    close_ns: int = 0
    detail: str
    remedy: str


class LookaheadReport(msgspec.Struct, frozen=True, kw_only=True):
    """On how many candles was checked, about how many was asked, and what was found; nothing is good."""

    name: str
    subject: Literal["strategy", "classifier"]
    rows: int
    asked: int
    has_exposures: bool
    parameter_ends: int
    biases: tuple[Bias, ...]

    @property
    def is_fit(self) -> bool:
        """Whether nothing was found."""
        return not self.biases

    @property
    def verdict(self) -> Verdict:
        """Whether it knows what it must not, or fails already: then it is not known whether it does."""
        if self.is_fit:
            return "in order"
        kinds = {bias.kind for bias in self.biases}
        return "FAILS" if "failure" in kinds or kinds <= FAILURES else "BIASED"


def check_strategy(
    strategy: Strategy,
    candles: CandleColumns | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> LookaheadReport:
    """Check a strategy on candles, or on synthetic ones of a seed; what else it needs is made of the seed.

    `progress` is called with the questions asked and the most that there are.

    Raises:
        InvalidInputError: there are too few candles for its warm-up.
    """
    return _check(StrategySubject(strategy, seed), candles, seed, progress)


def check_classifier(
    classifier: Classifier,
    candles: CandleColumns | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> LookaheadReport:
    """Check a classifier, as `check_strategy` does a strategy."""
    return _check(ClassifierSubject(classifier), candles, seed, progress)


def _check(
    subject: Subject, candles: CandleColumns | None, seed: int, progress: Progress | None
) -> LookaheadReport:
    if candles is None:
        candles = synthetic_candles(subject.warmup + SYNTHETIC_ROWS, seed)
    if len(candles) < subject.warmup + 2:
        raise InvalidInputError(
            f"{subject.name} needs {subject.warmup} candles to warm up and 2 to be checked, and there are "
            f"{len(candles)}; give more, or none at all"
        )
    first = candles.part(0, min(len(candles), max(MAX_ROWS, 2 * subject.warmup)))
    rows = _rows_asked(subject.warmup, candles)
    ends = list(_parameter_ends(subject))
    if progress is not None:
        subject = Counted(subject, ROUNDS * len(rows) + WHOLES + len(ends), progress)
    with outside_access() as reached:
        answers = [subject.ask(_shown(subject, candles, row), row) for row in rows]
        shares = subject.exposures(first)
    biases = [_bias("outside", None, -1, f"while it is asked it {reached[0]}")] if reached else []
    biases += _biased_answers(subject, candles, rows, answers, seed)
    if shares is not None and not any(bias.kind == "failure" for bias in biases):
        biases += _biased_exposures(subject, first, candles, shares, dict(zip(rows, answers, strict=True)))
    for name, value in ends:
        biases += _failing_end(subject, name, value, seed)
    return LookaheadReport(
        name=subject.name,
        subject=subject.kind,
        rows=len(candles),
        asked=len(rows),
        has_exposures=shares is not None,
        parameter_ends=len(ends),
        biases=tuple(biases),
    )


def _rows_asked(warmup: int, candles: CandleColumns) -> list[int]:
    """The first ones, some from all of the others, and the oddest ones: without volume, flat, after a gap."""
    count = len(candles)
    first = min(warmup - 1 + FIRST_ROWS, count)
    spread = np.linspace(first, count - 1, SPREAD_ROWS).astype(int).tolist()
    moves = np.abs(np.diff(candles.close, prepend=candles.close[0]))
    steps = np.diff(candles.close_ns, prepend=candles.close_ns[0])
    oddities = (candles.volume, -candles.volume, candles.high - candles.low, -moves, -steps)
    odd = [np.argsort(each[first:], kind="stable")[:ODD_ROWS] + first for each in oddities]
    return sorted({*range(warmup - 1, first), *spread, *np.concatenate(odd).tolist()})


def _shown(subject: Subject, candles: CandleColumns, row: int) -> CandleColumns:
    """The warm-up up to a row, in memory that holds nothing else."""
    return _copied(candles.part(row + 1 - subject.warmup, row + 1))


def _copied(candles: CandleColumns, moved_ns: int = 0) -> CandleColumns:
    columns = CandleColumns(
        candles.open.copy(),
        candles.high.copy(),
        candles.low.copy(),
        candles.close.copy(),
        candles.volume.copy(),
        candles.close_ns + moved_ns,
    )
    for name in ("open", "high", "low", "close", "volume", "close_ns"):
        getattr(columns, name).flags.writeable = False
    return columns


def _biased_answers(
    subject: Subject, candles: CandleColumns, rows: Sequence[int], answers: Sequence[Answer], seed: int
) -> Iterator[Bias]:
    """What is wrong with answers about one moment each; after a failure or memory nothing else is told."""
    for row, answer in zip(rows, answers, strict=True):
        if answer.has_failed:
            yield _bias("failure", candles, row, f"it failed: {answer}")
            return
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    again = {rows[index]: subject.ask(_shown(subject, candles, rows[index]), rows[index]) for index in order}
    for row, answer in zip(rows, answers, strict=True):
        if not answer.agrees(again[row]):
            yield _bias("memory", candles, row, f"it said {answer}; asked again, out of turn, {again[row]}")
            return
    for row, answer in zip(rows, answers, strict=True):
        view = subject.ask(candles.part(row + 1 - subject.warmup, row + 1), row)
        if not answer.agrees(view):
            told = f"it says {answer}, and {view} where later candles lie behind those that it is shown"
            yield _bias("lookahead", candles, row, told)
            return
    whole = _copied(candles, MOVED_NS)  # with what lies behind: nobody who keeps answers by time knows these
    for row, answer in zip(rows, answers, strict=True):
        moved = subject.ask(whole.part(row + 1 - subject.warmup, row + 1), row)
        if not answer.agrees(moved):
            told = f"it says {answer}, and {moved} about the same candles 28 years earlier"
            yield _bias("outside", candles, row, told)
            break


def _biased_exposures(
    subject: Subject,
    candles: CandleColumns,
    whole: CandleColumns,
    shares: Shares | Answer,
    answers: dict[int, Answer],
) -> Iterator[Bias]:
    """The first thing that is wrong with the answers about all candles at once: others follow from it.

    `shares` are about `candles`, the first of the whole; the answers of single moments are from all of it.
    """
    count, warmup = len(candles), subject.warmup
    bad = _bad_shape(shares, count, warmup)
    if bad or isinstance(shares, Answer):
        row = -1 if isinstance(shares, Answer) else 0
        yield _bias("shape" if row == 0 else "failure", candles, row, f"`exposures` {bad or shares}")
        return
    again = _first_difference(shares, subject.exposures(_copied(candles)), 0)
    if again is not None:
        yield _bias("memory", candles, again[0], f"`exposures` {again[1]} when it is asked again")
        return
    cuts = sorted({*range(warmup, min(warmup + FIRST_ROWS, count)), *_spread(warmup, count, CUTS)})
    early = [
        _first_difference(shares[:cut], subject.exposures(_copied(candles.part(0, cut))), 0) for cut in cuts
    ]
    found = [(*each, cut) for each, cut in zip(early, cuts, strict=True) if each is not None]
    if found:
        row, told, cut = min(found)
        yield _bias("lookahead", candles, row, f"`exposures` {told} when candles from {cut} on are unknown")
        return
    for start in _spread(1, count - warmup, STARTS):
        late = subject.exposures(_copied(candles.part(start, count)))
        difference = _first_difference(shares[start:], late, warmup - 1)
        if difference is not None:
            row, told = start + difference[0], difference[1]
            yield _bias(
                "history", candles, row, f"`exposures` {told} when candles before {start} are unknown"
            )
            return
    everywhere = shares if len(whole) == count else subject.exposures(whole)
    contradicted = _contradiction(whole, everywhere, answers, warmup)
    if contradicted is not None:
        yield contradicted
        return
    moved = _first_difference(shares, subject.exposures(_copied(candles, MOVED_NS)), 0)
    if moved is not None:
        yield _bias("outside", candles, moved[0], f"`exposures` {moved[1]} when it was 28 years earlier")


def _contradiction(
    candles: CandleColumns, shares: Shares | Answer | None, answers: dict[int, Answer], warmup: int
) -> Bias | None:
    """Where `exposures` does not say what `observe` does, or failed."""
    bad = _bad_shape(shares, len(candles), warmup)
    if bad or not isinstance(shares, np.ndarray):
        kind: Kind = "failure" if isinstance(shares, Answer) else "shape"
        return _bias(kind, candles, -1, f"`exposures` about all candles {bad}")
    for row, answer in answers.items():
        share = float(shares[row])
        foretold = written(None if np.isnan(share) else Exposure(share, ""))
        if not answer.agrees(foretold):
            return _bias("contradiction", candles, row, f"`exposures` says {foretold}, `observe` {answer}")
    return None


def _bad_shape(shares: object, count: int, warmup: int) -> str:
    """What is wrong with the form of an answer about all candles; empty if nothing is."""
    if isinstance(shares, Answer):
        return f"failed: {shares}"
    if not isinstance(shares, np.ndarray) or shares.shape != (count,):
        return f"answered {getattr(shares, 'shape', type(shares).__name__)} for {count} candles"
    known = shares[~np.isnan(shares)]
    if len(known) and np.abs(known).max() > 1.0:
        return f"wants a share of {known[np.abs(known).argmax()]:g}"
    return "" if np.isnan(shares[: warmup - 1]).all() else "has opinions before the warm-up"


def _first_difference(shares: Shares, other: Shares | Answer | None, start: int) -> tuple[int, str] | None:
    """The first row from `start` on where two answers differ, and how."""
    if not isinstance(other, np.ndarray) or other.shape != shares.shape:
        return start, f"answers {getattr(other, 'shape', other)} for {len(shares)} candles"
    same = np.isclose(shares, other, rtol=0.0, atol=TOLERANCE, equal_nan=True)
    rows = np.flatnonzero(~same[start:])
    if not len(rows):
        return None
    row = start + int(rows[0])
    return row, f"says {shares[row]:g}, and {other[row]:g}"


def _spread(first: int, stop: int, count: int) -> list[int]:
    return sorted(set(np.linspace(first, stop - 1, count).astype(int).tolist())) if stop > first else []


def _parameter_ends(subject: Subject) -> Iterator[tuple[str, object]]:
    """Each parameter's least and greatest value, or its choices."""
    for parameter in parameters_of(type(subject.asked)):
        ends = parameter.choices or (parameter.low, parameter.high)
        yield from ((parameter.name, end) for end in ends if end is not None)


def _failing_end(subject: Subject, name: str, value: object, seed: int) -> Iterator[Bias]:
    """A value at the end of its range is refused in words, or works."""
    try:
        other = subject.having(name, value)
    except InvalidInputError:
        return
    except (Exception, SystemExit) as error:  # noqa: BLE001  it may be anybody's code
        yield _bias("parameter", None, -1, f"with {name} = {value} it cannot be made: {failed(error)}")
        return
    candles = synthetic_candles(other.warmup + 2, seed)
    shares = other.exposures(candles)
    bad = "" if shares is None else _bad_shape(shares, len(candles), other.warmup)
    answer = other.ask(_shown(other, candles, len(candles) - 1), len(candles) - 1)
    if answer.has_failed:
        yield _bias("parameter", None, -1, f"with {name} = {value} it fails: {answer}")
    elif bad:
        yield _bias("parameter", None, -1, f"with {name} = {value} `exposures` {bad}")


def _bias(kind: Kind, candles: CandleColumns | None, row: int, detail: str) -> Bias:
    close_ns = int(candles.close_ns[row]) if candles is not None and row >= 0 else 0
    return Bias(kind=kind, row=row, close_ns=close_ns, detail=detail, remedy=REMEDIES[kind])

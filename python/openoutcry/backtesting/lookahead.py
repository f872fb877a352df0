"""Does a strategy or classifier say what it could have said then?

What it answers at a candle must follow from what it is shown: the same whether the history ends there or goes
on, whatever it was asked before, and without help from outside. What cannot be seen from here: a strategy
that recognises the prices themselves, and compiled code that opens files without Python.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from openoutcry.backtesting.outside_access import outside_access
from openoutcry.backtesting.parameter_ends import check_parameters
from openoutcry.backtesting.shown_market import ShownMarket, copied
from openoutcry.backtesting.subject import Answer, Raised, Subject, is_same
from openoutcry.backtesting.synthetic_candles import synthetic_candles
from openoutcry.backtesting.verdicts import CheckReport, Verdict
from openoutcry.domain.errors import InvalidInputError
from openoutcry.memory.candle_window import CandleColumns
from openoutcry.models.classifier import Classifier
from openoutcry.strategies.strategy import Shares, Strategy

ROWS_ASKED: Final = 1_500  # at most, spread over the history
CUTS: Final = 60  # ends of shortened histories
STARTS: Final = 20  # starts of shortened histories
LONGER: Final = 4  # times the warm-up
YEARS_28_NS: Final = 10_227 * 86_400 * 10**9  # then dates fall on the same days of the week again
SHARE_TOLERANCE: Final = 1e-9

Progress = Callable[[int, int], None]
"""Called with the answers that were compared and how many there will be."""


def check_lookahead(
    checked: Strategy | Classifier,
    candles: CandleColumns | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Check a strategy or a classifier on candles, or on synthetic ones made from `seed`.

    Raises:
        InvalidInputError: there are fewer candles than its warm-up needs.
    """
    subject = Subject.of(checked)
    if candles is None:
        candles = synthetic_candles(ROWS_ASKED + subject.warmup - 1, seed)
    if len(candles) <= subject.warmup:
        raise InvalidInputError(
            f"{subject.name} looks at {subject.warmup} candles, and there are {len(candles)}; give more"
        )
    market = ShownMarket.of(candles, subject.needs, seed)
    rows = _spread(subject.warmup - 1, len(candles), ROWS_ASKED)
    checks = _Checks(subject, market, rows, seed, progress or (lambda _done, _total: None))
    verdicts = [*checks.answers(), *checks.vectorised(), *checks.warm_up(), check_parameters(subject, seed)]
    return CheckReport(
        subject=subject.name,
        kind=subject.kind,
        parameters=subject.parameters,
        candles=len(candles),
        rows=len(rows),
        invented=market.inventions,
        verdicts=tuple(verdicts),
    )


class _Checks:
    """The checks on one market; `rows` are the candles at which it is asked."""

    def __init__(
        self, subject: Subject, market: ShownMarket, rows: Sequence[int], seed: int, progress: Progress
    ) -> None:
        self._subject, self._market, self._rows = subject, market, rows
        self._progress, self._done = progress, 0
        self._random = np.random.default_rng(seed)
        self._heard: list[str] = []
        self._ended: dict[int, Answer] = {}  # what it answered where the history ended

    def answers(self) -> list[Verdict]:
        """Ask at every row: alone, in the whole history, once more, and at other dates."""
        ended = self._ended = self._ask(self._market, self._rows, alone=True)
        again = self._ask(self._market, self._random.permutation(self._rows).tolist(), alone=True)
        whole = self._ask(self._market, self._rows[::-1], alone=False)
        later = self._ask(self._market.at_other_dates(YEARS_28_NS), self._rows, alone=False)
        failed = next((row for row in self._rows if isinstance(ended[row], Raised)), None)
        pure = [row for row in self._rows if is_same(ended[row], again[row])]
        return [
            self._verdict("answers", failed, "it fails: {}", "repair it; None is how to say nothing", ended),
            self._compared(
                "purity",
                self._rows,
                (ended, again),
                "asked once more, in another order, it says {1} instead of {0}",
                "keep no state, no clock, no unseeded random numbers: what it is shown is all there is",
            ),
            self._untouched(),
            self._compared(
                "lookahead",
                pure,
                (ended, whole),
                "it says {0} where the history ends here, and {1} where it goes on",
                "use nothing but the rows that it is shown, and not the memory behind them (`.base`)",
            ),
            self._compared(
                "dates",
                pure,
                (whole, later),
                "it says {0}, and {1} where the same candles are dated 28 years later",
                "do not look anything up by date: that is knowledge of the history it is judged on",
            ),
        ]

    def vectorised(self) -> list[Verdict]:
        """Check `exposures`, if there are any: against `observe`, and on shorter histories."""
        candles, warmup = self._market.candles, self._subject.warmup
        with outside_access() as heard:
            whole = self._subject.exposures(candles)
        self._heard += heard
        if whole is None:
            return []
        if isinstance(whole, Raised) or whole.shape != (len(candles),) or np.isinf(whole).any():
            said = whole.text if isinstance(whole, Raised) else f"answers an array of shape {whole.shape}"
            detail = f"`exposures` {said} for {len(candles)} candles"
            return [
                Verdict("exposures", False, detail=detail, remedy="answer a share in [-1, 1], or NaN, each")
            ]
        early = np.flatnonzero(~np.isnan(whole[: warmup - 1]))
        return [
            Verdict(
                "exposures-warm-up",
                not len(early),
                cases=warmup - 1,
                row=int(early[0]) if len(early) else None,
                detail="`exposures` wants something before the warm-up" if len(early) else "",
                remedy=f"answer NaN in the first {warmup - 1} rows" if len(early) else "",
            ),
            self._as_observed(whole),
            self._at_cuts(whole),
            self._at_starts(whole),
        ]

    def warm_up(self) -> list[Verdict]:
        """How much a classifier would make of candles before its warm-up: a note, it is not shown them."""
        longer = LONGER * self._subject.warmup
        rows = [row for row in self._rows if row + 1 >= longer]
        if self._subject.kind != "classifier" or not rows:
            return []
        changed = [
            row
            for row in rows
            if not is_same(
                self._ended[row], self._subject.classify(self._market.window(row, longer, alone=True))
            )
        ]
        detail = (
            f"shown {LONGER} times as many candles, it answers otherwise at {len(changed)} of {len(rows)}"
        )
        remedy = "raise its warm-up if it is meant to remember more; it is never shown more than that"
        return [
            Verdict(
                "longer-history",
                True,
                cases=len(rows),
                row=changed[0] if changed else None,
                detail=detail if changed else "",
                remedy=remedy if changed else "",
            )
        ]

    # --- what is compared -------------------------------------------------------------------------------

    def _ask(self, market: ShownMarket, rows: Sequence[int], *, alone: bool) -> dict[int, Answer]:
        answers = {}
        with outside_access() as heard:
            for row in rows:
                answers[row] = self._subject.ask(market, row, alone=alone)
                self._done += 1
                if self._done % 100 == 0:
                    self._progress(self._done, 4 * len(self._rows))
        self._heard += heard
        return answers

    def _as_observed(self, whole: Shares) -> Verdict:
        """Where `exposures` is silent, `observe` must be; before the warm-up nobody asks."""
        shares = {row: None if np.isnan(whole[row]) else ("share", float(whole[row])) for row in self._rows}
        return self._compared(
            "exposures",
            self._rows,
            (shares, self._ended),
            "`exposures` says {0}, `observe` {1}",
            "let row t use candles up to t only, as `observe` does; a shift of the wrong sign is usual",
        )

    def _at_cuts(self, whole: Shares) -> Verdict:
        """`exposures` of a history that ends early must be the beginning of that of the whole."""
        warmup, candles = self._subject.warmup, self._market.candles
        cuts = _spread(warmup - 1, len(candles), CUTS)
        for cut in cuts:
            row = _first_difference(
                self._subject.exposures(copied(candles.part(0, cut + 1))), whole[: cut + 1]
            )
            if row is not None:
                return Verdict(
                    "exposures-lookahead",
                    False,
                    cases=len(cuts),
                    row=row,
                    at_ns=int(candles.close_ns[row]),
                    detail=f"`exposures` says something else there once the history goes on behind row {cut}",
                    remedy="let row t use candles up to t only: no shift to the left, no mean of the whole",
                )
        return Verdict("exposures-lookahead", True, cases=len(cuts))

    def _at_starts(self, whole: Shares) -> Verdict:
        """`exposures` of a history that begins later must agree from its warm-up on."""
        warmup, candles = self._subject.warmup, self._market.candles
        starts = _spread(1, max(len(candles) - warmup, 2), STARTS)
        for start in starts:
            first = warmup - 1
            part = self._subject.exposures(copied(candles.part(start, len(candles))))
            known = part if isinstance(part, Raised) or part is None else part[first:]
            row = _first_difference(known, whole[start + first :])
            if row is not None:
                row += start + first
                return Verdict(
                    "exposures-recursion",
                    False,
                    cases=len(starts),
                    row=row,
                    at_ns=int(candles.close_ns[row]),
                    detail=f"`exposures` says something else there if the history begins at row {start}",
                    remedy=f"use the last {warmup} candles only (a recursive average remembers all) or raise "
                    "the warm-up until it is forgotten",
                )
        return Verdict("exposures-recursion", True, cases=len(starts))

    def _untouched(self) -> Verdict:
        reached = sorted(set(self._heard))
        detail = f"while it is asked it {', '.join(reached[:3])}" if reached else ""
        remedy = (
            "let it decide on what it is shown; load a model's weights when it is made" if reached else ""
        )
        return Verdict("outside", not reached, cases=len(self._heard), detail=detail, remedy=remedy)

    def _compared(
        self,
        name: str,
        rows: Sequence[int],
        answers: tuple[dict[int, Any], dict[int, Any]],
        detail: str,
        remedy: str,
    ) -> Verdict:
        first, second = answers
        row = next((each for each in rows if not is_same(first[each], second[each])), None)
        return self._verdict(name, row, detail, remedy, first, second)

    def _verdict(
        self, name: str, row: int | None, detail: str, remedy: str, *answers: dict[int, Any]
    ) -> Verdict:
        if row is None:
            return Verdict(name, True, cases=len(self._rows))
        return Verdict(
            name,
            False,
            cases=len(self._rows),
            row=row,
            at_ns=int(self._market.candles.close_ns[row]),
            detail=detail.format(*(_text(each[row]) for each in answers)),
            remedy=remedy,
        )


def _first_difference(part: Shares | Raised | None, whole: Shares) -> int | None:
    """The first row at which two runs of `exposures` differ; the last one if they cannot be compared."""
    if part is None or isinstance(part, Raised) or part.shape != whole.shape:
        return len(whole) - 1
    same = np.isclose(part, whole, rtol=0.0, atol=SHARE_TOLERANCE, equal_nan=True)
    return None if same.all() else int(np.argmin(same))


def _spread(start: int, stop: int, count: int) -> list[int]:
    """At most `count` rows from `start` up to `stop`, the first and the last one among them."""
    rows = np.linspace(start, stop - 1, min(count, stop - start)).round()
    return sorted({int(row) for row in rows})


def _text(answer: Answer) -> str:
    if answer is None:
        return "nothing"
    return answer.text if isinstance(answer, Raised) else " ".join(map(str, answer))

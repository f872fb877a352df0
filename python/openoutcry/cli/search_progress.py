"""The progress bar of a search, with the best so far."""

import math
import sys
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from openoutcry.cli.search_result import words

if TYPE_CHECKING:
    from openoutcry.backtesting.optimise.trial import Trial


class SearchProgress:
    """On stderr, on a terminal only: what is piped stays clean."""

    def __init__(self, trials: int, objective: str, *, is_shown: bool) -> None:
        self._progress = Progress(
            TextColumn("trials"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[best]}"),
            console=Console(stderr=True),
            disable=not (is_shown and sys.stderr.isatty()),
        )
        self._objective = objective
        self._best = -math.inf
        self._task = self._progress.add_task("trials", total=trials, best="")

    def tell(self, trial: "Trial", score: float) -> None:
        """A trial is known. Its score is NaN if it was refused."""
        if score > self._best:
            self._best = score
            self._progress.update(
                self._task, best=f"best in sample {self._objective} {score:.3f}: {words(trial.parameters)}"
            )
        self._progress.advance(self._task)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

"""Where trials are run: in this process, in several on this host, or on a Ray cluster.

The candles are shared once: through a file that all local processes map, or Ray's object store. A task
carries its parameters only. Outcomes come in the order of the trials, whoever finishes first.
"""

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

import numpy as np

from openoutcry.backtesting.optimise.evaluation import Evaluator, Problem
from openoutcry.backtesting.optimise.trial import Outcome, Parameters
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import ConfigurationError, OpenOutcryError

EngineName = Literal["local", "ray"]
ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)


class Engine(Protocol):
    """Runs batches of trials of one problem."""

    def run(self, batch: Sequence[Parameters]) -> Iterator[Outcome]:
        """The outcomes, in order, each as soon as it is known. Raises OpenOutcryError as Evaluator does."""

    def close(self) -> None:
        """Give up what it holds; trials that still run are abandoned."""


def engine_of(name: EngineName, problem: Problem, columns: Integers, jobs: int) -> "Engine":
    """The engine of that name, with so many processes.

    Raises:
        ConfigurationError: Ray is not installed, or its cluster cannot be reached.
    """
    if name == "ray":
        from openoutcry.backtesting.optimise.ray_engine import RayEngine  # noqa: PLC0415  an extra

        return RayEngine(problem, columns, jobs)
    return InProcess(problem, columns) if jobs == 1 else Processes(problem, columns, jobs)


class InProcess:
    """One trial after the other, here."""

    def __init__(self, problem: Problem, columns: Integers) -> None:
        self._evaluator = Evaluator(problem, columns)

    def run(self, batch: Sequence[Parameters]) -> Iterator[Outcome]:
        """The outcomes, in order."""
        return map(self._evaluator.evaluate, batch)

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """A pool of processes on this host; each starts afresh, and maps the candles' file."""

    def __init__(self, problem: Problem, columns: Integers, jobs: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="openoutcry-optimise-")
        path = Path(self._folder.name) / "candles.npy"
        np.save(path, columns)
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(problem, path),
        )
        self._workers: set[BaseProcess] = set()

    def run(self, batch: Sequence[Parameters]) -> Iterator[Outcome]:
        """The outcomes, in order, each as soon as it is known."""
        tasks: list[Future[Outcome]] = []
        try:
            with _sigint_held():  # the workers that this starts inherit it
                others = set(multiprocessing.active_children())
                tasks += [self._pool.submit(_evaluate, parameters) for parameters in batch]
                self._workers |= {*multiprocessing.active_children()} - others
            for task in tasks:
                yield task.result()
        except BrokenProcessPool as error:
            raise OpenOutcryError(
                "a process of the search was killed, perhaps for want of memory; run the same command again "
                "with fewer --jobs: it goes on where this one ended"
            ) from error
        finally:
            for task in tasks:
                task.cancel()

    def close(self) -> None:
        """End the processes, whatever they do."""
        for worker in self._workers:
            worker.kill()  # the pool would wait for the trials that run
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()


_evaluator: Evaluator | None = None  # of this worker


@contextlib.contextmanager
def _sigint_held() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal: the parent gets it a moment later, workers never."""
    came: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()  # the only one that gets to know
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if is_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def _begin(problem: Problem, path: Path) -> None:
    """What a worker does first."""
    global _evaluator  # noqa: PLW0603  a worker has one problem, as long as it lives
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends the pool
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _evaluator = Evaluator(problem, np.load(path, mmap_mode="r"))


def _end_with_parent() -> None:
    """A pool's worker outlives a parent that was killed: it waits on a pipe of which it holds both ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        with contextlib.suppress(OSError):
            connection.wait([parent.sentinel])
        os._exit(1)


def _evaluate(parameters: Parameters) -> Outcome:
    assert _evaluator is not None
    return _evaluator.evaluate(parameters)


def missing_ray(error: ImportError) -> ConfigurationError:
    """The error for an installation without Ray."""
    return ConfigurationError(
        f"--engine ray needs Ray ({error}); install it with `pip install 'openoutcry[ray]'`, "
        "or leave --engine out"
    )

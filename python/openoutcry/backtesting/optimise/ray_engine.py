"""Trials on a Ray cluster: the candles are put into its object store once, tasks get a reference."""

import importlib
import os
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openoutcry.backtesting.optimise.engine import missing_ray
from openoutcry.backtesting.optimise.evaluation import Evaluator, Problem
from openoutcry.backtesting.optimise.trial import Outcome, Parameters
from openoutcry.backtesting.result import Integers
from openoutcry.domain.errors import ConfigurationError, OpenOutcryError

ADDRESS_VARIABLE: Final = "RAY_ADDRESS"
OBJECT_STORE_BYTES: Final = 200 * 2**20  # beside the candles; Ray takes no less than some 75 MB


class RayEngine:
    """Connects to the cluster at `$RAY_ADDRESS`, or starts one on this host with so many processes.

    A cluster that was there before stays, one that was started here ends with `close`. openoutcry must be
    installed on every node.
    """

    def __init__(self, problem: Problem, columns: Integers, jobs: int) -> None:
        """Connect and share the candles.

        Raises:
            ConfigurationError: Ray is not installed, or its cluster cannot be reached.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        try:
            ray: Any = importlib.import_module("ray")  # an extra
        except ImportError as error:
            raise missing_ray(error) from error
        self._ray = ray
        self._is_ours = not ray.is_initialized()
        address = os.environ.get(ADDRESS_VARIABLE)
        if self._is_ours:
            try:
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level="error",
                    **({} if address else _on_this_host(columns, jobs)),
                )
            except Exception as error:  # Ray has no class of its own for a start that failed
                raise ConfigurationError(
                    f"no Ray cluster could be reached or started ({error}); check ${ADDRESS_VARIABLE}"
                ) from error
        self._key = secrets.token_hex(8)
        self._problem = ray.put(problem)
        self._columns = ray.put(columns)
        self._task = ray.remote(max_retries=1)(_evaluate)

    def run(self, batch: Sequence[Parameters]) -> Iterator[Outcome]:
        """The outcomes, in order, each as soon as it is known."""
        tasks = [
            self._task.remote(self._key, self._problem, self._columns, parameters) for parameters in batch
        ]
        for task in tasks:
            try:
                yield self._ray.get(task)
            except self._ray.exceptions.RayTaskError as error:
                raise OpenOutcryError(str(error.cause)) from error
            except self._ray.exceptions.RayError as error:
                raise OpenOutcryError(
                    f"the Ray cluster failed ({error}); run the same command again: "
                    "it goes on where this one ended"
                ) from error

    def close(self) -> None:
        """Leave the cluster; end the one that was started here."""
        if self._is_ours:
            self._ray.shutdown()


def _on_this_host(columns: Integers, jobs: int) -> dict[str, Any]:
    """A cluster for this search alone; nobody else can connect to it."""
    return {
        "num_cpus": jobs,
        "include_dashboard": False,
        "object_store_memory": columns.nbytes + OBJECT_STORE_BYTES,
        "_node_ip_address": "127.0.0.1",
    }


_evaluators: dict[str, Evaluator] = {}  # of this worker: the last search's


def _evaluate(key: str, problem: Problem, columns: Integers, parameters: Parameters) -> Outcome:
    """Ray hands out the arguments by reference; the array is a view of the object store."""
    if key not in _evaluators:
        _evaluators.clear()
        _evaluators[key] = Evaluator(problem, columns)
    return _evaluators[key].evaluate(parameters)

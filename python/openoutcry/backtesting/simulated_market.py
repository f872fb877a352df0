"""The simulator over datasets of events, as the settings want it; and what it takes for granted, in words."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from openoutcry.assembly.settings import Settings
from openoutcry.assembly.simulation_settings import QueueModel, SimulationSettings
from openoutcry.backtesting.assumptions import instrument_sentences
from openoutcry.backtesting.fee_schedule import fee_sentences
from openoutcry.backtesting.history.datasets import EventsDataset
from openoutcry.backtesting.history.source import CODE_MASK, ORDER_ADDED
from openoutcry.domain.errors import InvalidInputError
from openoutcry.native import Simulator

RATE_OF_PPM: Final = 100  # the simulator's rates are in 10^-8
QUOTES: Final = "quotes"  # a kind of dataset: the touch alone, and one time

Progress = Callable[[int, int], None]
"""Called with the rows done and their number."""


def simulator_of(
    datasets: Sequence[EventsDataset], settings: Settings, progress: Progress | None = None
) -> Simulator:
    """A simulator with an instrument a dataset, in their order; nothing is subscribed.

    Raises:
        InvalidInputError: a setting is out of range, or does not go with the data.
    """
    simulator = Simulator(seed=settings.seed)
    pulled = _Pulled(sum(dataset.record.rows for dataset in datasets), progress)
    for dataset in datasets:
        try:
            number = _add(simulator, dataset, settings)
        except ValueError as error:
            raise InvalidInputError(f"{dataset.record.name} cannot be simulated: {error}") from error
        feed_ns = settings.simulation.feed_latency_ns if dataset.kind == QUOTES else 0
        simulator.add_stream(number, pulled.rows(dataset), feed_latency_ns=feed_ns)
    return simulator


def _add(simulator: Simulator, dataset: EventsDataset, settings: Settings) -> int:
    costs, rules = settings.backtest, settings.simulation
    if rules.impact_coefficient and dataset.kind == QUOTES:
        raise InvalidInputError(
            f"{dataset.record.name} has quotes alone, and impact is measured by trades; "
            "set simulation.impact_coefficient to 0, or give data with trades"
        )
    by_order = is_by_order(dataset)
    queue = queue_model_of(rules, by_order=by_order)
    return simulator.add_instrument(
        price_tick=dataset.instrument.price_tick,
        size_step=dataset.instrument.size_step,
        fill_mode=rules.fill_mode,
        queue_model=queue,
        queue_exponent=rules.queue_exponent if queue.startswith("power") else None,
        entry_ns=costs.order_latency_ns,
        response_ns=costs.report_latency_ns,
        entry_p99_ns=rules.order_latency_p99_ns or None,
        response_p99_ns=rules.report_latency_p99_ns or None,
        maker_rate=costs.maker_fee_ppm * RATE_OF_PPM,
        taker_rate=costs.taker_fee_ppm * RATE_OF_PPM,
        fee_tiers=[
            (tier.volume_atoms, tier.maker_fee_ppm * RATE_OF_PPM, tier.taker_fee_ppm * RATE_OF_PPM)
            for tier in costs.fee_tiers
        ],
        is_inverse=dataset.instrument.kind == "inverse",
        impact_coefficient=rules.impact_coefficient or None,
        halts=rules.halts_ns,
        reject_probability=rules.reject_probability,
        max_resting_orders=rules.max_resting_orders,
        by_order=by_order,
    )


def is_by_order(dataset: EventsDataset) -> bool:
    """Whether its rows are of orders, not of levels; its first rows tell."""
    if dataset.kind == QUOTES:
        return False
    first = next(dataset.rows(), np.zeros((0, 6), np.int64))
    return bool(((first[:, 2] & CODE_MASK) >= ORDER_ADDED).any())


def queue_model_of(rules: SimulationSettings, *, by_order: bool) -> QueueModel:
    """The queue model that is meant: the exact one wherever the data allow it."""
    if rules.queue_model != "auto":
        return rules.queue_model
    return "fifo" if by_order else "risk-averse"


class _Pulled:
    """Counts the rows of all datasets as the simulator pulls them."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def rows(self, dataset: EventsDataset) -> Iterator[Any]:  # numpy's stubs know no Buffer
        """A dataset's rows, some at a time."""
        for rows in dataset.rows():
            yield rows
            self._done += len(rows)
            if self._progress is not None:
                self._progress(self._done, self._total)


def simulated_assumptions(settings: Settings, datasets: Sequence[EventsDataset]) -> tuple[str, ...]:
    """What the simulation takes for granted, a sentence each."""
    costs, rules = settings.backtest, settings.simulation
    order_ms, report_ms = costs.order_latency_ns / 1e6, costs.report_latency_ns / 1e6
    latency = f"an order reaches the venue after {order_ms:g} ms, its answer takes {report_ms:g} ms"
    if rules.order_latency_p99_ns:
        late = rules.order_latency_p99_ns / 1e6, rules.report_latency_p99_ns / 1e6
        latency += f"; that is the median, one in a hundred takes {late[0]:g} and {late[1]:g} ms"
    fills = "an order is filled whole, at once"
    if rules.fill_mode == "partial":
        fills = "fills are partial, and what was taken stays gone until the data shows another size"
    sentences = [
        latency,
        *sorted({_queue_sentence(queue_model_of(rules, by_order=is_by_order(each))) for each in datasets}),
        fills,
        _impact_sentence(rules),
        *fee_sentences(costs),
        "the account is valued at the mid or the last trade",
        *instrument_sentences([dataset.instrument for dataset in datasets]),
    ]
    if any(dataset.kind == QUOTES for dataset in datasets):
        sentences.append(
            f"quotes are seen {rules.feed_latency_ns / 1e6:g} ms after their time; behind them is nothing"
        )
    if rules.reject_probability:
        sentences.append(f"the venue rejects {rules.reject_probability:.2%} of the orders, by the seed")
    if rules.halts_ns:
        sentences.append(f"the venue halts {len(rules.halts_ns)} times")
    for dataset in datasets:
        each = dataset.instrument
        if each.kind == "inverse":
            sentences.append(
                f"{each.symbol} is settled in {each.base}, and a lot is worth {each.size_step} {each.quote}"
            )
    return tuple(sentences)


def _impact_sentence(rules: SimulationSettings) -> str:
    if not rules.impact_coefficient:
        return "the market does not react to our orders (no impact)"
    return (
        f"what takes pays {rules.impact_coefficient:g} · volatility · √(size/volume) more, within its "
        "limit (the square-root law, each order by itself); else the market does not react to our orders"
    )


def _queue_sentence(queue: str) -> str:
    if queue == "fifo":
        return "the data is by order: an order's place in its queue is exact"
    if queue == "risk-averse":
        return "only trades move an order forward in its queue: others cancel behind it"
    return f"others' cancellations move an order forward by the {queue} model"

"""The measurements, and the figures that come of them."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from openoutcry.actors.benchmark.bases import BASES_MEASURED, MESSAGES, ROUND_TRIPS, base_of
from openoutcry.actors.benchmark.ring import (
    Caller,
    Classification,
    Echo,
    Execution,
    Ingestion,
    Risk,
    Strategy,
)
from openoutcry.actors.benchmark.script import Look, Measure, Produce, Received, Samples, Sent
from openoutcry.actors.benchmark.stage import ANSWER_TIMEOUT_S, POLL_INTERVAL_S, Stage
from openoutcry.actors.benchmark.stream import BATCH_MESSAGES, Consumer, Producer
from openoutcry.actors.system import SystemFailedError
from openoutcry.domain.errors import InvalidInputError
from openoutcry.domain.units import NS_PER_MS, NS_PER_S, NS_PER_US

FOUR_HOPS_MAX: Final = 2_000
CHUNK: Final = 250  # rounds between two answers to the director, who shows how far it is
LEAD_IN: Final = 10  # rounds at a chunk's begin that do not count: everybody has been idle
WARM_UP_ROUNDS: Final = 200
WARM_UP_MESSAGES: Final = 2 * BATCH_MESSAGES
QUIET_S: Final = 2.0  # when all is sent and nothing has arrived for so long, the rest is lost
CHAIN: Final = (Ingestion, Classification, Strategy, Risk, Execution)

Progress = Callable[[str, int, int], None]
"""Told what is measured, how many are done, and of how many."""
Count = Callable[[int, int], None]
"""Told how many are done, and of how many."""


class Percentiles(msgspec.Struct, frozen=True):
    """The median, and what one in a hundred exceeds."""

    p50: float
    p99: float


class Figures(msgspec.Struct, frozen=True):
    """What one base does."""

    round_trip_us: Percentiles
    one_way_msgs_per_s: float
    lost: int


class Comparison(msgspec.Struct, frozen=True):
    """Bases by their keys, and the way through five actors on the first of them."""

    figures: dict[str, Figures]
    four_hops_ms: Percentiles

    def to_json(self) -> dict[str, Any]:
        """One object: a base a key, and the four hops beside them."""
        return {**self.figures, "four_hops_ms": self.four_hops_ms}


def compare(
    bases: Sequence[str] = BASES_MEASURED,
    *,
    round_trips: int = ROUND_TRIPS,
    messages: int = MESSAGES,
    progress: Progress = lambda what, done, total: None,  # noqa: ARG005  nobody looks
) -> Comparison:
    """Measure one base after the other; the first one also carries the four hops.

    `progress` is called often, and only when all can be ended in order: it may raise.

    Raises:
        InvalidInputError: no such base, none at all, or nothing to measure.
        SystemFailedError: a base did not do what it should.
    """
    chosen = {key: base_of(key) for key in bases}
    if not chosen or round_trips < 1 or messages < 1:
        raise InvalidInputError("nothing to measure; give a base and at least one round trip and message")
    figures: dict[str, Figures] = {}
    four_hops: Percentiles | None = None
    for key, base in chosen.items():
        rounds, stream = _share(round_trips, base.round_trips_share), _share(messages, base.messages_share)
        with Stage(base) as stage:
            times = ring_ns(stage, (Caller, Echo), rounds, partial(progress, f"{base.title}: round trips"))
            received = one_way(stage, stream, partial(progress, f"{base.title}: one way"))
            figures[key] = Figures(percentiles(times, NS_PER_US), rate(received), stream - received.count)
            if four_hops is None:
                times = ring_ns(
                    stage, CHAIN, min(FOUR_HOPS_MAX, rounds), partial(progress, f"{base.title}: four hops")
                )
                four_hops = percentiles(times, NS_PER_MS)
    assert four_hops is not None
    return Comparison(figures, four_hops)


def ring_ns(stage: Stage, players: tuple[type[Any], ...], count: int, progress: Count) -> list[int]:
    """How long each of `count` rounds took, warm."""
    progress(0, count)
    first = stage.cast(*players)[0]
    stage.ask(first, Measure(WARM_UP_ROUNDS), Samples)
    times: list[int] = []
    while len(times) < count:
        size = min(CHUNK, count - len(times))
        samples = stage.ask(first, Measure(LEAD_IN + size), Samples)
        times += samples.latencies_ns[LEAD_IN:]
        progress(len(times), count)
    return times


def one_way(stage: Stage, count: int, progress: Count) -> Received:
    """What a consumer receives of `count` messages that a producer sends as fast as it may.

    Raises:
        SystemFailedError: a message came after a later one, or twice, or the producer does not get on.
    """
    progress(0, count)
    producer, consumer = stage.cast(Producer, Consumer)
    for take in (Produce(epoch=0, count=WARM_UP_MESSAGES), Produce(epoch=1, count=count)):
        stage.tell(producer, take)
        received = _follow(stage, producer, consumer, take, progress)
        if received.misplaced:
            raise SystemFailedError(
                f"{stage.title}: {received.misplaced} of {take.count} messages came out of order or twice; "
                "this base does not keep the order of a pair"
            )
    return received


def _follow(stage: Stage, producer: Any, consumer: Any, take: Produce, progress: Count) -> Received:
    """Look now and then until all is there, or what is missing cannot come any more."""
    received = Received(take.epoch)
    heard_s = time.monotonic()
    while received.count < take.count:
        time.sleep(POLL_INTERVAL_S)  # to look is to disturb
        answer = stage.poll(consumer, Look(), Received)
        if answer is not None and answer.epoch == take.epoch and answer.count > received.count:
            received, heard_s = answer, time.monotonic()
        progress(received.count, take.count)
        quiet_s = time.monotonic() - heard_s
        if quiet_s > ANSWER_TIMEOUT_S:
            raise SystemFailedError(
                f"{stage.title}: nothing has arrived for {quiet_s:.0f} s, and only {received.count} of "
                f"{take.count} messages were there before; measure fewer messages"
            )
        if quiet_s > QUIET_S and stage.poll(producer, Look(), Sent) == Sent(take.epoch, take.count):
            break
    return received


def rate(received: Received) -> float:
    """Messages a second, from the first one sent to the last one received."""
    duration_ns = received.last_received_ns - received.first_sent_ns
    return received.count * NS_PER_S / duration_ns if received.count else 0.0


def percentiles(times_ns: Sequence[int], unit_ns: int) -> Percentiles:
    """Median and 99th percentile (nearest rank) in a unit."""
    ordered = sorted(times_ns)
    at_rank = (ordered[math.ceil(share * len(ordered)) - 1] / unit_ns for share in (0.50, 0.99))
    return Percentiles(*at_rank)


def _share(count: int, share: float) -> int:
    return max(1, round(count * share))

"""Writes labelled patterns of manipulation into a recording, by a seed.

The recording gives the market, the seed says what is injected where. The same recording and seed give the
same bytes. What comes out is a stream that the venue could have sent (`splice.py` says how).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from benches.anomaly.patterns import INTENSITIES, PATTERNS, Script, Stage
from benches.anomaly.recording import (
    MS_PER_S,
    NS_PER_MS,
    Instrument,
    Statistics,
    TextGrid,
    decode,
    grid_of,
    statistics_of,
)
from benches.anomaly.splice import ASK, BID, Splice

# Parameters are tuned on the one and the table is made by the other: no seed is in both.
TRAIN_SEEDS = range(1, 1_000)
JUDGE_SEEDS = range(1_000_001, 1_001_000)
# Detectors learn what is usual first.
WARM_UP_MS = 60 * MS_PER_S
# From one pattern's begin to the next's, and how much of it is left to chance.
SPACING_MS = 22 * MS_PER_S
JITTER_MS = 6 * MS_PER_S
# The last pattern must be over before the recording is.
TAIL_MS = 20 * MS_PER_S

# Share of a pattern's acts that may fail because the recorded market is where they would be.
MAX_WITHDRAWN_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What was injected. Times are the venue's: of the first and of the last act."""

    kind: str
    intensity: str
    side: str
    begin_ns: int
    end_ns: int
    # Changes and trades injected.
    acts: int
    # False if the recorded market ran into it: it is then not what its name says.
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One pattern to inject."""

    kind: str
    intensity: str
    side: str
    begin_ms: int
    seed: int


@dataclass(slots=True)
class _Running:
    plan: Plan
    script: Script
    wake_ms: int
    # When it first acted, or 0.
    begin_ms: int
    acts: int
    withdrawn: int
    is_whole: bool = True


class Source:
    """A recording, read and measured once; any number of seeds may be injected into it."""

    def __init__(self, instrument: Instrument, lines: Sequence[bytes]) -> None:
        self.instrument = instrument
        self.lines = lines
        self.grid: TextGrid = grid_of(instrument, lines)
        self.usual: Statistics = statistics_of(lines, self.grid)

    def plan(self, seed: int) -> list[Plan]:
        """Which patterns begin when: every kind and intensity in a seeded order, as many as have room."""
        random = Random(f"{self.instrument.name} {seed}")
        combinations = list(product(PATTERNS, INTENSITIES))
        random.shuffle(combinations)
        begins = range(self.usual.first_ms + WARM_UP_MS, self.usual.last_ms - TAIL_MS, SPACING_MS)
        return [
            Plan(
                *combinations[index % len(combinations)],
                side=random.choice((BID, ASK)),
                begin_ms=begin_ms + random.randrange(JITTER_MS),
                seed=random.getrandbits(64),
            )
            for index, begin_ms in enumerate(begins)
        ]

    def inject(self, plans: Sequence[Plan]) -> tuple[list[bytes], list[Label]]:
        """The recording with these patterns, which must not overlap; and what was written."""
        splice = Splice(self.grid)
        waiting = sorted(plans, key=lambda plan: plan.begin_ms, reverse=True)
        running: _Running | None = None
        labels: list[Label] = []
        for line in self.lines:
            received_ns, message = decode(line)
            if running is None and waiting:
                running = self._begin(splice, waiting.pop())
            if running is not None:
                next_ms = message.get("data", {}).get("E", 0)
                if not _play(splice, running, next_ms, received_ns):
                    labels.append(_label(splice, running))
                    running = None
            splice.take(received_ns, message)
        if running is not None or waiting or not splice.is_done():
            raise ValueError("the recording ends before a pattern does")
        return splice.lines, labels

    def _begin(self, splice: Splice, plan: Plan) -> _Running:
        stage = Stage(
            splice=splice,
            grid=self.grid,
            usual=self.usual,
            random=Random(plan.seed),
            level=INTENSITIES.index(plan.intensity),
            side=plan.side,
        )
        script = PATTERNS[plan.kind](stage)
        return _Running(plan, script, plan.begin_ms, 0, splice.injected, splice.withdrawn)


def _play(splice: Splice, running: _Running, until_ms: int, received_ns: int) -> bool:
    """Let a script act for as long as its time comes before the next line's; False when it is over."""
    while running.wake_ms < until_ms:
        splice.advance(running.wake_ms, received_ns)
        running.begin_ms = running.begin_ms or splice.now_ms
        try:
            running.wake_ms = splice.now_ms + next(running.script)
        except StopIteration as stop:
            running.is_whole = stop.value is not False
            splice.withdraw_all()
            return False
    return True


def _label(splice: Splice, running: _Running) -> Label:
    plan = running.plan
    acts = splice.injected - running.acts
    withdrawn = splice.withdrawn - running.withdrawn
    return Label(
        kind=plan.kind,
        intensity=plan.intensity,
        side=plan.side,
        begin_ns=running.begin_ms * NS_PER_MS,
        end_ns=splice.now_ms * NS_PER_MS,
        acts=acts,
        is_whole=running.is_whole and withdrawn <= MAX_WITHDRAWN_SHARE * acts,
    )

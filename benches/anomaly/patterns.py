"""The patterns of manipulation that are injected, each a script: it acts, and yields how long it waits.

Sizes, rates and moves are multiples of what is usual in the recording: `weak` is weak in every market.
What they look like follows the market-abuse literature: FCA MAR 1.6 and ESMA's
indicators of manipulation (spoofing, layering, quote stuffing, momentum ignition, wash trades).
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random

from benches.anomaly.recording import MS_PER_S, Statistics, TextGrid
from benches.anomaly.splice import ASK, BID, Splice, opposite

REACH_SIGMAS = 3
INTENSITIES = ("weak", "medium", "strong")
# Waits in milliseconds; at its end, False if the recorded market left no room for the whole pattern.
Script = Generator[int, None, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a script plays on."""

    splice: Splice
    grid: TextGrid
    usual: Statistics
    random: Random
    # 0 weak, 1 medium, 2 strong.
    level: int
    # The side that the manipulator shows or pushes: BID shows or buys.
    side: str

    def units(self, amount: float) -> int:
        """A size that an order may have."""
        return self.grid.whole_lots(amount)

    def best(self, side: str) -> int:
        """The output's best price of a side, in ticks."""
        bid, _, ask, _ = self.splice.touch()
        return bid if side == BID else ask

    def behind(self, side: str, ticks: float) -> int:
        """A price so far behind the touch of a side."""
        distance = round(ticks)
        return self.best(side) - distance if side == BID else self.best(side) + distance

    def reach(self) -> float:
        """A distance in ticks that the market will hardly cover in a second, a basis point at least."""
        return max(self.usual.bp_ticks, REACH_SIGMAS * self.usual.sigma_ticks)

    def wait_ms(self, least: int, most: int) -> int:
        """A seeded wait."""
        return self.random.randint(least, most)


def take_liquidity(stage: Stage, taker: str, trades: int, times_usual: float) -> Script:
    """Some trades at the touch; `taker` is BID for a buyer."""
    for _ in range(trades):
        units = stage.units(times_usual * stage.usual.trade_units * stage.random.uniform(0.7, 1.4))
        stage.splice.trade(taker, stage.best(opposite(taker)), units)
        yield stage.wait_ms(5, 40)


def spoof(stage: Stage) -> Script:
    """A wall near the touch; the manipulator's order on the other side is executed; the wall goes.

    Wall: 3, 8 or 20 times the 90th percentile of level sizes, near the touch for 0.3 to 1 s.
    """
    wall = stage.units((3, 8, 20)[stage.level] * stage.usual.level_units)
    ticks = stage.behind(stage.side, stage.random.uniform(0.7, 1.5) * stage.reach())
    stage.splice.place(stage.side, ticks, wall)
    yield stage.wait_ms(250, 900)
    # A wall of bids draws buyers: they take what the manipulator offers.
    yield from take_liquidity(stage, stage.side, stage.random.randint(3, 6), 3)
    yield stage.wait_ms(20, 150)
    stage.splice.withdraw(stage.side, ticks, wall)


def layering(stage: Stage) -> Script:
    """Orders on 3, 4 or 6 levels of one side, each 2, 4 or 10 times the 90th percentile of level sizes.

    An execution on the other side, then all go within 100 ms.
    """
    size = stage.units((2, 4, 10)[stage.level] * stage.usual.level_units)
    prices = [
        stage.behind(stage.side, (1 + rank / 4) * stage.reach()) for rank in range((3, 4, 6)[stage.level])
    ]
    for ticks in prices:
        stage.splice.place(stage.side, ticks, size)
        yield stage.wait_ms(20, 80)
    yield stage.wait_ms(200, 800)
    yield from take_liquidity(stage, stage.side, stage.random.randint(3, 6), 3)
    for ticks in prices:
        yield stage.wait_ms(2, 15)
        stage.splice.withdraw(stage.side, ticks, size)


def stuffing(stage: Stage) -> Script:
    """Small orders behind the touch, added and cancelled within 10 to 40 ms, for 1 to 2.5 s.

    Adding and cancelling, 2, 5 or 10 times as often as levels usually change; 0.5 to 8 bp behind the touch.
    """
    bp = stage.usual.bp_ticks
    yield from _flood(stage, lambda: stage.random.uniform(0.5, 8) * bp)


def flicker(stage: Stage) -> Script:
    """The same at the touch: it changes its size all the time."""
    yield from _flood(stage, lambda: 0)


FLOOD_STEP_MS = 5
# Life of a flood's order, in steps.
FLOOD_LIFE_STEPS = (2, 8)


def _flood(stage: Stage, distance: Callable[[], float]) -> Script:
    """Orders that come and go, so many ticks behind the touch."""
    rate = (2, 5, 10)[stage.level] * stage.usual.levels_per_s
    size = stage.units(0.1 * stage.usual.touch_units)
    # Orders to withdraw, by the step in which that is due.
    standing: dict[int, list[tuple[str, int]]] = {}
    due = 0.0
    for step in range(stage.wait_ms(1_000, 2_500) // FLOOD_STEP_MS):
        for side, ticks in standing.pop(step, []):
            stage.splice.withdraw(side, ticks, size)
        due += rate / 2 * FLOOD_STEP_MS / MS_PER_S
        for _ in range(int(due)):
            side = stage.random.choice((BID, ASK))
            ticks = stage.behind(side, distance())
            stage.splice.place(side, ticks, size)
            standing.setdefault(step + stage.random.randint(*FLOOD_LIFE_STEPS), []).append((side, ticks))
        due -= int(due)
        yield FLOOD_STEP_MS


def ignition(stage: Stage) -> Script:
    """A run of aggressive trades that moves the touch by 4, 8 or 16 deviations of a second's move, and back.

    Half of what stands in its way is taken, half is withdrawn. Small orders of followers come after it, and
    are what the reversal sells into (or buys from).
    """
    steps = stage.random.randint(8, 16)
    start = stage.best(opposite(stage.side))
    move = max(steps, round((4, 8, 16)[stage.level] * stage.usual.sigma_ticks))
    pause = stage.wait_ms(60, 120)
    follower = stage.units(0.3 * stage.usual.touch_units)
    bounds = [_onward(stage.side, start, move * step // steps) for step in range(1, steps + 1)]
    for bound in bounds:
        in_the_way = stage.splice.standing(opposite(stage.side), bound)
        times_usual = max(3.0, in_the_way / 2 / TRADES_A_STEP / stage.usual.trade_units)
        yield from take_liquidity(stage, stage.side, TRADES_A_STEP, times_usual)
        _move_to(stage, bound, follower)
        yield pause
    yield stage.wait_ms(200, 600)
    for bound in reversed(bounds[:-1]):
        yield from take_liquidity(stage, opposite(stage.side), 1, 3)
        _move_to(stage, bound, follower)
        yield pause // 2
    stage.splice.withdraw_all()


TRADES_A_STEP = 2


def _onward(side: str, ticks: int, distance: int) -> int:
    return ticks + distance if side == BID else ticks - distance


def _move_to(stage: Stage, bound: int, follower_units: int) -> None:
    """Let the side that is taken begin at `bound`, with a follower just before it."""
    follower = _onward(stage.side, bound, -1), follower_units
    stage.splice.push(opposite(stage.side), bound, follower)


def wash(stage: Stage) -> Script:
    """10, 30 or 100 equal trades, bought and sold in turn, in 1 to 4 s; the book is as before.

    At one price if there is room between bid and ask, otherwise at these.
    """
    size = stage.units(3 * stage.usual.trade_units)
    count = (10, 30, 100)[stage.level]
    pause = stage.wait_ms(1_000, 4_000) // count
    for index in range(count):
        bid, _, ask, _ = stage.splice.touch()
        taker = (BID, ASK)[index % 2]
        ticks = (bid + ask) // 2 if ask - bid > 1 else stage.best(opposite(taker))
        stage.splice.trade(taker, ticks, size)
        yield pause


def iceberg(stage: Stage) -> Script:
    """An order at the touch that shows the usual size and is refilled 6, 15 or 40 times as it is taken.

    The price does not go through it: what would is hidden meanwhile.
    """
    ticks = stage.best(stage.side)
    shown = stage.units(stage.usual.touch_units)
    other = opposite(stage.side)
    stage.splice.push(other, _onward(stage.side, ticks, 1), (ticks, shown))
    refills = (6, 15, 40)[stage.level]
    for _ in range(ICEBERG_PATIENCE * refills):
        yield stage.wait_ms(30, 90)
        if stage.best(stage.side) != ticks:
            continue
        stage.splice.trade(other, ticks, shown)
        stage.splice.withdraw(stage.side, ticks, shown)
        yield stage.wait_ms(3, 20)
        stage.splice.place(stage.side, ticks, shown)
        refills -= 1
        if not refills:
            return True
    return False


# Rounds for each refill before an iceberg that is no longer at the touch gives up.
ICEBERG_PATIENCE = 3


def hole(stage: Stage) -> Script:
    """A sweep: one side's levels vanish over 5, 10 or 25 deviations of a second's move, and come back.

    Nobody follows: the spread stays open for 0.4 to 1.5 s.
    """
    taken = opposite(stage.side)
    start = stage.best(taken)
    move = max(2, round((5, 10, 25)[stage.level] * stage.usual.sigma_ticks))
    for part in (1, 2, 3):
        yield from take_liquidity(stage, stage.side, 1, 5)
        stage.splice.hide(taken, _onward(stage.side, start, move * part // 3))
    yield from take_liquidity(stage, stage.side, 1, 1)
    yield stage.wait_ms(400, 1_500)
    for part in (2, 1):
        stage.splice.hide(taken, _onward(stage.side, start, move * part // 3))
        yield stage.wait_ms(80, 200)
    stage.splice.withdraw_all()


PATTERNS: dict[str, Callable[[Stage], Script]] = {
    "spoof": spoof,
    "layering": layering,
    "stuffing": stuffing,
    "flicker": flicker,
    "ignition": ignition,
    "wash": wash,
    "iceberg": iceberg,
    "hole": hole,
}

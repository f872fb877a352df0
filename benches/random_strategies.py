"""Ten thousand strategies without skill: how many do the statistics take for skilled?

`python -m benches.random_strategies` from the project's root. Each strategy flips a coin at the close of a
five-minute candle, again and again, and holds what it says until its next flip. A family of them trades one
history, bootstrapped in blocks of a day from recorded candles; somebody then shows the family's best. A test
that says "95 % sure" may be wrong of 5 % of the families. So that no test passes by being silent, the same
families are judged with one strategy that has a known skill, too.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import track

from openoutcry.backtesting.statistics.bootstrap import stationary_indices
from openoutcry.backtesting.statistics.market import market_free
from openoutcry.backtesting.statistics.overfitting import overfitting_of
from openoutcry.backtesting.statistics.returns import Floats
from openoutcry.backtesting.statistics.sharpe import (
    CONFIDENCE,
    deflated_sharpe,
    moments_of,
    probabilistic_sharpe,
    sharpe_ratios,
)

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benches" / "results"
CANDLES = ROOT.parent / "shared" / "data" / "candles"

CANDLES_PER_DAY = 288
DAYS_PER_YEAR = 365
MEAN_HOLDS = (12, 48, 288)  # candles from flip to flip: an hour, four hours, a day
TAKER_FEE = 0.0005  # of what is traded
AT_ONCE = 25  # strategies in memory at a time
CSCV_BLOCKS = 10
SKILLS = (4.0, 6.0, 8.0)  # annual Sharpe ratios above luck, planted in one strategy of a family

HEAD = (
    "strategies",
    "each by PSR",
    "each by Deflated Sharpe",
    "family's best by PSR",
    "family's best by Deflated Sharpe",
    "best's annual Sharpe, mean",
    "PBO, mean",
)

Progress = Callable[[Sequence[int], str], Iterator[int]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a coin's two sides mean, and what a trade costs."""

    name: str
    stakes: tuple[float, float]
    fee: float


KINDS = (
    Kind("long or short, no fees", (-1.0, 1.0), 0.0),
    Kind("long or short, 0.05 % fees", (-1.0, 1.0), TAKER_FEE),
    Kind("long or flat, no fees", (0.0, 1.0), 0.0),
    Kind("long or flat, 0.05 % fees", (0.0, 1.0), TAKER_FEE),
)


def candle_returns(path: Path) -> Floats:
    """Returns from close to close of a five-minute Parquet file; over a hole there is none."""
    table = pl.read_parquet(path, columns=["ts", "close"])
    times, closes = table["ts"].to_numpy(), table["close"].to_numpy()
    return (closes[1:] / closes[:-1] - 1.0)[np.diff(times) == 300_000]


def flips(rng: np.random.Generator, candles: int, count: int) -> np.ndarray:
    """The coins' sides, 0 or 1, at each candle: shape (candles, count)."""
    holds = np.array(MEAN_HOLDS)[np.arange(count) % len(MEAN_HOLDS)]
    turned = (rng.random((candles, count)) < 1.0 / holds) & (rng.random((candles, count)) < 0.5)
    turned[0] = rng.random(count) < 0.5
    return np.cumsum(turned, axis=0) % 2


def daily_returns(market: Floats, sides: np.ndarray, kind: Kind) -> Floats:
    """What the accounts made of each day, shape (days, strategies); a side holds for the next candle."""
    held = np.where(sides == 1, kind.stakes[1], kind.stakes[0])
    traded = np.abs(np.diff(held, axis=0, prepend=0.0))
    account = 1.0 + held * market[:, None] - kind.fee * traded
    return np.prod(account.reshape(-1, CANDLES_PER_DAY, sides.shape[1]), axis=1) - 1.0


def family_of(
    recorded: Floats, seed: tuple[int, int], days: int, trials: int, kinds: Sequence[Kind] = KINDS
) -> tuple[list[Floats], Floats]:
    """One history and its strategies: daily returns of each kind, of the same flips; and of the market."""
    rng = np.random.default_rng(seed)
    candles = days * CANDLES_PER_DAY
    # Of the drawn history's rows those that are needed: it is as long as the longer of the two.
    drawn = stationary_indices(rng, max(len(recorded), candles), 1, CANDLES_PER_DAY)[:candles, 0]
    market = recorded[drawn % len(recorded)]
    pieces: list[list[Floats]] = [[] for _ in kinds]
    for begin in range(0, trials, AT_ONCE):
        sides = flips(rng, candles, min(AT_ONCE, trials - begin))
        for piece, kind in zip(pieces, kinds, strict=True):
            piece.append(daily_returns(market, sides, kind))
    held = np.prod(1.0 + market.reshape(-1, CANDLES_PER_DAY), axis=1) - 1.0
    return [np.hstack(piece) for piece in pieces], held


def judge_family(returns: Floats) -> dict:
    """What each test says of a family: PSR of each strategy, and of the best PSR, Deflated Sharpe and PBO."""
    trials = returns.shape[1]
    sharpe = sharpe_ratios(returns)
    deviation = float(sharpe.std(ddof=1))
    moments = [moments_of(column) for column in returns.T]
    best = int(np.argmax(sharpe))
    return {
        "single": [probabilistic_sharpe(each) > CONFIDENCE for each in moments],
        "single_deflated": [deflated_sharpe(each, trials, deviation) > CONFIDENCE for each in moments],
        "best": probabilistic_sharpe(moments[best]) > CONFIDENCE,
        "best_deflated": deflated_sharpe(moments[best], trials, deviation) > CONFIDENCE,
        "best_sharpe": float(sharpe[best]) * math.sqrt(DAYS_PER_YEAR),
        "overfitting": overfitting_of(returns, CSCV_BLOCKS).probability,
    }


def with_skill(returns: Floats, skill: float) -> Floats:
    """The family with a skill added to its first strategy, as an annual Sharpe ratio."""
    planted = returns.copy()
    planted[:, 0] += skill / math.sqrt(DAYS_PER_YEAR) * planted[:, 0].std(ddof=1)
    return planted


def study(
    recorded: Sequence[Floats], families: int, trials: int, days: int, *, seed: int, progress: Progress
) -> dict:
    """Shares that each test calls significant, by kind of strategy, and with planted skill."""
    judged: dict[str, list[dict]] = defaultdict(list)
    skilled: dict[float, list[dict]] = {skill: [] for skill in SKILLS}
    for number in progress(range(families), "families"):
        made, market = family_of(recorded[number % len(recorded)], (seed, number), days, trials)
        for kind, returns in zip(KINDS, made, strict=True):
            judged[kind.name].append(judge_family(returns))
            if min(kind.stakes) == 0:  # they share the market's rise or fall
                judged[f"{kind.name}, beside the market"].append(judge_family(market_free(returns, market)))
        for skill in SKILLS:
            skilled[skill].append(judge_family(with_skill(made[0], skill)))
    return {
        "strategies": families * trials,
        "families": families,
        "trials": trials,
        "days": days,
        "seed": seed,
        "confidence": CONFIDENCE,
        "kinds": {name: shares(found) for name, found in judged.items()},
        "planted": {str(skill): shares(found) for skill, found in skilled.items()},
    }


def shares(found: Sequence[dict]) -> dict[str, float]:
    """Means over the families (and their strategies)."""
    return {name: float(np.mean([family[name] for family in found])) for name in found[0]}


def markdown(report: dict) -> str:
    """The tables as they stand in the README."""
    heading = (
        f"{report['strategies']:,} strategies that flip coins: {report['families']} families of "
        f"{report['trials']}, {report['days']} days each; called significant at {report['confidence']:.0%}:"
    )
    lines = [heading, "", f"| {' | '.join(HEAD)} |", f"| {' | '.join(['---'] * len(HEAD))} |"]
    named = {
        **report["kinds"],
        **{f"one with a skill of {skill} beside luck": row for skill, row in report["planted"].items()},
    }
    for name, row in named.items():
        parts = [f"{row[key]:.1%}" for key in ("single", "single_deflated", "best", "best_deflated")]
        lines.append(
            f"| {name} | {' | '.join(parts)} | {row['best_sharpe']:.1f} | {row['overfitting']:.2f} |"
        )
    return "\n".join(lines) + "\n"


@click.command(help=__doc__)
@click.option("--families", default=100, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--trials", default=100, show_default=True, type=click.IntRange(min=2), help="strategies a family"
)
@click.option("--days", default=180, show_default=True, type=click.IntRange(min=20), help="of each history")
@click.option("--seed", default=1, show_default=True)
@click.option("--data", default=CANDLES, type=click.Path(path_type=Path), help="folder of Parquet candles")
def main(families: int, trials: int, days: int, seed: int, data: Path) -> None:
    paths = sorted(data.glob("*_5m_*.parquet"))
    if not paths:
        raise click.UsageError(f"{data} holds no five-minute candles; name their folder by --data")
    console = Console(stderr=True)
    report = study(
        [candle_returns(path) for path in paths],
        families,
        trials,
        days,
        seed=seed,
        progress=lambda work, what: track(work, what, console=console),
    )
    report["candles"] = [path.stem for path in paths]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "random_strategies.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "random_strategies.md").write_text(markdown(report))
    print(markdown(report))


if __name__ == "__main__":
    main()

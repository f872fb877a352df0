"""What may be concluded from a backtest, in a line: mostly, what may not, and why."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
import numpy as np

from openoutcry.backtesting.funding_cover import NOT_COVERED, USUAL_NS, unfunded
from openoutcry.backtesting.report.wording import span
from openoutcry.backtesting.result import BacktestResult
from openoutcry.backtesting.statistics.overfitting import Selection
from openoutcry.backtesting.statistics.performance import SHORTEST_YEAR_SHARE, Performance, years_of
from openoutcry.backtesting.statistics.returns import YEAR_NS
from openoutcry.backtesting.statistics.sharpe import CONFIDENCE
from openoutcry.domain.units import NS_PER_S

Level = Literal["good", "doubtful", "bad"]

ENOUGH_TRADES: Final = 30  # below it a mean says nothing; a custom, not a theorem
MUCH_IN_FEES: Final = 0.5  # of the profit before costs
TOO_MUCH_IN_FEES: Final = 0.8
SEVERITIES: Final[tuple[tuple[str, Level], ...]] = (("error", "bad"), ("warning", "doubtful"))
OVERFIT_SHARE: Final = 0.5  # of the Sharpe ratio in sample that should be left out of sample
LIKELY_OVERFIT: Final = 0.5  # the probability of backtest overfitting of a choice by chance


class Reason(msgspec.Struct, frozen=True):
    """Why a result is not good: how bad, which rule (a stable word for programs), and a sentence's part."""

    level: Level
    rule: str
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The worst level of the reasons, the line that people read, and the reasons by importance."""

    level: Level
    line: str
    reasons: tuple[Reason, ...]


class Trials(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beyond one run. Sharpe ratios are annual; what was not measured is None.

    `count`: how often this strategy was tried on this data. `deflated`: the Deflated Sharpe after them.
    `overfitting`: the probability of backtest overfitting.
    """

    count: int = 1
    in_sample_sharpe: float | None = None
    out_of_sample_sharpe: float | None = None
    deflated: float | None = None
    overfitting: float | None = None

    @classmethod
    def of(
        cls, selection: Selection, in_sample_sharpe: float | None, out_of_sample_sharpe: float | None
    ) -> "Trials":
        """What a selection among trials says, with annual Sharpe ratios of a walk-forward."""
        return cls(
            count=selection.trials,
            in_sample_sharpe=in_sample_sharpe,
            out_of_sample_sharpe=out_of_sample_sharpe,
            deflated=selection.deflated,
            overfitting=selection.overfitting.probability if selection.overfitting else None,
        )


class _Evidence(msgspec.Struct, frozen=True):
    result: BacktestResult
    performance: Performance
    trials: Trials


Rule = Callable[[_Evidence], Reason | None]


def judge(result: BacktestResult, performance: Performance, trials: Trials | None = None) -> Verdict:
    """Judge a backtest.

    Bad reasons come before doubtful ones. Among either the order is fixed: what makes the figures wrong comes
    before what makes them luck, and that before what makes them poor.
    """
    evidence = _Evidence(result, performance, trials or Trials())
    found = tuple(sorted(_reasons(evidence), key=lambda reason: reason.level != "bad"))
    if not found:
        return Verdict(level="good", line=f"Good: {_praise(evidence)}.", reasons=())
    level: Level = "bad" if any(reason.level == "bad" for reason in found) else "doubtful"
    return Verdict(
        level=level, line=f"{level.capitalize()}: {'; '.join(each.text for each in found)}.", reasons=found
    )


def _reasons(evidence: _Evidence) -> Iterator[Reason]:
    for rule in RULES:
        reason = rule(evidence)
        if reason is not None:
            yield reason


def _praise(evidence: _Evidence) -> str:
    figures = evidence.performance
    over = f"{figures.trades} trades, {_percent(figures.total_return)} after costs"
    if evidence.trials.deflated is not None:
        over += f", significant after {_counted(evidence.trials.count, 'trial')}"
    return f"{over}, against {_percent(figures.benchmark_return)} of buying and holding; no forecast"


def _bad_data(evidence: _Evidence) -> Reason | None:
    findings = [
        finding
        for dataset in evidence.result.datasets
        for finding in dataset.findings
        if finding.kind != NOT_COVERED  # which has its own rule
    ]
    for severity, level in SEVERITIES:
        kinds = [finding.kind for finding in findings if finding.severity == severity]
        if kinds:
            named = ", ".join(kind.replace("_", " ") for kind in dict.fromkeys(kinds))
            return Reason(level, "data", f"the data has {_counted(len(kinds), severity)} ({named})")
    return None


def _halted(evidence: _Evidence) -> Reason | None:
    if not evidence.result.halt_reason:
        return None
    return Reason("bad", "halt", f"the risk halt ended it: {evidence.result.halt_reason.rstrip('.')}")


def _ruined(evidence: _Evidence) -> Reason | None:
    equity = evidence.result.curve.equity_atoms
    if int(equity.min()) > 0:
        return None
    at_ns = int(evidence.result.curve.times_ns[int(np.argmax(equity <= 0))])
    return Reason("bad", "ruin", f"the account was ruined: nothing was left of it on {_day(at_ns)}")


def _unfunded(evidence: _Evidence) -> Reason | None:
    """Only where it had to be paid: venues settle funding every eight hours, if not more often."""
    result = evidence.result
    first_ns, last_ns = (int(result.curve.times_ns[row]) for row in (0, -1))
    if not result.fills or first_ns // USUAL_NS == last_ns // USUAL_NS:
        return None
    unpaid = [
        f"no funding is paid on {each}" for each in unfunded(result.instruments.values(), result.datasets)
    ]
    partly = [
        finding.detail
        for data in result.datasets
        for finding in data.findings
        if finding.kind == NOT_COVERED and finding.severity == "warning"
    ]
    return Reason("doubtful", "funding", ", ".join((*unpaid, *partly))) if unpaid or partly else None


def _short(evidence: _Evidence) -> Reason | None:
    years = years_of(evidence.result.curve)
    if years >= SHORTEST_YEAR_SHARE:
        return None
    return Reason("doubtful", "time", f"only {span(round(years * YEAR_NS))} of data")


def _few_trades(evidence: _Evidence) -> Reason | None:
    trades = evidence.performance.trades
    if not evidence.result.fills:
        why = evidence.result.idle_reason
        return Reason("bad", "trades", f"nothing was traded: {why}" if why else "nothing was traded")
    if trades >= ENOUGH_TRADES:
        return None
    return Reason("bad", "trades", f"too few trades ({trades}; {ENOUGH_TRADES} needed)")


def _overfit(evidence: _Evidence) -> Reason | None:
    inside, outside = evidence.trials.in_sample_sharpe, evidence.trials.out_of_sample_sharpe
    if inside is None or outside is None or inside <= 0 or outside >= OVERFIT_SHARE * inside:
        return None
    return Reason(
        "bad", "degradation", f"Sharpe in-sample {inside:.1f} → out-of-sample {outside:.1f}: likely overfit"
    )


def _chosen_by_chance(evidence: _Evidence) -> Reason | None:
    probability = evidence.trials.overfitting
    if probability is None or probability < LIKELY_OVERFIT:
        return None
    return Reason(
        "bad",
        "overfitting",
        f"the best in sample was below the median out of sample {_percent(probability)} of the time",
    )


def _insignificant(evidence: _Evidence) -> Reason | None:
    deflated, count = evidence.trials.deflated, evidence.trials.count
    if deflated is not None:
        if deflated >= CONFIDENCE:
            return None
        return Reason(
            "doubtful",
            "significance",
            f"Deflated Sharpe {deflated:.2f} after {_counted(count, 'trial')}: not significant",
        )
    figures = evidence.performance
    skill, needed = figures.skill_probability, figures.track_record_periods
    if skill is None or skill >= CONFIDENCE or needed is None:  # without a positive Sharpe other rules speak
        return None
    return Reason(
        "doubtful",
        "significance",
        f"skill only {_percent(skill)} likely after {figures.periods} {_periods(figures.period_ns)} "
        f"({needed} needed)",
    )


def _the_markets(evidence: _Evidence) -> Reason | None:
    skill, own = evidence.performance.skill_probability, evidence.performance.alpha_probability
    if skill is None or own is None or skill < CONFIDENCE or own >= CONFIDENCE:
        return None  # without significance at all that is said already
    return Reason("doubtful", "market", f"skill beside the market's own rise only {_percent(own)} likely")


def _lost(evidence: _Evidence) -> Reason | None:
    figures = evidence.performance
    if figures.net_atoms > 0 or not evidence.result.fills:
        return None
    if figures.gross_atoms > 0:
        costs = (figures.fees_atoms + figures.funding_atoms) / figures.gross_atoms
        what = "fees and funding" if figures.funding_atoms else "fees"
        return Reason("bad", "loss", f"{what} eat {_percent(costs)} of gross profit: all of it")
    lost = f"it lost {_percent(-figures.total_return)}" if figures.net_atoms else "it earned nothing"
    return Reason("bad", "loss", lost)


def _costly(evidence: _Evidence) -> Reason | None:
    share = evidence.performance.fee_share
    if share is None or share < MUCH_IN_FEES or evidence.performance.net_atoms <= 0:
        return None
    level: Level = "bad" if share >= TOO_MUCH_IN_FEES else "doubtful"
    return Reason(level, "fees", f"fees eat {_percent(share)} of gross profit")


def _no_better(evidence: _Evidence) -> Reason | None:
    figures = evidence.performance
    if figures.excess_return > 0 or not evidence.result.fills:
        return None
    both = f"{_percent(figures.total_return)} against {_percent(figures.benchmark_return)}"
    own, held = figures.sharpe, figures.benchmark_sharpe
    if figures.net_atoms > 0 and own is not None and held is not None and own > held:
        return Reason("doubtful", "benchmark", f"it earned less than buy and hold ({both}), at less risk")
    return Reason("doubtful", "benchmark", f"no better than buy and hold ({both})")


RULES: Final[tuple[Rule, ...]] = (
    _ruined,
    _bad_data,
    _unfunded,
    _halted,
    _short,
    _few_trades,
    _overfit,
    _chosen_by_chance,
    _insignificant,
    _the_markets,
    _lost,
    _costly,
    _no_better,
)


def _percent(share: float) -> str:
    digits = 0 if abs(share) >= 0.1 else 1  # noqa: PLR2004  small shares need a decimal
    return f"{100.0 * share:.{digits}f} %"


def _day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, tz=UTC):%Y-%m-%d}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _periods(period_ns: int) -> str:
    return {86_400_000_000_000: "days", 3_600_000_000_000: "hours", 60_000_000_000: "minutes"}.get(
        period_ns, "periods"
    )

import msgspec
import numpy as np
import pytest
from tests.backtesting.statistics.made_results import curve_of, fill, result_of

from openoutcry.backtesting.result import Finding
from openoutcry.backtesting.statistics.overfitting import selection_of
from openoutcry.backtesting.statistics.performance import performance_of
from openoutcry.backtesting.statistics.returns import DAY_NS, HOUR_NS
from openoutcry.backtesting.statistics.verdict import RULES, Trials, judge
from openoutcry.domain.units import ATOMS_PER_UNIT, NS_PER_S

RISING = 100 * np.cumprod(1.0 + np.random.default_rng(5).normal(0.004, 0.01, 300))
FLAT = [100.0] * 300


def trades(count, fee_atoms=0):
    sides = ("buy", "sell")
    return [
        fill(n, sides[n % 2], 6_000_000 + 100 * (n % 2), 10, fee_atoms=fee_atoms) for n in range(2 * count)
    ]


def judged(curve=None, count=40, trials=None, **settings):
    result = result_of(curve_of(RISING, held=FLAT) if curve is None else curve, trades(count), **settings)
    return judge(result, performance_of(result), trials)


def rules(verdict):
    return [reason.rule for reason in verdict.reasons]


def finding(severity, count):
    return Finding(severity=severity, kind="gap", count=count, row=7, detail="", remedy="")


def test_a_good_result_is_called_so_with_its_figures():
    verdict = judged()
    assert (verdict.level, verdict.reasons) == ("good", ())
    assert verdict.line.startswith("Good: 40 trades, ")
    assert verdict.line.endswith("against 0.0 % of buying and holding; no forecast.")


def test_too_few_trades():
    verdict = judged(count=12)
    assert verdict.line == "Bad: too few trades (12; 30 needed)."
    assert judged(count=30).level == "good"


def test_nothing_traded_says_only_that():
    verdict = judged(curve_of(FLAT, positions=[0] * 300), count=0)
    assert verdict.line == "Bad: nothing was traded."


def test_out_of_sample_far_below_in_sample():
    verdict = judged(trials=Trials(in_sample_sharpe=1.9, out_of_sample_sharpe=0.3))
    assert verdict.line == "Bad: Sharpe in-sample 1.9 → out-of-sample 0.3: likely overfit."
    assert judged(trials=Trials(in_sample_sharpe=1.9, out_of_sample_sharpe=0.95)).level == "good"


def test_fees_that_eat_the_profit():
    profit = round((RISING[-1] - 100) * ATOMS_PER_UNIT)
    verdict = judged(fees_atoms=4 * profit)
    assert verdict.line == "Bad: fees eat 80 % of gross profit."
    assert judged(fees_atoms=2 * profit).level == "doubtful"
    assert judged(fees_atoms=profit // 2).level == "good"


def test_costs_that_eat_more_than_all_of_it():
    losing = curve_of(10_000 / RISING, held=[100 - n * 0.3 for n in range(300)])
    cost = 200 * ATOMS_PER_UNIT
    share = cost / (cost + round(1_000_000_000_000 / RISING[-1]) - 100 * ATOMS_PER_UNIT)
    told = f"fees eat {100 * share:.0f} % of gross profit: all of it"
    assert told in judged(losing, fees_atoms=cost).line
    assert judged(losing).reasons[-1].text.startswith("it lost ")


def test_no_better_than_buy_and_hold():
    verdict = judged(curve_of(RISING))
    assert rules(verdict) == ["benchmark"]
    assert verdict.line.startswith("Doubtful: no better than buy and hold (")
    wild = 100 * np.cumprod(1.0 + np.random.default_rng(6).normal(0.01, 0.08, 300))
    calmer = judged(curve_of(RISING, held=np.maximum(wild, 1) / wild[-1] * RISING[-1] * 1.2))
    assert calmer.line.endswith("at less risk.")


def test_what_is_only_the_markets():
    held = 100 * np.cumprod(1.0 + np.diff(np.log(RISING), prepend=np.log(100)))
    noise = np.random.default_rng(8).normal(0.0, 0.002, 300)
    leveraged = 100 * np.cumprod(1.0 + 2.0 * (held / np.append(100, held[:-1]) - 1.0) + noise - noise.mean())
    verdict = judged(curve_of(leveraged, held=held))
    assert rules(verdict) == ["market"]
    assert verdict.line.startswith("Doubtful: skill beside the market's own rise only ")


@pytest.mark.parametrize(
    ("step_ns", "told"), [(NS_PER_S, "5 minutes"), (HOUR_NS, "12 days"), (DAY_NS // 10, "30 days")]
)
def test_short_data_is_said_to_be_so(step_ns, told):
    texts = [each.text for each in judged(curve_of(RISING, held=FLAT, step_ns=step_ns)).reasons]
    assert (f"only {told} of data" in texts) == (told != "30 days")
    still = judged(curve_of(FLAT, positions=[0] * 300, step_ns=step_ns), count=0)
    assert (f"only {told} of data" in still.line) == (told != "30 days")


def test_the_risk_halt():
    verdict = judged(halt_reason="the day's loss passed 5 % on 2024-08-09")
    assert verdict.line == "Bad: the risk halt ended it: the day's loss passed 5 % on 2024-08-09."


def test_bad_data():
    assert (
        judged(findings=[finding("error", 3), finding("warning", 9)]).line
        == "Bad: the data has 1 error (gap)."
    )
    two = [finding("warning", 2_823), msgspec.structs.replace(finding("warning", 1), kind="zero_volume")]
    assert judged(findings=two).line == "Doubtful: the data has 2 warnings (gap, zero volume)."
    assert judged(findings=[finding("warning", 9)]).level == "doubtful"
    assert judged(findings=[finding("note", 9)]).level == "good"


def test_a_deflated_sharpe_that_is_not_significant():
    verdict = judged(trials=Trials(count=200, deflated=0.43))
    assert verdict.line == "Doubtful: Deflated Sharpe 0.43 after 200 trials: not significant."
    assert judged(trials=Trials(count=200, deflated=0.951)).level == "good"


def test_a_single_try_needs_its_track_record():
    noise = np.random.default_rng(1).normal(0.0, 0.03, 70)
    short = curve_of(100 * np.cumprod(1.004 + noise - noise.mean()), held=FLAT[:70])
    verdict = judged(short)
    figures = performance_of(result_of(short))
    assert rules(verdict) == ["significance"]
    assert verdict.reasons[0].text.endswith(f"after 70 days ({figures.track_record_periods} needed)")
    assert figures.track_record_periods > 70


def test_a_choice_by_chance():
    assert rules(judged(trials=Trials(overfitting=0.62))) == ["overfitting"]


def test_a_lost_account():
    verdict = judged(curve_of([100, -50] + [-50] * 60))
    assert verdict.reasons[0].text == "the account was ruined: nothing was left of it on 2024-08-11"


def test_a_selection_gives_its_evidence():
    matrix = np.random.default_rng(3).normal(0, 0.01, (200, 20))
    selection = selection_of(matrix, trials=500)
    trials = Trials.of(selection, 2.0, 0.1)
    assert (trials.count, trials.deflated) == (500, selection.deflated)
    assert trials.overfitting == selection.overfitting.probability
    assert "degradation" in rules(judged(trials=trials))


def test_the_order_is_that_of_importance_whatever_else_is_wrong():
    everything = judged(
        curve_of([*(10_000 / RISING)[:-1], -1.0], held=FLAT),
        count=3,
        trials=Trials(
            count=200, in_sample_sharpe=2.0, out_of_sample_sharpe=-1.0, deflated=0.1, overfitting=0.9
        ),
        halt_reason="loss",
        findings=[finding("error", 1)],
    )
    assert rules(everything) == [
        "ruin",
        "data",
        "halt",
        "trades",
        "degradation",
        "overfitting",
        "loss",
        "significance",
        "benchmark",
    ]
    assert everything.level == "bad"
    assert len(RULES) == len(set(RULES))


@pytest.mark.parametrize("count", [0, 5, 40])
def test_a_verdict_goes_to_json_and_back(count):
    verdict = judged(count=count)
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=type(verdict)) == verdict

"""What one base makes of Thespian's tests, held against what another makes of them."""

from collections import Counter

from suite_run import FAILED, PASSED, SKIPPED

SHOWN_MAX = 5
WHY_SHOWN_CHARS = 3000


def passed(outcomes):
    return {test for test, (outcome, _) in outcomes.items() if outcome == PASSED}


def worse_than(stock, ours):
    """The tests that pass on the stock base and not on ours; skipped is not passed, nor is missing."""
    return sorted(passed(stock) - passed(ours))


def explained(worse, ours):
    """All names, and what the first of them said."""
    shown = [(test, *ours.get(test, (FAILED, "it was not found"))) for test in worse[:SHOWN_MAX]]
    reasons = [f"--- {test}: {outcome}\n{why[-WHY_SHOWN_CHARS:]}" for test, outcome, why in shown]
    return "\n".join([f"{len(worse)} tests pass on the stock base and not on ours:", *worse, *reasons])


def summary(name, outcomes):
    counts = Counter(outcome for outcome, _ in outcomes.values())
    return f"{name} {counts[PASSED]}/{counts[PASSED] + counts[FAILED]} ({counts[SKIPPED]} skipped)"

"""The results as rows for programs and as a Markdown table."""

from collections.abc import Iterable

from benches.core.rounds import OURS, Result

HEAD = ("work", "ours", "peers: time (ratio)", "reach", "met")


def rows(results: Iterable[Result]) -> list[dict]:
    return [
        {
            "work": each.work.name,
            "ours_ns": round(each.timings[OURS].least_ns, 3) if OURS in each.timings else None,
            "reach_ns": each.work.reach_ns,
            "peers": {
                name: round(timing.least_ns, 3) for name, timing in each.timings.items() if name != OURS
            },
        }
        for each in results
    ]


def nanoseconds(value: float) -> str:
    """Three digits and a unit that suits."""
    scaled, unit = (value / 1_000, "µs") if value >= 1_000 else (value, "ns")
    digits = max(0, 3 - len(str(int(scaled))))
    return f"{scaled:,.{digits}f} {unit}"


def markdown(results: Iterable[Result], heading: str) -> str:
    lines = [heading, "", _line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(each)) for each in results]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: Result) -> list[str]:
    work = result.work
    ours = result.timings.get(OURS)
    measured = f"not measured: {result.missing.get(OURS)}"
    if ours:
        measured = f"{nanoseconds(ours.least_ns)} (median {nanoseconds(ours.median_ns)})"
    met = ("yes" if ours.least_ns <= work.reach_ns else "no") if ours else "-"
    title = f"{work.title}, per {work.unit}"
    return [title, measured, "<br>".join(_peers(result)), f"≤ {nanoseconds(work.reach_ns)}", met]


def _peers(result: Result) -> Iterable[str]:
    ours = result.timings.get(OURS)
    for name, timing in result.timings.items():
        if name != OURS:
            ratio = f" ({timing.least_ns / ours.least_ns:,.1f}×)" if ours else ""
            yield f"{name} {nanoseconds(timing.least_ns)}{ratio}"
    for name, reason in result.missing.items():
        if name != OURS:
            yield f"{name}: {reason}"

"""The results as rows for programs and as a Markdown table."""

from collections.abc import Iterable

from benches.rounds import OURS, Result

HEAD = ("work", "ours", "peers: time (ratio)", "reach", "met")


def rows(results: Iterable[Result]) -> list[dict]:
    return [_row(each) for each in results]


def _row(result: Result) -> dict:
    measure, timings = result.work.measure, result.timings
    remarks = {name: timing.remark for name, timing in timings.items() if timing.remark}
    return {
        "work": result.work.name,
        f"ours_{measure}": round(timings[OURS].least, 3) if OURS in timings else None,
        f"reach_{measure}": result.work.reach,
        "peers": {name: round(timing.least, 3) for name, timing in timings.items() if name != OURS},
        **({"remarks": remarks} if remarks else {}),
    }


def nanoseconds(value: float) -> str:
    """Three digits and a unit that suits."""
    return _scaled(value, 1_000, ("ns", "µs", "ms", "s"))


def size(value: float) -> str:
    """As above, in bytes."""
    return _scaled(value, 1_000, ("B", "kB", "MB", "GB"))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    power = 0
    while value >= step and power < len(units) - 1:
        value, power = value / step, power + 1
    digits = max(0, 3 - len(str(int(value))))
    return f"{value:,.{digits}f} {units[power]}"


SHOWN = {"ns": nanoseconds, "bytes": size}


def markdown(results: Iterable[Result], heading: str) -> str:
    lines = [heading, "", _line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(each)) for each in results]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(result: Result) -> list[str]:
    work, show = result.work, SHOWN[result.work.measure]
    ours, reach = result.timings.get(OURS), work.reach
    measured = f"not measured: {result.missing.get(OURS)}"
    if ours:
        median = f"median {show(ours.median)}"
        measured = f"{show(ours.least)} ({f'{median}; {ours.remark}' if ours.remark else median})"
    met = ("yes" if ours.least <= reach else "no") if ours and reach else "-"
    title = f"{work.title}, per {work.unit}" if work.unit else work.title
    return [title, measured, "<br>".join(_peers(result)), f"≤ {show(reach)}" if reach else "-", met]


def _peers(result: Result) -> Iterable[str]:
    ours, show = result.timings.get(OURS), SHOWN[result.work.measure]
    for name, timing in result.timings.items():
        if name != OURS:
            ratio = [f"{timing.least / ours.least:,.1f}×"] if ours else []
            beside = "; ".join(ratio + ([timing.remark] if timing.remark else []))
            yield f"{name} {show(timing.least)}{f' ({beside})' if beside else ''}"
    for name, reason in result.missing.items():
        if name != OURS:
            yield f"{name}: {reason}"

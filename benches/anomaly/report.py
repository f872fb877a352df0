"""The judge's report as Markdown tables, each figure with the count that it rests on."""

from collections.abc import Iterable

from benches.anomaly.panels import PANEL
from benches.anomaly.patterns import INTENSITIES

NOTHING = "-"
HOURS_PER_WEEK = 168
MS_PER_MINUTE = 60_000


def markdown(report: dict) -> str:
    """The whole report."""
    parts = [
        injected(report["injected"], report["tolerance_s"]),
        detectors(report["injected"]["detectors"]),
        as_recorded(report["as_recorded"], report["merge_s"]),
        of_candles(report["candles"]),
        of_pumps(report["pumps"]),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def share(row: dict, name: str = "recall") -> str:
    """A share with its interval, in per cent."""
    if row[name] is None:
        return NOTHING
    low, high = row[f"{name}_95"]
    return f"{100 * row[name]:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def delay(row: dict) -> str:
    """Median and 90th percentile, in milliseconds."""
    if row["delay_ms_median"] is None:
        return NOTHING
    return f"{row['delay_ms_median']:,} / {row['delay_ms_p90']:,}"


def rate(row: dict) -> str:
    """False disturbances an hour with their interval, and the count."""
    if row["false_episodes_per_hour"] is None:
        return NOTHING
    low, high = row["false_episodes_per_hour_95"]
    return f"{row['false_episodes_per_hour']:.2f} ({low:.2f} to {high:.2f}; n = {row['false_episodes']})"


def injected(part: dict, tolerance_s: float) -> str:
    """What the panel saw of the injected patterns."""
    panel, control = part["detectors"][PANEL], part["control"]
    rows = []
    for kind, seen in panel["kinds"].items():
        for intensity in (each for each in INTENSITIES if each in seen):
            row = seen[intensity]
            by_chance = control["kinds"][kind][intensity]["recall"]
            rows.append([kind, intensity, str(row["n"]), share(row), f"{100 * by_chance:.0f} %", delay(row)])
    total = panel["total"]
    first, last = part["seeds"]
    text = (
        f"Injected patterns, seeds {first} to {last}; {part['cut_short']} that the recorded market cut short "
        f"are left out. Seen: an alarm from a pattern's begin to {tolerance_s:g} s after its end. By chance: "
        "an alarm at the same time in the same recording without the pattern. Whole panel: "
        f"recall {share(total)}, by chance {share(control['total'])}, precision {share(total, 'precision')}, "
        f"n = {total['n']}; {total['repeats']} repeated alarms; false disturbances an hour {rate(total)} in "
        f"{total['clean_hours']} h between the patterns. In brackets 95 % intervals. The delay counts from "
        "the first act, in the venue's time."
    )
    head = ["pattern", "intensity", "n", "recall", "by chance", "delay ms, median / p90"]
    return f"{text}\n\n{table(head, rows)}"


def detectors(scores: dict[str, dict]) -> str:
    """What each detector saw of each kind."""
    kinds = sorted({kind for score in scores.values() for kind in score["kinds"]})
    rows = []
    for name, score in scores.items():
        seen = [score["kinds"][kind]["all"] for kind in kinds]
        total = score["total"]
        rows.append(
            [
                name,
                *(f"{100 * each['recall']:.0f} %" if each["n"] else NOTHING for each in seen),
                share(total, "precision"),
                delay(total),
                rate(total),
            ]
        )
    counts = [next(iter(scores.values()))["kinds"][kind]["all"]["n"] for kind in kinds]
    head = [f"{kind} (n = {count})" for kind, count in zip(kinds, counts, strict=True)]
    head = ["alarms naming", *head, "precision", "delay ms, median / p90", "false an hour"]
    return f"By the cause that an alarm names; recall of each pattern:\n\n{table(head, rows)}"


def as_recorded(part: dict, merge_s: float) -> str:
    """False alarms on the recordings as they are."""
    rows = [
        [name, str(score["total"]["false_alarms"]), rate(score["total"])]
        for name, score in part["detectors"].items()
    ]
    hours = part["detectors"][PANEL]["total"]["clean_hours"]
    streams = ", ".join(f"{name} {stream['seconds']:.0f} s" for name, stream in part["streams"].items())
    text = (
        f"The recordings as they are ({streams}: {hours} h), every alarm counted as false, although nobody "
        f"knows that; those within {merge_s:g} s of each other are one disturbance."
    )
    return f"{text}\n\n{table(['alarms naming', 'alarms', 'disturbances an hour'], rows)}"


def of_candles(part: dict) -> str:
    """Crash windows against weeks without an event."""
    if "skipped" in part:
        return f"Candles: not judged, {part['skipped']}."
    rows = []
    for threshold, parts in part["thresholds"].items():
        for interval, scores in parts["crashes"].items():
            crash = scores[PANEL]["total"]
            median_ms = crash["delay_ms_median"]
            rows.append(
                [
                    interval,
                    threshold,
                    f"{crash['hits']} of {crash['n']}, {share(crash)}",
                    NOTHING if median_ms is None else f"{median_ms / MS_PER_MINUTE:.0f}",
                    *(per_week(parts[each].get(interval)) for each in ("calm", "other")),
                ]
            )
    text = (
        f"Log returns of closes in {len(part['files'])} files, window {part['window']}: crash windows "
        "against weeks that lie a day or more from each of them. A week is calm if its largest move is below "
        "the median of these weeks of its instrument; the others hold moves that may well be events which "
        "nobody listed. The delay counts from the window's begin, which may lie well before the move. One "
        "event on several venues and coins is several windows, which are not independent of each other."
    )
    head = ["candles", "threshold", "crash windows seen", "delay min, median"]
    return f"{text}\n\n{table([*head, 'calm weeks: false a week', 'other weeks'], rows)}"


def per_week(scores: dict[str, dict] | None) -> str:
    """The panel's disturbances a week, with the number of weeks."""
    if not scores:
        return NOTHING
    row = scores[PANEL]["total"]
    weeks = row["clean_hours"] / HOURS_PER_WEEK
    return f"{row['false_episodes'] / weeks:.2f} (n = {row['false_episodes']} in {weeks:.0f} weeks)"


def of_pumps(part: dict) -> str:
    """Announced pumps, if there is anything to judge them by."""
    if "skipped" in part:
        return f"Announced pumps: {part['announced']}, not judged, {part['skipped']}."
    covered = part["with_candles"]
    return f"Announced pumps: {part['announced']}, of which {covered} lie within the candles at hand."

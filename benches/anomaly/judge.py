"""Judges the anomaly panel: `python -m benches.anomaly.judge` from the project's root.

Three questions: does it see crashes on candles and keep quiet in calm weeks; how often does it raise an alarm
on six recorded minutes in which nobody injected anything; what does it see of labelled patterns that a seeded
injector wrote into them, and when. Parameters are tuned on the train seeds and the candles of one venue
(`--train`), the table is made by the judge seeds and the other candles.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import click
from benches.anomaly import candles as candle_files
from benches.anomaly.injector import JUDGE_SEEDS, TRAIN_SEEDS, Label, Source
from benches.anomaly.panels import PANEL, by_detector, feed_alarms, series_alarms
from benches.anomaly.recording import INSTRUMENTS, NS_PER_S, Instrument
from benches.anomaly.report import markdown
from benches.anomaly.scoring import Alarm, Score, Span
from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benches" / "results"
SHARED_DATA = ROOT.parent / "shared" / "data"
# An alarm so long after a pattern's end still belongs to it: who judges bars of a second needs their ends.
TOLERANCE_NS = 3 * NS_PER_S
# False alarms closer together than this are one disturbance.
MERGE_NS = 10 * NS_PER_S
# On candles: two bars of tolerance, and what comes within an hour is one disturbance.
TOLERANCE_BARS = 2
CANDLE_MERGE_NS = 3_600 * NS_PER_S
# Three points of the trade between crashes seen and false alarms; the window was chosen on the candles of
# one venue, the table is made by the others. A disturbance is not told again within the hour.
CANDLE_THRESHOLDS = (6.0, 10.0, 20.0)
CANDLE_WINDOW = 1_000
TRAIN_VENUE = "okx-swap"
PARTS = ("crashes", "calm", "other")
DEFAULT_SEEDS = 20

Progress = Callable[[list, str], Iterator]


@dataclass(slots=True)
class Scores:
    """A score for the panel and for every detector that ever spoke."""

    tolerance_ns: int
    merge_ns: int
    streams: list[tuple[dict[str, list[Alarm]], list[Span], int, int]] = field(default_factory=list)

    def add(self, alarms: list[Alarm], spans: list[Span], begin_ns: int, end_ns: int) -> None:
        """Take one stream."""
        self.streams.append((by_detector(alarms), spans, begin_ns, end_ns))

    def finish(self) -> dict[str, Score]:
        """A detector that was silent in a stream has missed what was there, and was quiet in the rest."""
        names = {name for alarms, *_ in self.streams for name in alarms} | {PANEL}
        found = {}
        for name in sorted(names, key=lambda one: (one != PANEL, one)):
            found[name] = Score(self.tolerance_ns, self.merge_ns)
            for alarms, spans, begin_ns, end_ns in self.streams:
                found[name].add(alarms.get(name, []), spans, begin_ns, end_ns)
        return found


def rows(scores: Scores) -> dict[str, dict]:
    """For the report: each detector's totals, and what it saw of each kind and intensity."""
    return {
        name: {
            "total": score.as_row(),
            "kinds": {
                kind: {
                    "all": score.of_kind(kind).as_row(),
                    **{
                        intensity: score.of_kind(kind, intensity).as_row()
                        for one, intensity in sorted(score.by_kind)
                        if one == kind
                    },
                }
                for kind in sorted({kind for kind, _ in score.by_kind})
            },
        }
        for name, score in scores.finish().items()
    }


def span_of(label: Label) -> Span:
    """A label without what only the injector knows."""
    return Span(label.kind, label.intensity, label.begin_ns, label.end_ns)


class Streams:
    """The recordings, each read, measured and replayed once."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._sources: dict[str, Source] = {}
        self._replays: dict[str, tuple[list[Alarm], int, int]] = {}

    def source(self, instrument: Instrument) -> Source:
        """What patterns are injected into."""
        if instrument.name not in self._sources:
            lines = instrument.lines(self.data / "binance_l2_2024")
            self._sources[instrument.name] = Source(instrument, lines)
        return self._sources[instrument.name]

    def as_recorded(self, instrument: Instrument) -> tuple[list[Alarm], int, int]:
        """The alarms without any pattern, and the first and last venue time."""
        if instrument.name not in self._replays:
            self._replays[instrument.name] = feed_alarms(instrument, self.source(instrument).lines)
        return self._replays[instrument.name]


def judge_negatives(streams: Streams, progress: Progress) -> dict:
    """Alarms on the recordings as they are."""
    scores = Scores(TOLERANCE_NS, MERGE_NS)
    told = {}
    for instrument in progress(list(INSTRUMENTS), "as recorded"):
        alarms, begin_ns, end_ns = streams.as_recorded(instrument)
        scores.add(alarms, [], begin_ns, end_ns)
        told[instrument.name] = {
            "seconds": round((end_ns - begin_ns) / NS_PER_S, 1),
            "alarms": {name: len(found) for name, found in sorted(by_detector(alarms).items())},
        }
    return {"detectors": rows(scores), "streams": told}


def judge_injected(streams: Streams, seeds: range, progress: Progress) -> dict:
    """Alarms on the recordings with injected patterns."""
    scores, control = Scores(TOLERANCE_NS, MERGE_NS), Scores(TOLERANCE_NS, MERGE_NS)
    cut_short = 0
    work = [(instrument, seed) for instrument in INSTRUMENTS for seed in seeds]
    for instrument, seed in progress(work, "with patterns"):
        source = streams.source(instrument)
        lines, labels = source.inject(source.plan(seed))
        alarms, begin_ns, end_ns = feed_alarms(instrument, lines)
        whole = [span_of(label) for label in labels if label.is_whole]
        # A pattern that was cut short is not missed, nor are alarms about it false: it is left out.
        cut = [span_of(label) for label in labels if not label.is_whole]
        cut_short += len(cut)
        scores.add([one for one in alarms if not is_near(one, cut)], whole, begin_ns, end_ns)
        control.add(streams.as_recorded(instrument)[0], whole, begin_ns, end_ns)
    return {
        "detectors": rows(scores),
        "control": rows(control)[PANEL],
        "seeds": [seeds[0], seeds[-1]],
        "cut_short": cut_short,
    }


def is_near(alarm: Alarm, spans: list[Span]) -> bool:
    """The alarm may be about one of these."""
    return any(span.begin_ns <= alarm.known_ns <= span.end_ns + TOLERANCE_NS for span in spans)


def judge_candles(data: Path, progress: Progress, *, train: bool) -> dict:
    """Alarms on candles: crash windows, calm weeks, all other weeks without an event."""
    if find_spec("pyarrow") is None:
        return {"skipped": "pyarrow is not installed; it is in the group `bench`"}
    paths = [path for path in candle_paths(data) if path.name.startswith(TRAIN_VENUE) == train]
    found: dict[float, dict[str, dict[str, Scores]]] = {
        threshold: {name: {} for name in PARTS} for threshold in CANDLE_THRESHOLDS
    }
    for path in progress(paths, "candles"):
        candles = candle_files.read_candles(path)
        events = candle_files.crash_windows(data / "episodes" / "events_measured.csv", candles)
        times, returns = candles.log_returns()
        for threshold, parts in found.items():
            silence = CANDLE_MERGE_NS // candle_files.INTERVAL_NS[candles.interval]
            alarms = series_alarms(
                times, returns, window=CANDLE_WINDOW, threshold=threshold, suppression=silence
            )
            sort_out(candles, events, alarms, parts)
    return {
        "files": [path.stem for path in paths],
        "window": CANDLE_WINDOW,
        "thresholds": {
            f"{threshold:g}": {
                part: {interval: rows(scores) for interval, scores in of_part.items()}
                for part, of_part in parts.items()
            }
            for threshold, parts in found.items()
        },
    }


def sort_out(
    candles: candle_files.Candles,
    events: list[Span],
    alarms: list[Alarm],
    parts: dict[str, dict[str, Scores]],
) -> None:
    """Score one instrument's alarms in its crash windows, calm weeks and other weeks."""
    tolerance_ns = TOLERANCE_BARS * candle_files.INTERVAL_NS[candles.interval]

    def part(name: str) -> Scores:
        return parts[name].setdefault(candles.interval, Scores(tolerance_ns, CANDLE_MERGE_NS))

    for event in events:
        part("crashes").add(alarms, [event], event.begin_ns, event.end_ns + tolerance_ns)
    for week in candle_files.quiet_weeks(candles, events):
        part("calm" if week.is_calm else "other").add(alarms, [], week.begin_ns, week.end_ns)


def candle_paths(data: Path) -> list[Path]:
    """The files of candles; others beside them are of funding."""
    return sorted(path for path in (data / "candles").glob("*.parquet") if "funding" not in path.name)


def judge_pumps(data: Path) -> dict:
    """Which announced pumps there are candles for."""
    pumps = candle_files.announced_pumps(data / "episodes" / "lamorgia_pump_telegram.csv")
    if find_spec("pyarrow") is None:
        return {"announced": len(pumps), "skipped": "pyarrow is not installed; it is in the group `bench`"}
    files = [candle_files.read_candles(path) for path in candle_paths(data)]
    covered = sum(any(candle_files.covers(each, *pump) for each in files) for pump in pumps)
    return {"announced": len(pumps), "with_candles": covered}


def judge(data: Path, count: int, progress: Progress, *, train: bool) -> dict:
    """Everything, as one report, from so many seeds."""
    seeds = (TRAIN_SEEDS if train else JUDGE_SEEDS)[:count]
    streams = Streams(data)
    return {
        "tolerance_s": TOLERANCE_NS / NS_PER_S,
        "merge_s": MERGE_NS / NS_PER_S,
        "injected": judge_injected(streams, seeds, progress),
        "as_recorded": judge_negatives(streams, progress),
        "candles": judge_candles(data, progress, train=train),
        "pumps": judge_pumps(data),
    }


def with_bar(work: list, what: str) -> Iterator:
    """The work, with a bar on stderr."""
    return track(work, what, console=Console(stderr=True))


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), default=SHARED_DATA, help="The recordings' folder.")
@click.option("--seeds", type=click.IntRange(1, len(JUDGE_SEEDS)), default=DEFAULT_SEEDS, show_default=True)
@click.option("--train", is_flag=True, help="Use what parameters are tuned on, and write no results.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def main(data: Path, seeds: int, *, train: bool, as_json: bool) -> None:
    """See the module."""
    if not (data / "binance_l2_2024").is_dir():
        raise click.ClickException(f"no recordings in {data}; say where they are with --data")
    report = judge(data, seeds, with_bar, train=train)
    as_text, table = json.dumps(report, indent=1) + "\n", markdown(report)
    if not train:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "anomaly.json").write_text(as_text)
        (RESULTS / "anomaly.md").write_text(table)
    click.echo(as_text if as_json else table, nl=False)


if __name__ == "__main__":
    main()

import json
from pathlib import Path

import pytest
from benches.anomaly import judge as judging
from benches.anomaly.candles import DAY_NS, FIRST_MONDAY_NS, WEEK_NS, Candles, crash_windows, quiet_weeks
from benches.anomaly.injector import Source
from benches.anomaly.panels import PANEL, by_detector, feed_alarms
from benches.anomaly.recording import INSTRUMENTS, NS_PER_S
from benches.anomaly.report import markdown
from benches.anomaly.scoring import Alarm, Span
from click.testing import CliRunner
from tests.benches.test_injector import SYNTHETIC, synthetic_lines

RECORDINGS = Path(__file__).parents[3] / "shared" / "data" / "binance_l2_2024"
STEP_NS = 300 * NS_PER_S


class SyntheticStreams(judging.Streams):
    def __init__(self):
        super().__init__(Path("nowhere"))
        self._sources[SYNTHETIC.name] = Source(SYNTHETIC, synthetic_lines(seconds=110))


def in_silence(work, _what):
    return iter(work)


def candles_of(closes, first_ns=FIRST_MONDAY_NS):
    times = [first_ns + (index + 1) * STEP_NS for index in range(len(closes))]
    return Candles("binance-spot", "BTCUSDT", "5m", times, closes)


def weeks_of_candles(moves):
    """One week for each move: quiet but for that move, in per mille, on its second day."""
    closes = [100_000]
    for move in moves:
        for index in range(WEEK_NS // STEP_NS):
            jump = 1 + move / 1_000 if index == DAY_NS // STEP_NS else 1
            closes.append(round(closes[-1] * jump) + (-1) ** index)
    return candles_of(closes[1:])


def test_injected_patterns_are_scored_beside_the_recording_without_them(monkeypatch):
    monkeypatch.setattr(judging, "INSTRUMENTS", (SYNTHETIC,))
    streams = SyntheticStreams()
    injected = judging.judge_injected(streams, range(1, 4), in_silence)
    recorded = judging.judge_negatives(streams, in_silence)
    planned = sum(len(streams.source(SYNTHETIC).plan(seed)) for seed in range(1, 4))
    panel, control = injected["detectors"][PANEL]["total"], injected["control"]["total"]
    assert panel["n"] == control["n"] == planned - injected["cut_short"] > 0
    report = {
        "tolerance_s": 3,
        "merge_s": 10,
        "injected": injected,
        "as_recorded": recorded,
        "candles": {"skipped": "no candles in this test"},
        "pumps": {"announced": 3, "with_candles": 0},
    }
    text = markdown(report)
    assert "| panel |" in text
    assert "no candles in this test" in text
    assert json.loads(json.dumps(report)) == report


def test_the_panel_has_every_alarm_and_each_cause_its_own():
    alarms = [Alarm(1, "a"), Alarm(2, "b"), Alarm(3, "a")]
    assert by_detector(alarms) == {PANEL: alarms, "a": [alarms[0], alarms[2]], "b": [alarms[1]]}


@pytest.mark.data
def test_a_recording_is_replayed_to_its_end():
    if not RECORDINGS.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which is not beside this checkout")
    instrument = INSTRUMENTS[-1]
    alarms, begin_ns, end_ns = feed_alarms(instrument, instrument.lines(RECORDINGS)[:8_000])
    assert 10 * NS_PER_S < end_ns - begin_ns < 60 * NS_PER_S
    assert all(begin_ns <= alarm.known_ns <= end_ns for alarm in alarms)


def test_a_stream_with_a_gap_is_refused():
    lines = synthetic_lines(seconds=5)
    depth = next(index for index, line in enumerate(lines) if index > 100 and b"depthUpdate" in line)
    with pytest.raises(ValueError, match="gaps"):
        feed_alarms(SYNTHETIC, lines[:depth] + lines[depth + 1 :])


def test_returns_do_not_reach_over_a_hole():
    candles = candles_of([100, 110, 121])
    holed = Candles(*("x", "BTCUSDT", "5m"), [STEP_NS, 3 * STEP_NS, 4 * STEP_NS], [100, 110, 121])
    assert len(candles.log_returns()[1]) == 2
    assert holed.log_returns()[0] == [4 * STEP_NS]


def test_weeks_near_an_event_are_nobodys_and_the_quieter_half_is_calm():
    candles = weeks_of_candles([1, 2, 3, 4, 500, 5])
    event_ns = FIRST_MONDAY_NS + 4 * WEEK_NS + 2 * DAY_NS
    weeks = quiet_weeks(candles, [Span("crash", "x", event_ns, event_ns + NS_PER_S)])
    assert [(week.begin_ns - FIRST_MONDAY_NS) // WEEK_NS for week in weeks] == [0, 1, 2, 3, 5]
    assert [week.is_calm for week in weeks] == [True, True, False, False, False]


def test_crash_windows_are_those_of_these_candles(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(
        "event,venue,symbol,interval,from_utc,to_utc\n"
        "inside,binance-spot,BTCUSDT,5m,1970-01-07T00:00,1970-01-07T01:00\n"
        "too_early,binance-spot,BTCUSDT,5m,1970-01-05T01:00,1970-01-05T02:00\n"
        "elsewhere,okx-swap,BTCUSDT,5m,1970-01-07T00:00,1970-01-07T01:00\n"
    )
    (window,) = crash_windows(path, weeks_of_candles([1]))
    assert window == Span("crash", "inside", 6 * DAY_NS, 6 * DAY_NS + 3_600 * NS_PER_S)


def test_alarms_on_candles_are_sorted_into_crashes_calm_and_other_weeks():
    candles = weeks_of_candles([1, 2, 3, 4, 500])
    event_ns = FIRST_MONDAY_NS + 4 * WEEK_NS + DAY_NS
    events = [Span("crash", "x", event_ns, event_ns + 3_600 * NS_PER_S)]
    alarms = [Alarm(FIRST_MONDAY_NS + DAY_NS, "z"), Alarm(event_ns + STEP_NS, "z")]
    parts = {"crashes": {}, "calm": {}, "other": {}}
    judging.sort_out(candles, events, alarms, parts)
    scored = {name: judging.rows(part["5m"])[PANEL]["total"] for name, part in parts.items()}
    assert (scored["crashes"]["hits"], scored["crashes"]["n"]) == (1, 1)
    assert (scored["calm"]["false_episodes"], scored["other"]["false_episodes"]) == (1, 0)


def test_missing_recordings_are_said(tmp_path):
    result = CliRunner().invoke(judging.main, ["--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "--data" in result.output

import pytest
from benches.anomaly.scoring import Alarm, Score, Span, merged, percentile_ms, poisson_interval, wilson
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000


def score_of(alarm_seconds, spans, *, end=1_000, tolerance=3, merge=5):
    score = Score(tolerance * S, merge * S)
    alarms = [Alarm(round(second * S), "any") for second in alarm_seconds]
    score.add(alarms, [Span("spoof", "weak", begin * S, finish * S) for begin, finish in spans], 0, end * S)
    return score


def test_alarms_within_a_span_count_once_and_others_are_false():
    score = score_of([9, 11, 12, 14.9, 30], [(10, 12), (50, 51)])
    row = score.as_row()
    assert (row["n"], row["hits"], row["repeats"], row["false_alarms"]) == (2, 1, 2, 2)
    assert row["delay_ms_median"] == 1_000
    assert row["recall"] == 0.5
    assert row["precision"] == 0.3333


def test_the_tolerance_ends():
    assert score_of([13], [(10, 10)]).hits == 1
    assert score_of([13.001], [(10, 10)]).hits == 0


def test_clean_time_is_what_no_span_covers():
    score = score_of([], [(10, 12), (50, 51)], end=3_609)
    assert score.as_row()["clean_hours"] == 1.0
    assert score.as_row()["false_episodes_per_hour"] == 0.0


def test_false_alarms_close_together_are_one_disturbance():
    assert merged([], 5) == 0
    assert merged([1, 5, 9, 20], 5) == 2
    score = score_of([100, 101, 102, 200], [])
    assert (score.false_alarms, score.false_episodes) == (4, 2)


def test_alarms_outside_of_the_stream_are_nobodys():
    assert score_of([1_001], [], end=1_000).false_alarms == 0


def test_kinds_and_intensities_are_told_apart():
    score = Score(0, 0)
    spans = [
        Span("wash", "weak", S, S),
        Span("wash", "strong", 3 * S, 3 * S),
        Span("hole", "weak", 5 * S, 5 * S),
    ]
    score.add([Alarm(3 * S, "any")], spans, 0, 10 * S)
    assert score.of_kind("wash").as_row()["recall"] == 0.5
    assert score.of_kind("wash", "strong").as_row()["recall"] == 1.0
    assert score.of_kind("hole").as_row()["hits"] == 0
    assert score.of_kind("spoof").as_row()["recall"] is None


def test_intervals_are_the_known_ones():
    assert wilson(8, 10) == pytest.approx([0.4902, 0.9433], abs=1e-4)
    assert wilson(0, 10) == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert wilson(0, 0) is None
    assert poisson_interval(0) == pytest.approx((0.0, 3.6889), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.7954, 18.3904), abs=1e-3)


@given(st.lists(st.integers(0, 10**12), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values(values, share):
    assert percentile_ms(values, share) in {round(value / 1_000_000) for value in values}


@given(st.lists(st.floats(0, 999), max_size=50), st.integers(0, 20))
def test_every_alarm_is_a_hit_a_repeat_or_false(seconds, tolerance):
    score = score_of(seconds, [(100, 110), (500, 505)], tolerance=tolerance)
    assert score.hits + score.repeats + score.false_alarms == len(seconds)
    assert score.hits <= score.spans == 2

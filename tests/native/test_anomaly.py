import math
from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.native import AnomalyPanel, RobustZScore, SeriesPanel

START_NS = 1_700_000_000_000_000_000
NS_PER_S = 1_000_000_000


def test_an_outlier_is_told_with_its_score_and_sign():
    detector = RobustZScore(window=10, threshold=3.0, min_samples=5)
    for value in (1.0, 2.0, 3.0, 2.0, 1.0):
        assert detector.update(value) is None
    # Median 2, MAD 1: z = (-20 - 2) / 1.4826.
    score, z = detector.update(-20.0)
    assert z == pytest.approx(-22 / 1.4826)
    assert score == pytest.approx(1 - 3.0 * 1.4826 / 22)


def test_it_is_silent_until_it_has_enough_samples():
    detector = RobustZScore(window=10, threshold=3.0, min_samples=5)
    assert [detector.update(value) for value in (1.0, 2.0, 3.0, 1e9)] == [None] * 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="value must be finite"):
        RobustZScore().update(value)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"window": 2}, "window"),
        ({"window": 10**9}, "window"),
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"min_samples": 0}, "min_samples"),
        ({"min_samples": 121}, "min_samples"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, named):
    with pytest.raises(ValueError, match=named):
        RobustZScore(**parameters)


def noise(count, seed=1):
    random = Random(seed)
    return array("d", [random.gauss(0, 1) for _ in range(count)])


def test_a_series_is_scored_value_by_value_or_all_at_once():
    values = noise(1_000)
    values[700] = 30.0
    panel, batch = SeriesPanel(), SeriesPanel()
    single = [panel.update(value) for value in values]
    out = array("d", bytes(8 * len(values)))
    assert batch.scores(values, out) == 1
    assert list(out) == single
    assert [row for row, score in enumerate(single) if score >= 0.5] == [700]
    ((row, cause, score, evidence),) = SeriesPanel().alarms(values)
    assert (row, score) == (700, single[700])
    assert cause in ("robust_z", "ewma_z", "jump")
    assert evidence
    assert panel.rows == batch.rows == 1_000


def test_after_an_alarm_a_series_is_silent_for_a_while():
    values = noise(1_000)
    for row in (500, 550, 900):
        values[row] = 30.0
    assert [row for row, *_ in SeriesPanel(suppression=200).alarms(values)] == [500, 900]
    unsuppressed = [row for row, *_ in SeriesPanel(suppression=0).alarms(values)]
    assert unsuppressed == [500, 501, 550, 551, 900, 901], "there and back again"


def test_a_series_of_bad_values_changes_nothing():
    panel = SeriesPanel()
    values = noise(100)
    values[50] = math.nan
    out = array("d", bytes(800))
    with pytest.raises(ValueError, match="value 50 must be finite, got NaN"):
        panel.scores(values, out)
    with pytest.raises(ValueError, match="out must hold 100 numbers, got 3"):
        panel.scores(noise(100), array("d", [0, 0, 0]))
    with pytest.raises(ValueError, match="must be finite"):
        panel.update(math.inf)
    with pytest.raises(ValueError, match="window"):
        SeriesPanel(window=2)
    assert panel.rows == 0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300))
def test_whatever_a_series_holds_scores_are_scores(values):
    panel = SeriesPanel(window=20, min_samples=5)
    assert all(0 <= panel.update(value) <= 1 for value in values)


def feed_calm(panel, seconds):
    random = Random(2)
    for second in range(seconds):
        at_ns = START_NS + second * NS_PER_S
        panel.on_book(at_ns, 9_999, 5, 10_001, 5, bid_depth_lots=100, ask_depth_lots=100)
        for trade in range(5):
            side = random.choice(("buy", "sell"))
            panel.on_trade(at_ns + trade, 10_000, random.randrange(1, 1_000), side)


def test_a_calm_market_is_calm_and_wash_prints_are_an_alarm():
    panel = AnomalyPanel()
    assert panel.abstaining[0] > 0
    feed_calm(panel, 200)
    assert panel.take_alerts() == []
    assert panel.verdict()[0] == "calm"
    for trade in range(20):
        panel.on_trade(START_NS + 200 * NS_PER_S + trade, 10_000, 2_000, ("buy", "sell")[trade % 2])
    ((event_ns, cause, score, evidence),) = panel.take_alerts()
    assert event_ns - (START_NS + 200 * NS_PER_S) in (6, 7)
    assert cause == "wash_prints"
    assert score >= 0.5
    assert "size_lots 2000" in evidence
    severity, _, causes, began_ns, _ = panel.verdict()
    assert (severity, causes, began_ns) == ("alarm", ["wash_prints"], event_ns)


def test_a_panel_refuses_what_no_market_has():
    panel = AnomalyPanel()
    with pytest.raises(ValueError, match="give buy or sell"):
        panel.on_trade(1, 2, 3, "bid")
    with pytest.raises(ValueError, match="price_ticks must be positive"):
        panel.on_trade(1, 0, 3, "buy")
    with pytest.raises(ValueError, match="after_lots must not be negative"):
        panel.on_level(1, "buy", 2, 3, -4, distance_ticks=0)
    with pytest.raises(ValueError, match="peg_ticks"):
        panel.set_peg(0.0)
    with pytest.raises(ValueError, match="threshold"):
        AnomalyPanel(threshold=0.0)


def test_ticks_are_judged_in_rows_of_eight():
    random = Random(3)
    rows = array("d", [random.gauss(10, 1) for _ in range(8 * 2_000)])
    rows[8 * 1_500 + 5] = 60.0
    features = memoryview(rows).cast("B").cast("d", (2_000, 8))
    out = array("d", bytes(8 * 2_000))
    alarms = AnomalyPanel().tick(features, out)
    assert out[1_500] > 0.6
    assert alarms == sum(score >= 0.5 for score in out) <= 3
    with pytest.raises(ValueError, match="rows of 8 numbers"):
        AnomalyPanel().tick(rows)
    with pytest.raises(ValueError, match="out must hold 2000 numbers"):
        AnomalyPanel().tick(features, array("d", [0.0]))

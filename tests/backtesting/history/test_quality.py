import dataclasses

import numpy as np
import pytest

from openoutcry.backtesting.history.quality import check_candles

MINUTE_NS = 60_000_000_000
CLOSES = [10_000 + 7 * (i % 13) for i in range(400)]


def kinds(series):
    return {finding.kind: finding for finding in check_candles(series) if finding.kind != "survivorship"}


def changed(series, column, rows, values):
    copy = getattr(series, column).copy()
    copy[rows] = values
    return dataclasses.replace(series, **{column: copy})


def test_sound_candles_have_a_note_only(series_of):
    [note] = check_candles(series_of(CLOSES))
    assert (note.kind, note.severity) == ("survivorship", "note")


def test_gaps_are_counted_with_their_bars(series_of):
    series = series_of(CLOSES)
    open_ns = series.open_ns.copy()
    open_ns[100:] += 3 * MINUTE_NS
    open_ns[200:] += 2 * MINUTE_NS
    found = kinds(dataclasses.replace(series, open_ns=open_ns))
    assert set(found) == {"gap"}
    assert (found["gap"].count, found["gap"].row) == (2, 100)
    assert found["gap"].detail.startswith("5 candles of 1m lack: 3 from ")


@pytest.mark.parametrize(("offset_ns", "zone"), [(7 * 10**9, False), (2_000, False)])
def test_candles_that_begin_off_the_interval_are_told(series_of, offset_ns, zone):
    series = series_of(CLOSES, first_ns=1_700_000_040 * 10**9 + offset_ns)
    found = kinds(series)
    assert set(found) == {"time_zone"}
    assert ("another time zone" in found["time_zone"].detail) is zone


def test_days_that_begin_at_another_hour_smell_of_a_time_zone(series_of):
    series = series_of(CLOSES)
    day_ns = 86_400 * 10**9
    open_ns = 19_000 * day_ns + day_ns * np.arange(len(series)) + 5 * 3_600 * 10**9
    found = kinds(dataclasses.replace(series, open_ns=open_ns, interval_ns=day_ns))
    assert "18000 s after a whole 1d of UTC, as of another time zone" in found["time_zone"].detail


def test_a_jump_and_no_volume_are_warnings(series_of):
    series = series_of([*CLOSES[:200], *[close * 3 // 2 for close in CLOSES[200:]]])
    found = kinds(changed(series, "volume_lots", [5, 6], 0))
    assert {kind: (finding.severity, finding.row) for kind, finding in found.items()} == {
        "jump": ("warning", 200),
        "zero_volume": ("warning", 5),
    }


@pytest.mark.parametrize("factor", [10, 100, 1_000])
@pytest.mark.parametrize("rows", [slice(50, 51), slice(50, 60), slice(395, 400)])
def test_prices_of_another_scale_are_an_error(series_of, factor, rows):
    series = series_of(CLOSES)
    for column in ("open_ticks", "high_ticks", "low_ticks", "close_ticks"):
        series = changed(series, column, rows, getattr(series, column)[rows] * factor)
    found = kinds(series)["wrong_scale"]
    assert (found.severity, found.row) == ("error", rows.start)
    assert found.count == rows.stop - rows.start
    assert f"10^{len(str(factor)) - 1} times" in found.detail


def test_a_change_of_the_volumes_unit_is_told(series_of):
    series = series_of(CLOSES)
    found = kinds(changed(series, "volume_lots", slice(180, 400), 1_000_000))
    assert (found["volume_scale"].severity, found["volume_scale"].row) == ("warning", 180)


def test_nothing_is_an_error(series_of):
    [found] = check_candles(series_of([]))
    assert (found.severity, found.kind) == ("error", "empty")

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.backtesting.backtested import walk

from openoutcry.backtesting.report.thinning import MAX_BARS, thin_candles, thin_rows


@given(st.integers(1, 400), st.integers(1, 60))
def test_merged_candles_keep_every_extreme_and_all_volume(hours, most):
    series = walk(3, hours)
    drawn = thin_candles(series, most)
    stride = -(-hours // most)
    assert len(drawn) <= most
    assert drawn.volume_lots.sum() == series.volume_lots.sum()
    for bar in range(len(drawn)):
        run = slice(bar * stride, (bar + 1) * stride)
        assert drawn.high_ticks[bar] == series.high_ticks[run].max()
        assert drawn.low_ticks[bar] == series.low_ticks[run].min()
        assert drawn.open_ticks[bar] == series.open_ticks[run][0]
        assert drawn.close_ticks[bar] == series.close_ticks[run][-1]
        assert drawn.open_ns[bar] == series.open_ns[run][0]


def test_few_candles_stay_as_they_are():
    series = walk(1, MAX_BARS)
    assert thin_candles(series) is series


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=600), st.integers(1, 40))
def test_a_thinned_curve_keeps_the_extremes_of_each_stretch_and_the_ends(values, buckets):
    equity = np.array(values, dtype=np.int64)
    keep = len(values) // 3
    rows = thin_rows(equity, -equity, (keep,), buckets)
    assert rows[0] == 0
    assert rows[-1] == len(values) - 1
    assert keep in rows
    assert (np.diff(rows) > 0).all()
    edges = np.linspace(0, len(values), buckets + 1).astype(int)
    for start, stop in pairwise(edges):
        if stop > start:
            drawn = equity[rows[(rows >= start) & (rows < stop)]]
            assert drawn.min() == equity[start:stop].min()
            assert drawn.max() == equity[start:stop].max()

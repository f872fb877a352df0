import pytest
from hypothesis import given
from hypothesis import strategies as st

from openoutcry.domain.errors import InvalidInputError
from openoutcry.monitoring.latency import BUCKETS, LatencyHistogram

latencies = st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=200)


def recorded(values):
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    return histogram


EDGES = [
    *((0, 0), (0.9, 0), (1, 1), (1.9, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11)),
    *((2**40, BUCKETS - 1), (-5, 0)),
]


@pytest.mark.parametrize(("latency_us", "bucket"), EDGES)
def test_a_latency_counts_in_the_bucket_below_whose_edge_it_lies(latency_us, bucket):
    counts = recorded([latency_us]).counts
    assert counts[bucket] == 1
    assert sum(counts) == 1


@given(latencies, st.floats(0.001, 1.0))
def test_a_quantile_is_an_upper_bound_by_less_than_a_factor_of_two(values, share):
    exact = sorted(values)[max(0, -(-int(share * len(values) * 10**9) // 10**9) - 1)]
    bound = recorded(values).quantile_us(share)
    below = sum(value < bound for value in values)
    assert below >= share * len(values)
    assert bound > exact or bound == 2**31
    assert bound <= max(1, 2 * sorted(values)[min(len(values) - 1, int(share * len(values)))])


@given(latencies, latencies)
def test_merging_is_recording_both(one, other):
    merged = recorded(one)
    merged.merge(recorded(other).counts)
    assert merged.counts == recorded([*one, *other]).counts
    assert merged.total == len(one) + len(other)


def test_an_empty_histogram_has_no_quantile():
    assert LatencyHistogram().quantile_us(0.5) is None
    assert LatencyHistogram().quantiles_us() == {"count": 0}


def test_fewer_buckets_are_filled_up_and_nonsense_is_refused():
    assert LatencyHistogram((0, 2)).quantiles_us() == {"count": 2, "p50": 2, "p99": 2}
    for counts in ((-1,), (0,) * (BUCKETS + 1)):
        with pytest.raises(InvalidInputError, match="counts"):
            LatencyHistogram(counts)
    for share in (0.0, -1.0, 1.1, float("nan")):
        with pytest.raises(InvalidInputError, match="quantile"):
            LatencyHistogram((1,)).quantile_us(share)

import re

import pytest

from openoutcry.monitoring.catalogue import CATALOGUE, find


def test_every_metric_stands_once_and_is_named_as_prometheus_wants():
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    for metric in CATALOGUE:
        assert re.fullmatch(r"openoutcry_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not re.search(r"_(ms|us|ns|mb|kb|percent)(_total)?$", metric.name), "base units only"
        assert metric.help.endswith(".")
        assert metric.label != "role"


@pytest.mark.parametrize("key", ["gaps", "gaps_total", "openoutcry_gaps_total", "openoutcry_gaps"])
def test_a_key_may_be_short_or_full(key):
    metric, value = find(key)
    assert (metric.name, value) == ("openoutcry_gaps_total", "")


def test_a_key_may_carry_a_labels_value():
    metric, value = find("frames:depth")
    assert (metric.name, metric.label, value) == ("openoutcry_frames_total", "channel", "depth")


@pytest.mark.parametrize("key", ["", "unheard_of", "gaps:depth", "gapss"])
def test_what_is_not_in_the_table_is_not_found(key):
    assert find(key) is None

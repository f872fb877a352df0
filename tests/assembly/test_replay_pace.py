import msgspec
import pytest

from openoutcry.assembly.replay_pace import HORIZON_NS, in_market_time, replay_overrides
from openoutcry.assembly.settings import load_settings
from openoutcry.domain.units import NS_PER_S


@pytest.mark.parametrize("speed", [1.0, 4.0, 15.0, 60.0])
def test_orders_take_as_long_of_the_markets_time_at_any_speed(speed):
    settings = in_market_time(load_settings(None, replay_overrides(speed)), speed)
    assert settings.strategy.intents.horizon_ns == HORIZON_NS
    assert settings.execution.slice_interval_ns == 6 * NS_PER_S


def test_without_a_pace_there_are_still_horizons():
    assert replay_overrides(0)["strategy.intents.horizon_ns"] == NS_PER_S // 2


def test_every_duration_of_the_deciders_counts_as_often_as_the_replay_is_fast():
    settings = load_settings(None)
    grown = in_market_time(settings, 15)
    for before, after in (
        (settings.risk, grown.risk),
        (settings.execution, grown.execution),
        (settings.strategy.intents, grown.strategy.intents),
    ):
        names = [field.name for field in msgspec.structs.fields(type(before)) if field.name.endswith("_ns")]
        assert names
        for name in names:
            assert getattr(after, name) == 15 * getattr(before, name), name
    assert grown.feed.depth_stale_ms == 15 * settings.feed.depth_stale_ms
    assert grown.feed.candle_interval_ns == settings.feed.candle_interval_ns


def test_at_the_markets_own_pace_nothing_changes():
    settings = load_settings(None)
    assert in_market_time(settings, 1) is settings

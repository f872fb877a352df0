"""The panels under judgement, each on its kind of input; what they say becomes alarms."""

from collections.abc import Sequence

import numpy as np
from benches.anomaly.recording import NS_PER_S, Instrument
from benches.anomaly.scoring import Alarm

from openoutcry import native

PANEL = "panel"


def feed_alarms(instrument: Instrument, lines: Sequence[bytes]) -> tuple[list[Alarm], int, int]:
    """Replay a stream, line by line; the alarms, and the first and last venue time of the stream.

    An alarm is known when the line has been applied after which it is there, whatever time it bears.
    """
    feed = native.MarketFeed(
        product=instrument.product,
        symbol=instrument.symbol,
        price_tick=instrument.price_tick,
        size_step=instrument.size_step,
        candle_interval_ns=NS_PER_S,
    )
    alarms: list[Alarm] = []
    begin_ns = 0
    for line in lines:
        feed.apply_lines(line)
        begin_ns = begin_ns or feed.last_event_ns
        alarms += [Alarm(feed.last_event_ns, alert[1]) for alert in feed.take_alerts()]
    if (feed.gaps, feed.crossed, feed.is_valid) != (0, 0, True):
        raise ValueError(f"{instrument.name}: the stream has gaps or is crossed")
    return alarms, begin_ns, feed.last_event_ns


def series_alarms(times_ns: Sequence[int], values: Sequence[float], **settings: float) -> list[Alarm]:
    """Alarms on a plain series of values, each of which is known at its time."""
    panel = native.SeriesPanel(**settings)
    alarms = panel.alarms(np.asarray(values, dtype=np.float64))
    return [Alarm(times_ns[row], detector) for row, detector, *_ in alarms]


def by_detector(alarms: Sequence[Alarm]) -> dict[str, list[Alarm]]:
    """The panel's alarms, and those of each detector that was named as their cause."""
    found = {PANEL: list(alarms)}
    for alarm in alarms:
        found.setdefault(alarm.detector, []).append(alarm)
    return found

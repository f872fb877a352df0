import asyncio
import time
from datetime import timedelta

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from openoutcry.actors.transport.timers import Wakeups

LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
PERIODS_MS = st.lists(st.integers(-1, 6), min_size=1, max_size=25)


@pytest.fixture(params=LOOPS)
def loop(request):
    loop = LOOPS[request.param]()
    yield loop
    loop.close()


def ring_all(loop, count, prepare):
    """The payloads in the order of their delivery, once `count` have come."""
    come = []

    def deliver(message):
        come.append(message.payload)
        if len(come) == count:
            loop.stop()

    prepare(Wakeups(loop, deliver))
    loop.run_forever()
    return come


@pytest.mark.parametrize("kind", LOOPS)
@given(periods_ms=PERIODS_MS)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_wakeups_come_by_due_time_and_equal_ones_in_the_order_of_the_requests(kind, periods_ms):
    loop = LOOPS[kind]()
    due_s = []

    def prepare(wakeups):
        for number, period_ms in enumerate(periods_ms):
            wakeups.add(timedelta(milliseconds=period_ms), number)
        due_s.extend(entry[0] for entry in sorted(wakeups._heap, key=lambda entry: entry[1]))

    try:
        come = ring_all(loop, len(periods_ms), prepare)
    finally:
        loop.close()
    assert come == sorted(range(len(periods_ms)), key=lambda number: (due_s[number], number))


def test_overdue_wakeups_come_forwards(loop):
    def prepare(wakeups):
        for number in range(5):
            wakeups.add(0.001 * number, number)
        while wakeups.pending()[-1].view().remainingSeconds() > 0:  # all of them become overdue
            pass

    assert ring_all(loop, 5, prepare) == [0, 1, 2, 3, 4]


def test_a_wakeup_asked_for_while_one_is_delivered_has_its_turn(loop):
    come = []

    def deliver(message):
        come.append(message.payload)
        if len(come) < 4:
            wakeups.add(0, message.payload + 1)
        else:
            loop.stop()

    wakeups = Wakeups(loop, deliver)
    wakeups.add(0, 0)
    loop.run_forever()
    assert come == [0, 1, 2, 3]


def test_an_earlier_one_overtakes_a_later_one_asked_for_before(loop):
    def prepare(wakeups):
        wakeups.add(0.05, "late")
        wakeups.add(0.001, "early")

    assert ring_all(loop, 2, prepare) == ["early", "late"]


def test_none_comes_before_its_time_however_long_the_loop_was_busy(loop):
    moments = []
    wakeups = Wakeups(loop, lambda _: (moments.append(time.monotonic()), loop.stop()))

    def busy():
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            pass
        moments.append(time.monotonic())
        wakeups.add(0.03, None)

    loop.call_soon(busy)
    loop.run_forever()
    asked, rung = moments
    assert rung - asked >= 0.028  # uvloop counts whole milliseconds


def test_the_status_lists_what_is_pending_soonest_first(loop):
    wakeups = Wakeups(loop, lambda _: None)
    for seconds in (300, 100, 200):
        wakeups.add(seconds, None)
    remaining = [timer.view().remainingSeconds() for timer in wakeups.pending()]
    assert remaining == sorted(remaining)
    assert [round(seconds, -2) for seconds in remaining] == [100, 200, 300]

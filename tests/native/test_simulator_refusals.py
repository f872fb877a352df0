import numpy as np
import pytest
from tests.native.simulated_flow import BOOK, rows, simulator

from openoutcry.native import CoreError, DecodeError, OrderError


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ((5, 1, 0, 1), "row 1: a number is out of range"),
        ((5, 9, 99, 1), "row 1: kind 9 is unknown"),
        ((5, 1 + 512, 99, 1), "row 1: kind 513 is unknown"),
        ((5, 10, 99, 1, 4), "row 1: code 10 is of an order.*by_order=True"),
        ((5, 1, 99, -1), "row 1: a number is out of range"),
        ((0, 1, 99, 1), "row 1: exchange_ns is 0, before 1.*sort"),
    ],
)
def test_a_bad_row_is_named_with_its_remedy(bad, told):
    simulation = simulator(rows((1, 1, 99, 1)), rows(bad))
    simulation.every(1)
    with pytest.raises(DecodeError, match=told):
        simulation.run(lambda *_: None)


@pytest.mark.parametrize(
    ("array", "error", "told"),
    [
        (np.zeros((3, 4), np.int64), ValueError, "n by 6 for rows or n by 5"),
        (np.zeros((3, 12), np.int64)[:, ::2], ValueError, "ascontiguousarray"),
        (np.zeros((3, 6), np.int32), TypeError, "int64"),
        (np.zeros((3, 6), ">i8"), TypeError, "byte order"),
        (object(), TypeError, "int64"),
    ],
)
def test_an_array_of_another_kind_is_refused(array, error, told):
    simulation = simulator(array)
    with pytest.raises(error, match=told):
        simulation.advance()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"price_tick": "0.000000001"}, "price_tick"),
        ({"price_tick": "0"}, "price_tick"),
        ({"fill_mode": "half"}, "partial or whole"),
        ({"queue_model": "hope"}, "risk-averse, power"),
        ({"queue_model": "power"}, "positive number"),
        ({"queue_model": "log", "queue_exponent": 2.0}, "of no use"),
        ({"queue_model": "fifo"}, "by_order=True"),
        ({"entry_ns": -1}, "entry_ns is -1"),
        ({"entry_ns": 5, "entry_p99_ns": 9}, "more than one way"),
        ({"entry_ns": 9, "entry_p99_ns": 5, "response_ns": 1, "response_p99_ns": 1}, "99th percentile above"),
        ({"latencies": np.zeros((0, 3), np.int64)}, "no order that was answered"),
        ({"latencies": np.array([(5, 4, 9)], dtype=np.int64)}, "below 0"),
        ({"maker_rate": 10**9}, "100 %"),
        ({"halts": [(5, 5)]}, "ascending"),
        ({"reject_probability": 1.5}, "0 to 1"),
        ({"reject_probability": float("nan")}, "0 to 1"),
    ],
)
def test_a_setting_without_sense_is_an_error(settings, told):
    with pytest.raises(ValueError, match=told):
        simulator(**settings)


def test_calls_at_the_wrong_time_or_of_what_is_not_there():
    simulation = simulator(rows(*BOOK, (40, 1, 100, 1)))
    with pytest.raises(CoreError, match="call advance first"):
        simulation.submit(0, "buy", 99, 1)
    with pytest.raises(ValueError, match="there is no instrument 1"):
        simulation.touch(1)
    with pytest.raises(ValueError, match="has a stream"):
        simulation.add_stream(0, [])
    simulation.wake_at(10)
    simulation.advance()
    with pytest.raises(ValueError, match="not after now"):
        simulation.wake_at(10)
    with pytest.raises(CoreError, match="it has begun"):
        simulation.every(10)
    with pytest.raises(CoreError, match="it has begun"):
        simulation.add_instrument(price_tick="1", size_step="1")
    for side, price, size, rest in (
        ("up", 1, 1, {}),
        ("buy", 0, 1, {}),
        ("buy", 1, 0, {}),
        ("buy", None, 1, {"post_only": True}),
    ):
        with pytest.raises(OrderError):
            simulation.submit(0, side, price, size, **rest)
    with pytest.raises(OrderError, match="order 9 is not open"):
        simulation.cancel(0, 9)
    with pytest.raises(OrderError, match="0 to 2"):
        simulation.set_quotes(0, -1, 1, 0, 0)

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.native.simulated_flow import ASK, BOOK, chunked, flow, rows, simulator
from tests.native.slow_simulator import SlowSimulator

from openoutcry.native import Simulator

TIMER, REPORT, CANDLE, TOUCH, SPREAD, CROSSING = 1, 2, 4, 8, 16, 32
MS = 1_000_000
GENERATOR = Path(__file__).parents[3] / "shared" / "peers" / "gen.py"


def quote_everywhere(simulation, size=3):
    """Quotes at the touch, as the trader sees it."""
    touch = simulation.touch(0)
    if touch:
        simulation.set_quotes(0, touch[0], size, touch[2], size)


def quote_slowly(slow, size=3):
    touch = slow.touch()
    if not touch:
        return
    for order in list(slow.orders.values()):
        if order.price != touch[order.side] and order.is_accepted:
            slow.cancel(order)
    for side in (0, 1):
        if all(order.price != touch[side] for order in slow.orders.values()):
            slow.submit(side, touch[side], size)


@pytest.mark.parametrize("seed", range(8))
def test_whole_fills_are_those_of_a_slow_and_obvious_simulator(seed):
    history = flow(6_000, seed)
    latencies = {"entry_ns": 500_000 * (seed % 3), "response_ns": 300_000 * (seed % 2)}
    every_ns = 1_000_000 + 700_001 * seed
    slow = SlowSimulator(history, every_ns, **latencies)
    decisions = slow.run(quote_slowly)

    simulation = simulator(*chunked(history, 777), fill_mode="whole", **latencies)
    simulation.every(every_ns)
    assert simulation.run(lambda *_: quote_everywhere(simulation)) == decisions
    fills = [
        (i, int(side == "sell"), price, at, heard) for i, side, price, *_, at, heard in simulation.fills(0)
    ]
    assert len(fills) > 100
    assert sorted(fills) == sorted(slow.fills)
    assert simulation.position_lots(0) == slow.position


@pytest.mark.parametrize("mode", ["whole", "partial"])
def test_it_makes_no_difference_what_else_wakes(mode):
    """With timers alone each side runs ahead of the other; with more it goes moment by moment."""
    history = flow(8_000, 3)
    found = []
    for watched in ({}, {"touch": True, "reports": True}, {"candle_interval_ns": 5 * MS}):
        latencies = {"entry_ns": 400_000, "response_ns": 400_000}
        simulation = simulator(*chunked(history, 100), fill_mode=mode, **latencies)
        simulation.every(2_000_000)
        simulation.subscribe(0, **watched)

        def on_wake(_now_ns, reasons, _instrument, simulation=simulation):
            if reasons & TIMER:
                quote_everywhere(simulation)

        simulation.run(on_wake)
        found.append((simulation.fills(0), simulation.account(0)))
    assert len(found[0][0]) > 100
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("queue", ["risk-averse", "power", "power2", "power3", "log", "log2"])
def test_quantity_is_conserved_whatever_the_queue(queue):
    history = flow(8_000, 5)
    exponent = 2.0 if queue.startswith("power") else None
    simulation = simulator(
        history, queue_model=queue, queue_exponent=exponent, entry_ns=MS, response_ns=MS, maker_rate=-5_000
    )
    simulation.every(3 * MS)
    simulation.subscribe(0, reports=True)
    simulation.run(lambda *_: quote_everywhere(simulation, 40))
    reports, fills = simulation.reports(0), simulation.fills(0)
    sizes = {order[0]: 40 for order in reports}
    filled = dict.fromkeys(sizes, 0)
    for order_id, kind, _, _, _, last, total, leaves, *_ in reports:
        if kind != "cancel rejected":
            filled[order_id] += last
            assert (total, total + leaves) == (filled[order_id], 40), (order_id, kind)
    signed = sum(size if side == "buy" else -size for _, side, _, size, *_ in fills)
    cash = sum(-price * size if side == "buy" else price * size for _, side, price, size, *_ in fills)
    account_cash, fees, position, count = simulation.account(0)
    assert (position, count) == (signed, len(fills))
    assert account_cash + fees == cash * 1_000  # a tick·lot is 0.01 · 0.001, a thousand atoms
    assert fees < 0
    assert any(fill[4] > 0 for fill in fills), "no order was filled in part"


def test_a_timer_wakes_while_there_is_anything_left():
    simulation = simulator(rows(*BOOK, (35, 2, 101, 1)))
    simulation.every(10)
    wakes = list(iter(simulation.advance, None))
    assert wakes == [(11, TIMER, 0), (21, TIMER, 0), (31, TIMER, 0)]
    assert simulation.touch(0) == (99, 10, 101, 5)
    assert simulation.levels(0, "sell", 5) == [(101, 5), (102, 30)]
    assert simulation.counters(0) == (5, 0)


def test_an_order_takes_the_visible_levels_and_they_stay_gone():
    simulation = simulator(
        rows(*BOOK, (50, 1 + ASK, 101, 5), (60, 1 + ASK, 101, 6), (80, 2, 90, 1)), taker_rate=100_000
    )
    simulation.subscribe(0, reports=True)
    simulation.wake_at(10)
    assert simulation.advance() == (10, TIMER, 0)
    simulation.submit(0, "buy", 102, 8, "IOC")
    simulation.wake_at(11)
    assert simulation.advance() == (10, REPORT, 0)
    assert [
        (kind, price, last, leaves) for _, kind, _, _, price, last, _, leaves, *_ in simulation.reports(0)
    ] == [
        ("fill", 101, 5, 3),
        ("fill", 102, 3, 0),
    ]
    assert simulation.advance() == (11, TIMER, 0)
    simulation.submit(0, "buy", 101, 5)  # nothing is left there: it rests
    simulation.wake_at(55)
    simulation.advance()
    assert [report[1] for report in simulation.reports(0)] == ["accepted"]
    assert simulation.advance() == (55, TIMER, 0)  # the same size again is no news
    simulation.wake_at(70)
    assert simulation.advance() == (60, REPORT, 0)
    assert [report[1:8] for report in simulation.reports(0)] == [("fill", None, "buy", 101, 5, 5, 0)]
    assert simulation.position_lots(0) == 13
    cash, fees, _, _ = simulation.account(0)
    paid = (5 * 101 + 3 * 102 + 5 * 101) * 1_000
    taken = (5 * 101 + 3 * 102) * 1_000
    assert (cash, fees) == (-paid - fees, taken // 1_000)


def test_a_trade_is_shared_among_our_orders_and_never_exceeded():
    simulation = simulator(rows(*BOOK, (50, 2 + ASK, 99, 17), (90, 2, 101, 1)))
    simulation.wake_at(10)
    simulation.advance()
    first, second = simulation.submit(0, "buy", 99, 4), simulation.submit(0, "buy", 99, 6)
    better = simulation.submit(0, "buy", 100, 2)
    simulation.wake_at(20)
    simulation.advance()
    assert simulation.queue_ahead(0, first) == 10
    simulation.wake_at(60)
    simulation.advance()
    fills = [(order_id, price, size, leaves) for order_id, _, price, size, leaves, *_ in simulation.fills(0)]
    assert fills == [(better, 100, 2, 0), (first, 99, 4, 0), (second, 99, 1, 5)]


def test_an_order_does_not_meet_its_owners():
    simulation = simulator(rows(*BOOK, (90, 2, 101, 1)))
    simulation.subscribe(0, reports=True)
    simulation.wake_at(10)
    simulation.advance()
    simulation.submit(0, "sell", 100, 3)
    simulation.submit(0, "buy", 101, 4)
    simulation.submit(0, "buy", 100, 4, post_only=True)
    simulation.advance()
    told = [(order_id, kind, why, last) for order_id, kind, why, _, _, last, *_ in simulation.reports(0)]
    assert told == [(1, "accepted", None, 0), (2, "expired", None, 0), (3, "rejected", "would take", 0)]


def test_fill_or_kill_and_a_market_order_without_a_counterpart():
    simulation = simulator(rows(*BOOK, (90, 2, 101, 1)))
    simulation.subscribe(0, reports=True)
    simulation.wake_at(10)
    simulation.advance()
    simulation.submit(0, "buy", 102, 36, "FOK")
    simulation.submit(0, "buy", 102, 35, "FOK")
    simulation.submit(0, "buy", None, 1)
    simulation.advance()
    told = [(order_id, kind, last) for order_id, kind, _, _, _, last, *_ in simulation.reports(0)]
    assert told == [(1, "expired", 0), (2, "fill", 5), (2, "fill", 30), (3, "expired", 0)]
    assert simulation.orders(0) == []


def test_a_halted_venue_rejects_and_fills_nothing_and_then_catches_up():
    history = rows(*BOOK, (40, 2 + ASK, 98, 50), (45, 1 + ASK, 97, 9), (70, 1 + ASK, 103, 1), (90, 2, 101, 1))
    simulation = simulator(history, halts=[(20, 50)])
    simulation.subscribe(0, reports=True)
    simulation.wake_at(10)
    simulation.advance()
    simulation.submit(0, "buy", 98, 4)
    simulation.advance()
    simulation.wake_at(30)
    simulation.advance()
    simulation.submit(0, "buy", 95, 1)
    told = []
    while simulation.advance():
        told += [(kind, why, at) for _, kind, why, *_, at in simulation.reports(0)]
    assert told == [("accepted", None, 10), ("rejected", "halted", 30), ("fill", None, 70)]


def test_random_rejects_are_seeded():
    def rejects(seed):
        simulation = Simulator(seed=seed)
        simulation.add_instrument(
            price_tick="1", size_step="1", reject_probability=0.5, max_resting_orders=20
        )
        simulation.add_stream(0, [rows(*BOOK, (2_000, 2, 101, 1))])
        simulation.subscribe(0, reports=True)
        simulation.every(10)

        def on_wake(_now_ns, reasons, _instrument):
            if reasons & TIMER:
                simulation.submit(0, "buy", 50, 1)

        simulation.run(on_wake)
        return [report[2] for report in simulation.reports(0)]

    assert rejects(1) == rejects(1) != rejects(2)
    assert {None, "random", "too many"} == set(rejects(1))


def test_recorded_latencies_are_interpolated_and_losses_rejected():
    recorded = np.array([(0, 10, 30), (100, 130, 170), (200, 0, 260), (300, 320, 330)], dtype=np.int64)
    simulation = simulator(rows(*BOOK, (500, 2, 101, 1)), latencies=recorded)
    simulation.subscribe(0, reports=True)
    simulation.wake_at(50)
    heard = []
    while wake := simulation.advance():
        now_ns, reasons, _ = wake
        heard += [(now_ns, report[1], report[2]) for report in simulation.reports(0)]
        if reasons & TIMER:
            simulation.submit(0, "buy", 50, 1)
            if now_ns == 50:
                simulation.wake_at(250)
    # Sent at 50: 20 there, and 30 back from an arrival at 70, between 20 at 10 and 40 at 130. The one sent at
    # 250 lies between one that was lost, known after 60, and one that was answered after 30: it is lost too.
    assert heard == [(100, "accepted", None), (295, "rejected", "lost")]
    assert [order[0] for order in simulation.orders(0)] == [1]


def test_drawn_latencies_have_their_median_and_percentile():
    history = rows(*BOOK, (10**12, 2, 101, 1))
    simulation = simulator(history, entry_ns=MS, entry_p99_ns=5 * MS, response_ns=MS, response_p99_ns=5 * MS)
    simulation.subscribe(0, reports=True)
    simulation.every(50 * MS)
    sent, took = {}, []

    def on_wake(now_ns, reasons, _instrument):
        if reasons & REPORT:
            took.extend(at_ns - sent[order_id] for order_id, *_, at_ns in simulation.reports(0))
        elif len(sent) < 4_000:
            sent[simulation.submit(0, "buy", 50, 1, "IOC")] = now_ns

    simulation.run(on_wake)
    assert len(took) == 4_000
    assert np.median(took) == pytest.approx(MS, rel=0.05)
    assert np.percentile(took, 99) == pytest.approx(5 * MS, rel=0.15)


def test_candles_close_when_the_trader_sees_the_next_one_begin():
    trades = [
        (at, 2, price, size) for at, price, size in ((5, 100, 1), (12, 101, 2), (18, 99, 1), (31, 102, 1))
    ]
    simulation = simulator(rows(*BOOK, *trades))
    simulation.subscribe(0, candle_interval_ns=10)
    assert list(iter(simulation.advance, None)) == [(31, CANDLE, 0)]  # the first one may have begun before
    assert simulation.candles(0) == [(10, 20, 101, 101, 99, 99, 3, 3, 2)]


def test_conditions_of_the_book_wake_once_when_they_come_true():
    history = rows(
        *BOOK, (20, 1 + ASK, 101, 0), (21, 1 + ASK, 102, 7), (30, 1 + ASK, 101, 5), (40, 1, 100, 1)
    )
    simulation = simulator(history)
    simulation.subscribe(0, spread_ticks=3, crossing_ticks=100)
    assert list(iter(simulation.advance, None)) == [(20, SPREAD, 0), (30, CROSSING, 0)]


def test_quotes_are_the_only_level_of_both_sides():
    quotes = np.array(
        [(10, 99, 101, 3, 4), (20, 98, 100, 5, 6), (20, 98, 100, 5, 6), (30, 97, 103, 1, 1)], dtype=np.int64
    )
    simulation = Simulator()
    simulation.add_instrument(price_tick="1", size_step="1")
    simulation.add_stream(0, [quotes], feed_latency_ns=5)
    seen = []
    assert simulation.run_quotes(lambda *quote: seen.append(quote)) == 3
    assert seen == [(15, 99, 3, 101, 4), (25, 98, 5, 100, 6), (35, 97, 1, 103, 1)]
    assert simulation.levels(0, "buy", 9) == [(97, 1)]


def test_quotes_fill_what_they_cross_by_what_they_show():
    quotes = np.array(
        [(10, 99, 101, 3, 4), (20, 100, 101, 5, 2), (30, 98, 99, 1, 2), (40, 98, 99, 1, 3)], dtype=np.int64
    )
    simulation = Simulator()
    simulation.add_instrument(price_tick="1", size_step="1")
    simulation.add_stream(0, [quotes])
    simulation.run_quotes(lambda now_ns, *_: now_ns == 10 and simulation.submit(0, "buy", 99, 5))
    assert [(price, size, at) for _, _, price, size, *_, at, _ in simulation.fills(0)] == [
        (99, 2, 30),
        (99, 3, 40),
    ]


def test_instruments_go_in_the_order_of_time():
    first, second = rows(*BOOK, (40, 1, 100, 1)), rows(*BOOK, (25, 1, 100, 1), (60, 1, 100, 2), start_ns=5)
    simulation = Simulator()
    for history in (first, second):
        number = simulation.add_instrument(price_tick="1", size_step="1", entry_ns=3, response_ns=3)
        simulation.add_stream(number, chunked(history, 1))
        simulation.subscribe(number, touch=True, reports=True)
    wakes = []
    while wake := simulation.advance():
        wakes.append(wake)
        if wake == (6, TOUCH, 1):
            simulation.submit(0, "buy", 50, 1)
    assert wakes == [
        (1, TOUCH, 0),
        (6, TOUCH, 1),
        (12, REPORT, 0),
        (30, TOUCH, 1),
        (40, TOUCH, 0),
        (65, TOUCH, 1),
    ]


def test_an_exact_queue_by_order():
    history = rows(
        (1, 10, 99, 5, 1),
        (1, 10, 99, 7, 2),
        (1, 10 + ASK, 101, 5, 3),
        (20, 10, 99, 4, 4),
        (30, 12, 99, 3, 2),  # of what is before us 4 lots leave
        (40, 11, 99, 4, 4),  # from behind us
        (50, 10, 99, 9, 5),
        (60, 13, 99, 2, 1),
        (60, 12, 99, 3, 1),
        (70, 13, 99, 2, 5),  # traded behind us: we come first
        (70, 12, 99, 7, 5),
        (80, 11, 99, 0, 77),
        (90, 2, 101, 1),
    )
    simulation = simulator(history, by_order=True, queue_model="fifo")
    simulation.wake_at(10)
    simulation.advance()
    ours = simulation.submit(0, "buy", 99, 6)
    ahead = {}
    for at_ns in (15, 25, 35, 45, 55, 65):
        simulation.wake_at(at_ns)
        simulation.advance()
        ahead[at_ns] = simulation.queue_ahead(0, ours)
    assert ahead == {15: 12, 25: 12, 35: 8, 45: 8, 55: 8, 65: 6}
    assert simulation.advance() is None
    assert [(size, leaves, at) for _, _, _, size, leaves, *_, at, _ in simulation.fills(0)] == [(2, 4, 70)]
    assert simulation.counters(0) == (13, 1)


def test_a_generator_is_pulled_no_faster_than_it_is_needed():
    pulled = []

    def chunks():
        for begin in range(0, 1_000, 100):
            pulled.append(begin)
            yield rows(*((at + 1, 1, 99, at + 1) for at in range(begin, begin + 100)))

    simulation = Simulator()
    simulation.add_instrument(price_tick="1", size_step="1")
    simulation.add_stream(0, chunks())
    simulation.wake_at(150)
    assert simulation.advance() == (150, TIMER, 0)
    assert pulled == [0, 100]


def test_a_callback_that_fails_stops_the_run_where_it_is():
    simulation = simulator(rows(*BOOK, (40, 1, 100, 1)))

    def fail(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        simulation.run_quotes(fail)
    assert simulation.now_ns == 1
    assert simulation.advance() == (40, TOUCH, 0)


def test_avellaneda_and_stoikov_quote_both_sides_and_lean_against_the_position():
    history = flow(20_000, 7)
    simulation = simulator(history, maker_rate=-5_000)
    simulation.every(5 * MS)
    decisions, is_over = simulation.run_avellaneda_stoikov(
        size_lots=5, max_position_lots=50, risk_aversion=0.001, arrival_decay=1.5, horizon_ns=10**9
    )
    fills = simulation.fills(0)
    assert is_over
    assert decisions > 500
    assert {fill[1] for fill in fills} == {"buy", "sell"}
    held = np.cumsum([fill[3] if fill[1] == "buy" else -fill[3] for fill in fills])
    assert np.abs(held).max() <= 50 + 2 * 5
    with pytest.raises(ValueError, match="risk_aversion is 0"):
        simulation.run_avellaneda_stoikov(
            size_lots=5, max_position_lots=50, risk_aversion=0.0, arrival_decay=1.5, horizon_ns=1
        )


def test_a_market_maker_in_parts_is_the_same_as_in_one_go():
    history = flow(20_000, 9)
    quoting = {"size_lots": 5, "max_position_lots": 50, "skew": 0.05, "half_spread_ticks": 1.0}

    def run(stops):
        simulation = simulator(history, entry_ns=MS, response_ns=MS)
        simulation.every(5 * MS)
        decisions = 0
        for until_ns in stops:
            count, is_over = simulation.run_market_maker(until_ns=until_ns, **quoting)
            decisions += count
        assert is_over
        return decisions, simulation.fills(0), simulation.account(0)

    last = 2**62
    assert run([last]) == run([2 * 10**9, 3 * 10**9, last])


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("every_ns", "queue", "figures"),
    [
        (10 * MS, ("power", 2.0), (57_448, 20, 19_622)),
        (100 * MS, ("power", 2.0), (5_744, 10, 8_345)),
        (10 * MS, ("risk-averse", None), (57_448, 20, 19_552)),
    ],
)
def test_the_market_maker_does_what_it_does_on_hftbacktest(every_ns, queue, figures, peers_rows):
    """hftbacktest 2.4.4 gave these decisions, lots held and fills for the same rows and settings."""
    simulation = simulator(
        peers_rows,
        price_tick="0.1",
        fill_mode="whole",
        queue_model=queue[0],
        queue_exponent=queue[1],
        entry_ns=500_000,
        response_ns=500_000,
        maker_rate=-5_000,
        taker_rate=70_000,
    )
    simulation.every(every_ns)
    decisions, is_over = simulation.run_market_maker(
        size_lots=10, max_position_lots=1_000, skew=0.05, half_spread_ticks=2.0
    )
    assert is_over
    assert (decisions, *simulation.account(0)[2:]) == figures


@pytest.fixture(scope="module")
def peers_rows(tmp_path_factory):
    if not GENERATOR.exists():
        pytest.skip(f"needs the generator {GENERATOR}")
    # It makes a folder beside itself.
    copied = shutil.copy(GENERATOR, tmp_path_factory.mktemp("peers"))
    gen_l2 = runpy.run_path(copied)["gen_l2"]
    levels = gen_l2(2_400_000, seed=5, trades=True)
    at_ns = levels["ts"].astype(np.int64)
    at_ns[at_ns == 0] = at_ns[at_ns > 0][0] - 1
    kind = np.where(levels["kind"] == 0, 1, 2) + ASK * levels["side"].astype(np.int64)
    columns = [at_ns, at_ns + 800_000, kind, levels["tick"], levels["lots"], np.zeros_like(at_ns)]
    return np.ascontiguousarray(np.stack(columns, axis=1).astype(np.int64))

import pytest

from openoutcry.assembly.topology import EDGES
from openoutcry.cli.system_rows import (
    ACTOR_COLUMNS,
    ACTOR_ORDERS,
    EDGE_COLUMNS,
    HOP_COLUMNS,
    actor_rows,
    age,
    edge_rows,
    hop_rows,
    microseconds,
)
from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import NS_PER_S
from openoutcry.monitoring.observer import Observer

T0 = 1_723_161_600 * NS_PER_S


def status_of(*heartbeats, **facts):
    observer = Observer(facts=facts)
    for heartbeat in heartbeats:
        observer.observe(heartbeat, T0)
    return observer.status(T0)


def beat(role, **values):
    return Heartbeat(id=f"h:{role}", role=role, pid=1, state="running", **values)


def texts(rows):
    return [[cell.plain for cell in row] for row in rows]


@pytest.mark.parametrize(
    ("order", "roles"),
    [
        ("role", ["ingestion", "memory", "risk"]),
        ("memory", ["risk", "ingestion", "memory"]),
        ("mailbox", ["memory", "ingestion", "risk"]),
        ("age", ["memory", "risk", "ingestion"]),  # ingestion had no message yet
    ],
)
def test_actors_are_sorted(order, roles):
    status = status_of(
        beat("risk", rss_bytes=9, last_message_ns=T0 - 5),
        beat("memory", mailbox=9, last_message_ns=T0 - 9 * NS_PER_S),
        beat("ingestion"),
    )
    assert [row[0] for row in texts(actor_rows(status, order))] == roles


def test_every_order_can_be_asked_for():
    status = status_of(beat("risk"))
    for order in ACTOR_ORDERS:
        assert len(actor_rows(status, order)) == 1


def test_an_edge_where_messages_wait_comes_before_one_that_dropped_some_and_both_before_the_idle():
    status = status_of(
        beat(
            "ingestion",
            gauges={"edge_depth:risk/MarketAlert": 0, "edge_depth:memory/VenueStatus": 0, "feed_live": 1},
            counters={
                "edge_dropped:risk/MarketAlert": 3141,
                "edge_conflated:risk/MarketAlert": 2,
                "candles": 4,
            },
        ),
        beat(
            "strategy",
            gauges={"edge_depth:risk/OrderIntent": 12, "edge_age_seconds:risk/OrderIntent": 1.44},
            counters={"openoutcry_edge_refused_total:risk/OrderIntent": 0},
        ),
    )
    assert texts(edge_rows(status)) == [
        ["strategy>risk OrderIntent", "12", "1.4 s", ""],
        ["ingestion>risk MarketAlert", "0", "", "3,141 dropped, 2 conflated"],
        ["ingestion>memory VenueStatus", "0", "", ""],
    ]


def test_hops_begin_with_the_ways_that_count_and_then_the_slowest():
    def counts(bucket):
        return (*(0,) * bucket, 1)

    status = status_of(
        beat(
            "risk", latency_us={"strategy>risk": counts(5), "memory>risk": (), "ingestion>risk": counts(12)}
        ),
        beat("execution", latency_us={"order>venue": counts(3), "candle>order": counts(2)}),
    )
    assert texts(hop_rows(status)) == [
        ["candle>order", "4 µs", "4 µs"],
        ["order>venue", "8 µs", "8 µs"],
        ["ingestion>risk", "4.1 ms", "4.1 ms"],
        ["strategy>risk", "32 µs", "32 µs"],
    ]


def test_every_edge_of_the_table_has_room_in_its_column():
    for edge in EDGES:
        status = status_of(
            beat(edge.source, gauges={f"edge_depth:{edge.destination}/{edge.message.__name__}": 1})
        )
        ((name, *_),) = edge_rows(status)
        assert len(name) <= EDGE_COLUMNS[0].width, name.plain
        assert len(f"{edge.source}>{edge.destination}") <= HOP_COLUMNS[0].width
        assert len(edge.source) <= ACTOR_COLUMNS[0].width


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0.0 s"), (9940, "9.9 s"), (12_400, "12 s"), (119_000, "119 s"), (180_000, "3 min"), (9e6, "2 h")],
)
def test_an_age_is_said_as_people_do(milliseconds, text):
    assert age(milliseconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(999, "999 µs"), (2048, "2.0 ms"), (131_072, "131 ms"), (2**21, "2.1 s"), (2**31, "2147.5 s")],
)
def test_a_latency_is_said_in_its_own_unit(value, text):
    assert microseconds(value) == text

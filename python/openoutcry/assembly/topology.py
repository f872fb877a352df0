"""The table of edges: who sends what to whom, how much may wait there, and what happens when it is full.

The actor system and the backtest both read this table, so they cannot be wired differently.
"""

from enum import Enum
from typing import Final

import msgspec

from openoutcry.domain.control import (
    CandleHistory,
    Failure,
    Halt,
    Heartbeat,
    Pulse,
    ReplayCandles,
    ReportPosition,
    Start,
    Stop,
    Stopped,
)
from openoutcry.domain.market import CandleClosed, MarketAlert, VenueStatus
from openoutcry.domain.message import Message
from openoutcry.domain.opinions import Classification, Signal
from openoutcry.domain.orders import (
    Accepted,
    Approved,
    CancelParent,
    Done,
    Fill,
    OrderIntent,
    PositionReport,
    Refused,
    Rejected,
)
from openoutcry.domain.units import NS_PER_S

Role = str

SUPERVISOR: Final[Role] = "supervisor"
INGESTION: Final[Role] = "ingestion"
CLASSIFICATION: Final[Role] = "classification"
STRATEGY: Final[Role] = "strategy"
RISK: Final[Role] = "risk"
EXECUTION: Final[Role] = "execution"
MEMORY: Final[Role] = "memory"
MONITORING: Final[Role] = "monitoring"

# In the order of starting: what others lean on comes first. Stopping goes the other way round, but for
# memory and monitoring, which watch until the end.
ROLES: Final = (MONITORING, MEMORY, EXECUTION, RISK, CLASSIFICATION, STRATEGY, INGESTION)
STOP_ORDER: Final = (INGESTION, CLASSIFICATION, STRATEGY, RISK, EXECUTION, MEMORY, MONITORING)


class Policy(Enum):
    """What a full edge does with one more message."""

    CONFLATE = "conflate"  # the newest replaces a waiting one of the same kind and symbol
    DROP_OLDEST = "drop oldest"  # the oldest waiting one of the same kind goes
    REFUSE = "refuse"  # nothing is lost: the sender is told, and stops


class Edge(msgspec.Struct, frozen=True):
    """Messages of one kind from one role to another.

    `capacity` of them may wait at the sender, beside what the pair has under way. `lifetime_ns` after it was
    sent (wall clock) a message is refused by its receiver; 0 is for ever.
    """

    source: Role
    message: type[Message]
    destination: Role
    policy: Policy
    capacity: int = 256
    lifetime_ns: int = 0


Row = tuple[Role, type[Message], tuple[Role, ...], Policy]

_ROWS: Final[tuple[Row, ...]] = (
    (INGESTION, CandleClosed, (CLASSIFICATION, STRATEGY, MEMORY), Policy.REFUSE),
    (INGESTION, MarketAlert, (RISK, MEMORY), Policy.DROP_OLDEST),
    (INGESTION, VenueStatus, (RISK, MEMORY), Policy.CONFLATE),
    (CLASSIFICATION, Classification, (STRATEGY, MEMORY), Policy.REFUSE),
    (STRATEGY, Signal, (MEMORY,), Policy.REFUSE),
    (STRATEGY, OrderIntent, (RISK, MEMORY), Policy.REFUSE),
    (RISK, Approved, (EXECUTION, MEMORY), Policy.REFUSE),
    (RISK, Refused, (STRATEGY, MEMORY), Policy.REFUSE),
    (RISK, ReportPosition, (EXECUTION,), Policy.REFUSE),
    (RISK, CancelParent, (EXECUTION,), Policy.REFUSE),
    (RISK, Halt, (SUPERVISOR, MEMORY), Policy.REFUSE),
    (EXECUTION, Accepted, (RISK, MEMORY), Policy.REFUSE),
    (EXECUTION, Fill, (RISK, MEMORY), Policy.REFUSE),
    (EXECUTION, Rejected, (RISK, MEMORY), Policy.REFUSE),
    (EXECUTION, Done, (RISK, STRATEGY, MEMORY), Policy.REFUSE),
    (EXECUTION, PositionReport, (RISK,), Policy.REFUSE),
    (EXECUTION, Halt, (SUPERVISOR, MEMORY), Policy.REFUSE),
    (MEMORY, CandleHistory, (INGESTION, CLASSIFICATION, STRATEGY), Policy.REFUSE),
    *((source, ReplayCandles, (MEMORY,), Policy.REFUSE) for source in (INGESTION, CLASSIFICATION, STRATEGY)),
    *((source, Failure, (SUPERVISOR, MEMORY), Policy.REFUSE) for source in ROLES if source != MEMORY),
    (MEMORY, Failure, (SUPERVISOR,), Policy.REFUSE),
    *((source, Stopped, (SUPERVISOR,), Policy.REFUSE) for source in ROLES),
    *((source, Heartbeat, (MONITORING,), Policy.CONFLATE) for source in ROLES if source != MONITORING),
    *((source, Pulse, (SUPERVISOR,), Policy.CONFLATE) for source in ROLES),
    (SUPERVISOR, Start, ROLES, Policy.REFUSE),
    (SUPERVISOR, Stop, ROLES, Policy.REFUSE),
    (SUPERVISOR, Halt, (EXECUTION, RISK, MEMORY), Policy.REFUSE),
    (SUPERVISOR, VenueStatus, (RISK,), Policy.REFUSE),
    (SUPERVISOR, Heartbeat, (MONITORING,), Policy.CONFLATE),
)

# What was wished or allowed so long ago is not done any more, whatever kept it: an order that arrives late is
# refused. The news of orders, and halts, are never too old.
_LIFETIMES_NS: Final[dict[type[Message], int]] = {OrderIntent: 5 * NS_PER_S, Approved: 5 * NS_PER_S}

EDGES: Final[tuple[Edge, ...]] = tuple(
    Edge(source, message, destination, policy, lifetime_ns=_LIFETIMES_NS.get(message, 0))
    for source, message, destinations, policy in _ROWS
    for destination in destinations
)

# Every kind of message that travels between actors.
KINDS: Final[frozenset[type[Message]]] = frozenset(edge.message for edge in EDGES)


def edges_from(source: Role) -> dict[type[Message], tuple[Edge, ...]]:
    """The edges of one role, by the kind of message."""
    table: dict[type[Message], tuple[Edge, ...]] = {}
    for edge in EDGES:
        if edge.source == source:
            table[edge.message] = (*table.get(edge.message, ()), edge)
    return table

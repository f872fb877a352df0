"""A system's status as rows of cells, for people: its actors, its edges, the latencies of its hops.

Cells are rich's Text, which tables of rich and of textual both take.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from rich.text import Text

from openoutcry.monitoring.catalogue import find

MIB: Final = 2**20
MS_PER_S: Final = 1000
US_PER_MS: Final = 1000
S_PER_MINUTE: Final = 60
S_PER_HOUR: Final = 3600
FEW_S: Final = 10  # below it a tenth of a second matters
FEW_MS: Final = 100  # as FEW_S
FEW_UNITS: Final = 2  # up to it the smaller unit says more
FIRST_HOPS: Final = ("candle>order", "order>venue")
DROPS: Final = ("dropped", "conflated", "refused")
ALARM: Final = "bold red"

Row = tuple[Text, ...]
Status = Mapping[str, Any]


class Column(NamedTuple):
    """A column of a table, and how many characters its widest cell has."""

    title: str
    width: int
    is_number: bool = False

    def cell(self, text: str, style: str = "") -> Text:
        """A cell of this column; numbers stand to the right."""
        return Text(text, style, justify="right" if self.is_number else "left", no_wrap=True)


ACTOR_COLUMNS: Final = (
    Column("actor", 14),
    Column("state", 12),
    Column("pid", 7, is_number=True),
    Column("mailbox", 7, is_number=True),
    Column("last message", 12, is_number=True),
    Column("restarts", 8, is_number=True),
    Column("MiB", 6, is_number=True),
)
EDGE_COLUMNS: Final = (
    Column("edge", 38),
    Column("depth", 5, is_number=True),
    Column("age", 6, is_number=True),
    Column("drops", 24),
)
HOP_COLUMNS: Final = (
    Column("hop", 25),
    Column("p50 ≤", 7, is_number=True),
    Column("p99 ≤", 7, is_number=True),
)

_STATE_STYLES: Final = {"running": "green", "ready": "yellow", "starting": "yellow", "stopped": "dim"}
# By what actors can be sorted.
ACTOR_ORDERS: Final[dict[str, Callable[[str, Status], Any]]] = {
    "role": lambda role, _: role,
    "memory": lambda role, actor: (-actor["rss_bytes"], role),
    "mailbox": lambda role, actor: (-actor["mailbox"], role),
    "age": lambda role, actor: (*_oldest_first(actor["last_message_age_ms"]), role),
}


def actor_rows(system: Status, order: str = "role") -> list[Row]:
    """A row of `ACTOR_COLUMNS` for each actor, in one of `ACTOR_ORDERS`."""
    actors: Mapping[str, Status] = system["actors"]
    return [_actor(role, actors[role]) for role in sorted(actors, key=_key(actors, order))]


def edge_rows(system: Status) -> list[Row]:
    """A row of `EDGE_COLUMNS` for each edge: first where messages wait, then where some were lost."""
    edges: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for role, actor in system["actors"].items():
        for key, value in {**actor["gauges"], **actor["counters"]}.items():
            found = find(key)
            if found is not None and found[0].label == "edge" and found[1]:
                edges[role, found[1]][found[0].key] = value
    rows = []
    for (source, edge), figures in edges.items():
        depth = figures.get("edge_depth", 0)
        lost = {what: count for what in DROPS if (count := figures.get(f"edge_{what}", 0))}
        rows.append((-depth, -sum(lost.values()), source, edge, _edge(source, edge, figures, lost)))
    return [row for *_, row in sorted(rows, key=lambda each: each[:-1])]


def hop_rows(system: Status) -> list[Row]:
    """A row of `HOP_COLUMNS` for each hop: first the ways that count, then the slowest."""
    hops = {hop: each for hop, each in system["latency_us"].items() if each["count"]}
    ordered = sorted(hops, key=lambda hop: (_rank(hop), -hops[hop]["p99"], hop))
    name, p50, p99 = HOP_COLUMNS
    return [
        (
            name.cell(hop, "bold" if hop in FIRST_HOPS else ""),
            p50.cell(microseconds(hops[hop]["p50"])),
            p99.cell(microseconds(hops[hop]["p99"])),
        )
        for hop in ordered
    ]


def age(milliseconds: float) -> str:
    """A time that has passed, as people say it."""
    seconds = milliseconds / MS_PER_S
    if seconds < FEW_UNITS * S_PER_MINUTE:
        return f"{seconds:.1f} s" if seconds < FEW_S else f"{seconds:.0f} s"
    if seconds < FEW_UNITS * S_PER_HOUR:
        return f"{seconds / S_PER_MINUTE:.0f} min"
    return f"{seconds / S_PER_HOUR:.0f} h"


def microseconds(value: int) -> str:
    """A latency, as people say it."""
    if value < US_PER_MS:
        return f"{value} µs"
    milliseconds = value / US_PER_MS
    if milliseconds < MS_PER_S:
        return f"{milliseconds:.1f} ms" if milliseconds < FEW_MS else f"{milliseconds:.0f} ms"
    return f"{milliseconds / MS_PER_S:.1f} s"


def _oldest_first(age_ms: int | None) -> tuple[bool, int]:
    """A key for sorting; who had no message yet comes last."""
    return age_ms is None, -(age_ms or 0)


def _rank(hop: str) -> int:
    return FIRST_HOPS.index(hop) if hop in FIRST_HOPS else len(FIRST_HOPS)


def _key(actors: Mapping[str, Status], order: str) -> Callable[[str], Any]:
    return lambda role: ACTOR_ORDERS[order](role, actors[role])


def _actor(role: str, actor: Status) -> Row:
    is_silent = actor["is_silent"]
    state = f"silent {age(actor['heartbeat_age_ms'])}" if is_silent else actor["state"]
    last_ms = actor["last_message_age_ms"]
    name, what, pid, mailbox, last, restarts, mib = ACTOR_COLUMNS
    return (
        name.cell(role, ALARM if is_silent else ""),
        what.cell(state, ALARM if is_silent else _STATE_STYLES.get(state, "red")),
        pid.cell(str(actor["pid"]), "dim"),
        mailbox.cell(f"{actor['mailbox']:,}", "" if actor["mailbox"] else "dim"),
        last.cell(*("none", "dim") if last_ms is None else (age(last_ms),)),
        restarts.cell(str(actor["restarts"]), "yellow" if actor["restarts"] else "dim"),
        mib.cell(f"{actor['rss_bytes'] / MIB:,.0f}"),
    )


def _edge(source: str, edge: str, figures: Mapping[str, float], lost: Mapping[str, float]) -> Row:
    destination, _, kind = edge.partition("/")
    depth = figures.get("edge_depth", 0)
    waited_s = figures.get("edge_age_seconds", 0)
    name, how_many, how_old, drops = EDGE_COLUMNS
    return (
        name.cell(f"{source}>{destination} {kind}", "" if depth or lost else "dim"),
        how_many.cell(f"{depth:,.0f}", "bold" if depth else "dim"),
        how_old.cell(age(waited_s * MS_PER_S) if depth else ""),
        drops.cell(", ".join(f"{count:,.0f} {what}" for what, count in lost.items()), "yellow"),
    )

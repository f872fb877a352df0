"""Builds the Grafana dashboard beside this file; to be run after every change (see ../README.md)."""

import itertools
from pathlib import Path
from typing import Final, Literal, NamedTuple

from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

OUTPUT: Final = Path(__file__).with_name("openoutcry.json")
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
STAT_WIDTH, STAT_HEIGHT = 3, 4
GRAPH_WIDTH, GRAPH_HEIGHT = 8, 7

Good = Literal["zero", "one", "any"]


class Query(NamedTuple):
    """An expression, and the legend of its series."""

    expression: str
    legend: str = ""


class Stat(NamedTuple):
    """One figure. `good` says which value is green: only zero, only one, or any."""

    title: str
    query: str
    unit: str = "short"
    good: Good = "any"
    decimals: int = 0


class Graph(NamedTuple):
    """Series over time."""

    title: str
    queries: tuple[Query, ...]
    unit: str = "short"
    description: str = ""


def _rate(name: str, by: str) -> str:
    return f"sum by ({by}) (rate(openoutcry_{name}_total[$__rate_interval]))"


def _total(name: str) -> str:
    return f"sum(openoutcry_{name}_total)"


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share}, sum by (source, destination, le) "
        "(rate(openoutcry_hop_latency_seconds_bucket[$__rate_interval])))"
    )


ROWS: Final[dict[str, tuple[Stat | Graph, ...]]] = {
    "At a glance": (
        Stat("Halted", "max(openoutcry_halted)", good="zero"),
        Stat("Actors down", "count(openoutcry_up) - sum(openoutcry_up)", good="zero"),
        Stat("Feed live", "min(openoutcry_feed_live)", good="one"),
        Stat("Orders unproved", "sum(openoutcry_unknown_orders)", good="zero"),
        Stat("Unreconciled", "sum(openoutcry_unreconciled)", good="zero"),
        Stat("Position", "sum(openoutcry_position)", decimals=5),
        Stat("Profit before fees", "sum(openoutcry_profit)", decimals=2),
        Stat("Fees", "sum(openoutcry_fees_paid)", decimals=2),
    ),
    "Market data": (
        Graph(
            "Touch",
            (Query("openoutcry_best_bid", "{{symbol}} bid"), Query("openoutcry_best_ask", "{{symbol}} ask")),
        ),
        Graph("Frames a second", (Query(_rate("frames", "channel"), "{{channel}}"),), "cps"),
        Graph("Age of the newest frame", (Query("openoutcry_feed_age_seconds", "{{channel}}"),), "s"),
        Graph("Spread", (Query("openoutcry_spread_ticks", "{{symbol}} ticks"),)),
        Graph("Imbalance", (Query("openoutcry_imbalance", "{{symbol}}, five levels"),)),
        Graph(
            "Repairs and alerts",
            tuple(
                Query(_total(name), legend)
                for name, legend in (
                    ("snapshots", "snapshots joined"),
                    ("backfilled_trades", "trades fetched"),
                    ("alerts", "anomalies"),
                )
            ),
            description="Counts since the start.",
        ),
        Graph(
            "What went wrong",
            tuple(
                Query(_total(name), legend)
                for name, legend in (
                    ("gaps", "gaps"),
                    ("resyncs", "resyncs"),
                    ("reconnects", "reconnects"),
                    ("decode_errors", "unreadable"),
                    ("tape_restarts", "holes not filled"),
                    ("faults", "faults"),
                    ("recovered_faults", "recovered"),
                )
            ),
            description="Counts since the start. Faults and recovered should meet.",
        ),
    ),
    "From candle to approval": (
        Graph(
            "Decisions",
            tuple(
                Query(_total(name), legend)
                for name, legend in (
                    ("candles", "candles"),
                    ("classifications", "classifications"),
                    ("votes", "votes"),
                    ("abstentions", "abstentions"),
                    ("signals", "signals"),
                    ("orderintents", "intents"),
                )
            ),
            description="Counts since the start.",
        ),
        Graph(
            "Verdicts",
            (
                Query(_total("intents_approved"), "approved"),
                Query("sum by (check) (openoutcry_intents_refused_total)", "refused: {{check}}"),
            ),
            description="Counts since the start.",
        ),
        Graph(
            "Account",
            (
                Query("openoutcry_equity", "{{symbol}} equity"),
                Query("openoutcry_cash", "{{symbol}} cash"),
            ),
        ),
    ),
    "Orders": (
        Graph(
            "Orders",
            tuple(
                Query(_total(name), legend)
                for name, legend in (
                    ("orders", "parents"),
                    ("child_orders", "children"),
                    ("orders_accepted", "accepted"),
                    ("orders_rejected", "rejected"),
                    ("orders_done", "done"),
                    ("fills", "fills"),
                )
            ),
            description="Counts since the start.",
        ),
        Graph(
            "Under way",
            (
                Query("sum(openoutcry_open_orders)", "open"),
                Query("sum(openoutcry_unknown_orders)", "unproved"),
            ),
        ),
        Graph(
            "Profit, fees apart",
            (
                Query("sum(openoutcry_profit)", "before fees"),
                Query("sum(openoutcry_profit) - sum(openoutcry_fees_paid)", "after fees"),
            ),
        ),
        Graph("Drawdown", (Query("openoutcry_drawdown_ratio", "{{symbol}}"),), "percentunit"),
        Graph("Fees by asset", (Query("sum by (asset) (openoutcry_fees_total)", "{{asset}}"),)),
    ),
    "Latency": (
        Graph(
            "Hops, median",
            (Query(_quantile(0.5), "{{source}} → {{destination}}"),),
            "s",
            "Buckets are powers of two: a value errs by at most a factor of two.",
        ),
        Graph("Hops, 99 of 100", (Query(_quantile(0.99), "{{source}} → {{destination}}"),), "s"),
        Graph(
            "Not delivered twice, or not at all",
            tuple(
                Query(_total(name), legend)
                for name, legend in (
                    ("edge_dropped", "dropped"),
                    ("edge_conflated", "conflated"),
                    ("edge_refused", "refused"),
                    ("actor_late", "too late"),
                    ("actor_gaps", "missing"),
                    ("actor_duplicates", "duplicates"),
                    ("journal_duplicates", "journaled already"),
                    ("candles_without_classification", "candles without opinion"),
                    ("classifications_without_candle", "opinions without candle"),
                )
            ),
            description="Counts since the start. Only alerts may be dropped, only states conflated.",
        ),
        Graph(
            "Waiting to be taken",
            (
                Query("openoutcry_mailbox_messages", "{{role}}, sent"),
                Query("openoutcry_backlog_messages", "{{role}}, received"),
            ),
        ),
        Graph("Waiting by edge", (Query("openoutcry_edge_depth", "{{role}} → {{edge}}"),)),
        Graph(
            "Oldest message of an edge", (Query("openoutcry_edge_age_seconds", "{{role}} → {{edge}}"),), "s"
        ),
    ),
    "Actors": (
        Graph("Up", (Query("openoutcry_up", "{{role}}"),)),
        Graph("Age of the last heartbeat", (Query("openoutcry_heartbeat_age_seconds", "{{role}}"),), "s"),
        Graph("Memory", (Query("openoutcry_resident_memory_bytes", "{{role}}"),), "bytes"),
        Graph("Restarts", (Query("openoutcry_actor_restarts_total", "{{role}}"),)),
        Graph(
            "Failures",
            (
                Query(_total("actor_failures"), "handlers"),
                Query(_total("actor_hangs"), "hung actors"),
                Query(_total("classifier_failures"), "classifiers"),
                Query(_total("strategy_failures"), "strategy"),
                Query(_total("plugin_review_failures"), "order reviews"),
            ),
        ),
        Graph("Journal", (Query(_rate("journal_written", "role"), "decisions a second"),), "cps"),
    ),
}


def _thresholds(good: Good) -> dashboard.ThresholdsConfig:
    green, red = "green", "red"
    steps = {
        "zero": [Threshold(color=green, value=None), Threshold(color=red, value=1)],
        "one": [Threshold(color=red, value=None), Threshold(color=green, value=1)],
        "any": [Threshold(color=green, value=None)],
    }[good]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _target(query: Query, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).ref_id(chr(ord("A") + index)).datasource(SOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _stat(panel: Stat) -> stat.Panel:
    return (
        stat.Panel()
        .title(panel.title)
        .datasource(SOURCE)
        .unit(panel.unit)
        .decimals(panel.decimals)
        .graph_mode(BigValueGraphMode.NONE)
        .thresholds(_thresholds(panel.good))
        .reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .height(STAT_HEIGHT)
        .span(STAT_WIDTH)
        .with_target(_target(Query(panel.query), 0))
    )


def _graph(panel: Graph) -> timeseries.Panel:
    legend = common_builder.VizLegendOptions()
    legend = legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    built = timeseries.Panel().title(panel.title).datasource(SOURCE).unit(panel.unit).legend(legend)
    built = built.height(GRAPH_HEIGHT).span(GRAPH_WIDTH).line_width(1)
    if panel.description:
        built = built.description(panel.description)
    for index, query in enumerate(panel.queries):
        built = built.with_target(_target(query, index))
    return built


def build() -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("openoutcry")
        .uid("openoutcry")
        .description("One openoutcry: what it sees, decides and holds, and how it is.")
        .tags(["openoutcry", "trading"])
        .time("now-15m", "now")
        .refresh("5s")
        .timezone("utc")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    number = itertools.count(1)
    for title, panels in ROWS.items():
        board = board.with_row(dashboard.Row(title).id(next(number)))
        for panel in panels:
            built = _stat(panel) if isinstance(panel, Stat) else _graph(panel)
            board = board.with_panel(built.id(next(number)))
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board.build()) + "\n"


def expressions() -> list[str]:
    """Every expression on the dashboard."""
    panels = [panel for row in ROWS.values() for panel in row]
    return [
        query
        for panel in panels
        for query in (
            [panel.query] if isinstance(panel, Stat) else [each.expression for each in panel.queries]
        )
    ]


if __name__ == "__main__":
    OUTPUT.write_text(build(), encoding="utf-8")
    print(f"{OUTPUT.name}: {sum(map(len, ROWS.values()))} panels, {len(expressions())} expressions")

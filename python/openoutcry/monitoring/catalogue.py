"""Every metric there is, once: its name, kind, label and meaning.

Actors name a figure by its key, as `gaps` or in full as `openoutcry_gaps_total`. A key may end with a
label's value behind a colon: `frames:depth` is `openoutcry_frames_total{channel="depth"}`.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge"]

PREFIX: Final = "openoutcry_"
LATENCY_NAME: Final = "openoutcry_hop_latency_seconds"  # a histogram by source and destination
LATENCY_HELP: Final = "Time from an actor's sending to another's receiving, in buckets of powers of two µs."
MAX_LABEL_VALUES: Final = 64  # of one metric of one role; further ones are counted as unknown


class Metric(NamedTuple):
    """A figure in base units. All have the label `role`; `label` names one more, if a key carries a value."""

    key: str
    kind: Kind
    help: str
    label: str = ""

    @property
    def name(self) -> str:
        """The exported name; a counter's ends with `_total`."""
        return f"{PREFIX}{self.key}{'_total' if self.kind == 'counter' else ''}"


def _counter(key: str, text: str, label: str = "") -> Metric:
    return Metric(key, "counter", text, label)


def _gauge(key: str, text: str, label: str = "") -> Metric:
    return Metric(key, "gauge", text, label)


CATALOGUE: Final[tuple[Metric, ...]] = (
    # The system, kept by the observer itself.
    _gauge("up", "1 while the actor's heartbeat is fresh and it has not failed."),
    _gauge("actor_state", "1 for the state the actor is in.", "state"),
    _gauge("heartbeat_age_seconds", "Time since the actor's last heartbeat."),
    _gauge("mailbox_messages", "Messages under way from the actor, or waiting to be sent."),
    _gauge("resident_memory_bytes", "Memory of the actor's process."),
    _gauge("unknown_metrics", "Figures the actor reports that the catalogue does not have."),
    _counter("actor_restarts", "Times the actor was restarted."),
    _counter("actor_failures", "Messages whose handler raised."),
    _counter("actor_duplicates", "Messages that came twice and were dropped."),
    _counter("actor_late", "Messages that came after their deadline and were refused."),
    _counter("actor_gaps", "Messages missing in the sequence between two actors."),
    _counter("actor_hangs", "Times the actor was killed because it hung."),
    _gauge("backlog_messages", "Messages the actor has received and not yet handled."),
    # Edges, as their source sees them; the label is "destination/Kind".
    _gauge("edge_depth", "Messages of an edge under way, or waiting to be sent.", "edge"),
    _gauge("edge_age_seconds", "Age of the oldest message of an edge, under way or waiting.", "edge"),
    _counter(
        "edge_dropped",
        "Messages dropped by a full edge whose policy allows it, or meant for a receiver that was gone.",
        "edge",
    ),
    _counter("edge_conflated", "Messages replaced by a newer one on a full edge.", "edge"),
    _counter("edge_refused", "Messages that a full edge refused, and told its sender so.", "edge"),
    # Market data.
    _counter("frames", "Frames applied to the book or the tape.", "channel"),
    _counter("candles", "Candles closed."),
    _counter("alerts", "Anomalies seen in the market data."),
    _counter("gaps", "Sequence gaps in the depth stream."),
    _counter("snapshots", "Books joined with a snapshot."),
    _counter("resyncs", "Books joined after the first one."),
    _counter("reconnects", "Connections to the venue that were made anew."),
    _counter("backfilled_trades", "Missed trades that were fetched."),
    _counter("tape_restarts", "Holes in the trade tape too large to fill."),
    _counter("decode_errors", "Frames that could not be read."),
    _counter(
        "faults", "Lost connections, breaches of the venue's rule (gaps among them) and malformed frames."
    ),
    _counter("recovered_faults", "Faults after which the feed was live again."),
    _gauge("feed_live", "1 while the feed permits new orders."),
    _gauge("feed_age_seconds", "Age of the newest frame.", "channel"),
    _gauge("best_bid", "Best bid in the quote asset.", "symbol"),
    _gauge("best_ask", "Best ask in the quote asset.", "symbol"),
    _gauge("spread_ticks", "Best ask less best bid.", "symbol"),
    _gauge("imbalance", "Imbalance of the best five levels in [-1, 1].", "symbol"),
    # Opinions and wishes.
    _counter("votes", "Votes cast, abstentions not counted."),
    _counter("abstentions", "Votes withheld."),
    _counter("classifications", "Candles classified."),
    _counter("classifier_failures", "Classifiers that raised or answered nonsense."),
    _counter("classification_duplicate_candles", "Candles that came twice."),
    _gauge("classifiers_quarantined", "Classifiers that are no longer asked."),
    _counter("signals", "Signals of the strategy."),
    _counter("orderintents", "Order intents of the strategy."),
    _counter("strategy_signals", "Signals of the strategy desk."),
    _counter("strategy_intents", "Intents of the strategy desk."),
    _counter("strategy_orders_unfilled", "Orders that ended before they were filled and are still wanted."),
    _counter("strategy_failures", "Candles on which the strategy raised."),
    _counter("strategy_duplicate_messages", "Messages the strategy desk had seen before."),
    _counter("candles_without_classification", "Candles given up because no opinion on them came."),
    _counter("classifications_without_candle", "Opinions given up because their candle did not come."),
    _gauge("plugins_loaded", "Plugins in use."),
    _gauge("plugins_disabled", "Plugins that could not be used."),
    _counter("plugin_review_failures", "Order reviews of plugins that raised; each refused its order."),
    # Risk.
    _counter("intents_approved", "Order intents approved."),
    _counter("intents_refused", "Order intents refused.", "check"),
    _gauge("halted", "1 while the halt is armed."),
    _gauge("equity", "Account value in the quote asset.", "symbol"),
    _gauge("drawdown_ratio", "Fall of the account's value from its highest.", "symbol"),
    # Execution.
    _counter("orders", "Parent orders taken on."),
    _counter("child_orders", "Child orders sent to the venue."),
    _counter("orders_accepted", "Child orders that the venue holds or held."),
    _counter("orders_rejected", "Child orders that the venue refused."),
    _counter("orders_done", "Parent orders ended."),
    _counter("fills", "Trades of ours."),
    _counter("fees", "Fees paid, in the label's asset.", "asset"),
    _gauge("open_orders", "Child orders not yet ended."),
    _gauge("unknown_orders", "Child orders of which the venue has proved nothing."),
    _gauge("position", "Held quantity of the base asset.", "symbol"),
    _gauge("profit", "Realised profit in the quote asset, before fees.", "symbol"),
    _gauge("cash", "Held quantity of the quote asset.", "symbol"),
    _gauge("unreconciled", "Orders and amounts for which journal and venue do not agree."),
    _gauge("fees_paid", "Fees in the quote asset.", "symbol"),
    # Memory.
    _counter("journal_written", "Messages written to the decision journal."),
    _counter("journal_duplicates", "Messages that the journal held already."),
    _counter("journal_conflicts", "Messages with the id of a different one."),
)

_BY_KEY: Final = {metric.key: metric for metric in CATALOGUE}


def find(key: str) -> tuple[Metric, str] | None:
    """The metric that a heartbeat's key means, and the label's value; None if there is no such metric."""
    stem, _, value = key.partition(":")
    metric = _BY_KEY.get(stem.removeprefix(PREFIX).removesuffix("_total"))
    return None if metric is None or (value and not metric.label) else (metric, value)

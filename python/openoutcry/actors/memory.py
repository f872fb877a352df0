"""The memory actor: writes the decision journal, and tells those who restart what went before."""

from openoutcry.actors.actor import Actor
from openoutcry.assembly import factory
from openoutcry.assembly.topology import EXECUTION, MEMORY
from openoutcry.domain.control import CandleHistory, ReplayCandles
from openoutcry.domain.message import Message
from openoutcry.domain.units import TimestampNs


class MemoryActor(Actor):
    """One a system. It keeps every decision, in batches."""

    role = MEMORY

    def configure(self) -> dict[str, str]:
        """Open the journal."""
        self.journal = factory.decision_journal(self.settings, self.run_dir)
        return {"decisions_path": str(self.journal.path)}

    def handle_ReplayCandles(self, message: ReplayCandles, now_ns: TimestampNs) -> None:  # noqa: N802  found by name
        """Answer with the last candles."""
        del now_ns
        self.journal.flush()
        candles = tuple(self.journal.last_candles(message.symbol, message.count))
        # The table sends the answer to each role that may ask; for the others it is an idempotent reminder.
        self.publish(
            CandleHistory(
                id=f"history:{message.id}", cause_id=message.id, symbol=message.symbol, candles=candles
            )
        )

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Keep a decision."""
        self.journal.record(message, now_ns)

    def _acknowledge(self, source: str) -> None:
        self.journal.flush()  # what is acknowledged is not sent again: it must be written
        super()._acknowledge(source)

    def stop(self, reason: str) -> None:
        """Write the rest. Without a supervisor, not before execution has ended: its last words are kept."""
        if self.is_orphan and self.is_alive(EXECUTION):
            self.state = "running"
            return
        del reason
        self.journal.flush()
        self.stopped()

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """What was written."""
        journal = self.journal
        counters = {
            "journal_written": float(journal.written),
            "journal_duplicates": float(journal.duplicates),
            "journal_conflicts": float(journal.conflicts),
        }
        return counters, {}, {}

    def tick(self, now_ns: TimestampNs) -> None:
        """Write what has waited long enough."""
        self.journal.on_timer(now_ns)
        if self.is_orphan and self.state == "running":
            self.stop("the supervisor is gone")

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

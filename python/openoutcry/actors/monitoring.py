"""The monitoring actor: gathers every actor's heartbeat and serves them."""

from openoutcry.actors.actor import Actor
from openoutcry.assembly import factory
from openoutcry.assembly.topology import EXECUTION, MONITORING, ROLES
from openoutcry.domain.control import Heartbeat
from openoutcry.domain.units import TimestampNs


class MonitoringActor(Actor):
    """One a system. It serves /metrics, /status and /healthz on loopback."""

    role = MONITORING

    def configure(self) -> dict[str, str]:
        """Listen."""
        facts = {"run_id": self.run_id, "mode": self.settings.mode, "run_dir": str(self.run_dir)}
        self.observer, self.server = factory.monitoring(self.settings, ROLES, facts)
        return {"monitoring_url": self.server.url}

    def handle_Heartbeat(self, message: Heartbeat, now_ns: TimestampNs) -> None:  # noqa: N802  found by name
        """Keep an actor's latest figures."""
        self.observer.observe(message, now_ns)

    def tick(self, now_ns: TimestampNs) -> None:
        """Without a supervisor, watch until execution has ended."""
        del now_ns
        if self.is_orphan and self.state == "running":
            self.stop("the supervisor is gone")

    def stop(self, reason: str) -> None:
        """End, but not while an orphaned execution is still at work."""
        if self.is_orphan and self.is_alive(EXECUTION):
            self.state = "running"
        else:
            super().stop(reason)

    def close(self) -> None:
        """Stop serving."""
        self.server.close()

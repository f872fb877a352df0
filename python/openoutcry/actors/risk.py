"""The risk actor: intents in, approvals and refusals out."""

from openoutcry.actors.actor import Actor
from openoutcry.assembly import factory
from openoutcry.assembly.paths import halt_latch
from openoutcry.assembly.topology import RISK
from openoutcry.domain.control import ReportPosition
from openoutcry.domain.message import Message
from openoutcry.domain.orders import Approved, Refused
from openoutcry.domain.units import TimestampNs


class RiskActor(Actor):
    """One an account. Its decider is the risk officer, who knows nothing until execution has reported."""

    role = RISK

    def configure(self) -> dict[str, str]:
        """Build the officer."""
        self.plugins = factory.plugins(self.settings)
        self.decider = factory.risk_officer(
            self.settings,
            factory.instruments(self.run_dir),
            halt_latch(self.settings),
            self.plugins,
        )
        return {}

    def start(self) -> None:
        """Ask execution what is held."""
        for symbol in self.settings.symbols:
            self.publish(ReportPosition(id=f"report-position:{symbol}:{self.restarts}", symbol=symbol))

    def handle(self, message: Message, now_ns: TimestampNs) -> None:
        """Let the officer decide."""
        for answer in self.decider.decide(message, now_ns):
            match answer:
                case Approved():
                    self.count("intents_approved")
                case Refused():
                    self.count(f"intents_refused:{answer.check}")
            self.publish(answer)

    def report(self) -> tuple[dict[str, float], dict[str, float], dict[str, object]]:
        """The account's value, and the plugins that may forbid orders."""
        plugins = self.plugins.counters
        counters = {"plugin_review_failures": plugins.pop("plugin_review_failures")}
        return counters, {**plugins, **self.decider.gauges}, {}
